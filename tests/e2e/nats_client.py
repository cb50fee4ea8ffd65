"""A NATS client in a page, to look into the log and to put bad records there by hand."""

import base64
import json
import socket
import uuid


class NatsClient:
    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._file = self._socket.makefile("rb")
        self.info = json.loads(self._file.readline().split(b" ", 1)[1])
        self._send('CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}')
        self._inbox = "_INBOX." + uuid.uuid4().hex
        self._send(f"SUB {self._inbox}.* 1")
        self._count = 0

    def close(self):
        self._file.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _send(self, line, payload=None):
        data = line.encode() + b"\r\n"
        if payload is not None:
            data += payload + b"\r\n"
        self._socket.sendall(data)

    def request(self, subject, payload=b"", headers=None):
        """Publishes and returns (headers, payload) of the answer."""
        self._count += 1
        reply = f"{self._inbox}.{self._count}"
        if headers:
            block = "NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
            block = block.encode()
            size = len(block) + len(payload)
            self._send(f"HPUB {subject} {reply} {len(block)} {size}", block + payload)
        else:
            self._send(f"PUB {subject} {reply} {len(payload)}", payload)
        while True:
            to, head, body = self._message()
            if to == reply:
                return head, body

    def _message(self):
        while True:
            line = self._file.readline()
            if not line:
                raise ConnectionError("the server closed the connection")
            words = line.split()
            if words[0] == b"PING":
                self._send("PONG")
            elif words[0] == b"-ERR":
                raise ConnectionError(line.decode())
            elif words[0] in (b"MSG", b"HMSG"):
                size = int(words[-1])
                header_size = int(words[-2]) if words[0] == b"HMSG" else 0
                data = self._file.read(size + 2)[:size]
                return words[1].decode(), data[:header_size], data[header_size:]

    def api(self, name, request=None):
        """Asks JetStream; answers are its JSON."""
        body = json.dumps(request or {}).encode() if request else b""
        head, answer = self.request("$JS.API." + name, body)
        if not answer:
            raise LookupError(f"{name}: {head.decode().splitlines()[0]}")
        return json.loads(answer)

    def streams(self, prefix):
        """Names of the streams that start with `prefix`."""
        names = self.api("STREAM.NAMES").get("streams") or []
        return [name for name in names if name.startswith(prefix)]

    def stream_state(self, stream):
        return self.api(f"STREAM.INFO.{stream}")["state"]

    def delete_stream(self, stream):
        return self.api(f"STREAM.DELETE.{stream}")

    def record(self, stream, sequence):
        """(subject, payload) of one record, or None when it is not there."""
        answer = self.api(f"STREAM.MSG.GET.{stream}", {"seq": sequence})
        if "error" in answer:
            return None
        message = answer["message"]
        return message["subject"], base64.b64decode(message.get("data", ""))

    def publish(self, subject, payload):
        """Stores a record and returns its sequence."""
        head, answer = self.request(subject, payload)
        if not answer:
            raise LookupError(f"{subject}: {head.decode().splitlines()[0]}")
        answer = json.loads(answer)
        assert "error" not in answer, answer
        return answer["seq"]
