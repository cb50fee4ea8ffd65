"""An SFTP server that asks for a password, in threads of this process. Needs paramiko."""

import os
import pathlib
import socket
import threading

import paramiko


class _Login(paramiko.ServerInterface):
    def __init__(self, user, password):
        self._right = (user, password)

    def get_allowed_auths(self, username):
        return "password"

    def check_auth_password(self, username, password):
        right = (username, password) == self._right
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


def _status(work):
    """What SFTP answers for a call that may fail."""
    try:
        work()
        return paramiko.SFTP_OK
    except OSError as error:
        return paramiko.SFTPServer.convert_errno(error.errno)


def _files_of(root):
    class Files(paramiko.SFTPServerInterface):
        def _real(self, path):
            return root + self.canonicalize(path)

        def list_folder(self, path):
            try:
                names = os.listdir(self._real(path))
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)
            return [paramiko.SFTPAttributes.from_stat(os.stat(f"{self._real(path)}/{name}"), name)
                    for name in names]

        def stat(self, path):
            try:
                return paramiko.SFTPAttributes.from_stat(os.stat(self._real(path)))
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)

        lstat = stat

        def open(self, path, flags, attr):
            try:
                fd = os.open(self._real(path), flags, 0o600)
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)
            handle = paramiko.SFTPHandle(flags)
            handle.readfile = handle.writefile = os.fdopen(fd, "rb" if flags & 3 == 0 else "wb")
            return handle

        def remove(self, path):
            return _status(lambda: os.remove(self._real(path)))

        def rename(self, old, new):
            if os.path.exists(self._real(new)):
                return paramiko.SFTP_FAILURE  # as OpenSSH does
            return _status(lambda: os.rename(self._real(old), self._real(new)))

        def mkdir(self, path, attr):
            return _status(lambda: os.mkdir(self._real(path)))

    return Files


class SftpServer:
    def __init__(self, root, user, password):
        self._root = str(pathlib.Path(root))
        self._login = (user, password)
        self._key = paramiko.ECDSAKey.generate()
        self._transports = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def public_key(self):
        return f"{self._key.get_name()} {self._key.get_base64()}"

    def _accept(self):
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(line)
            self._transports.append(transport)
            transport.add_server_key(self._key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _files_of(self._root))
            try:
                transport.start_server(server=_Login(*self._login))
            except (paramiko.SSHException, EOFError):
                transport.close()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for transport in self._transports:
            transport.close()
