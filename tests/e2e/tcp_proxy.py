"""A TCP proxy whose line can be cut or swallowed."""

import socket
import threading

CHUNK = 64 * 1024


class TcpProxy:
    """Forwards 127.0.0.1:port to a port of the same host.

    pass_on()     everything flows
    cut()         connections are closed, new ones are closed at once
    swallow()     connections stay open, new ones are accepted, no byte moves: what a dead router does;
                  on pass_on() the bytes held back go on their way
    """

    def __init__(self, target_port):
        self._target = target_port
        self._changed = threading.Condition()
        self._mode = "pass"  # guarded by _changed
        self._sockets = set()  # guarded by _changed
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def pass_on(self):
        self._set("pass")

    def cut(self):
        self._set("cut")

    def swallow(self):
        self._set("swallow")

    def close(self):
        self._set("closed")
        # Wakes the accept call, which a close alone would not.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def connections(self):
        """How many lines are open at present."""
        with self._changed:
            return len(self._sockets) // 2

    def passed(self, data):
        """What goes on of `data`, which came at one time; for proxies that alter it, either way."""
        return data

    def _set(self, mode):
        with self._changed:
            self._mode = mode
            if mode in ("cut", "closed"):
                for one in self._sockets:
                    _shut(one)
            self._changed.notify_all()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                refused = self._mode in ("cut", "closed")
            if refused:
                near.close()
                continue
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near):
        try:
            far = socket.create_connection(("127.0.0.1", self._target), timeout=10)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        for one in (near, far):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._changed:
            if self._mode in ("cut", "closed"):
                near.close()
                far.close()
                return
            self._sockets |= {near, far}
        back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
        back.start()
        self._pump(near, far)
        back.join()
        with self._changed:
            self._sockets -= {near, far}
        near.close()
        far.close()

    def _pump(self, source, sink):
        try:
            while True:
                data = source.recv(CHUNK)
                with self._changed:
                    self._changed.wait_for(lambda: self._mode != "swallow")
                    if self._mode != "pass":
                        break
                if not data:
                    break
                sink.sendall(self.passed(data))
        except OSError:
            pass
        _shut(source)
        _shut(sink)


def _shut(one):
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
