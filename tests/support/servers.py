"""Real servers of stores, in this process and for this machine only: S3 by moto, WebDAV by wsgidav, SFTP by paramiko."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import urllib.request

USER, PASSWORD = "somebody", "a pass/word"
QUOTED = "a%20pass%2Fword"


@contextlib.contextmanager
def s3_server():
    """The address of a bucket, without a login."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/bucket", method="PUT")).close()
        yield f"s3://bucket/some/vault?endpoint=http://{host}:{port}&region=us-east-1"
    finally:
        server.stop()


@contextlib.contextmanager
def webdav_server(folder):
    """The address of a folder, with a login."""
    from cheroot import wsgi
    from wsgidav.fs_dav_provider import FilesystemProvider
    from wsgidav.wsgidav_app import WsgiDAVApp

    app = WsgiDAVApp({
        "provider_mapping": {"/dav": FilesystemProvider(str(folder))}, "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
        "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False}, "verbose": 0, "logging": {"enable": False},
    })
    server = wsgi.Server(("127.0.0.1", 0), app)
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield f"webdav://{USER}:{QUOTED}@127.0.0.1:{server.bind_addr[1]}/dav/vault"
    finally:
        server.stop()
        thread.join(10)


@contextlib.contextmanager
def sftp_server(folder):
    """(The address of a folder, with a login; a line for known_hosts.)"""
    import paramiko

    key = paramiko.RSAKey.generate(2048)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    open_ones = []

    class Login(paramiko.ServerInterface):
        def check_auth_password(self, username, password):
            return paramiko.AUTH_SUCCESSFUL if (username, password) == (USER, PASSWORD) else paramiko.AUTH_FAILED

        def check_channel_request(self, kind, chanid):
            return paramiko.OPEN_SUCCEEDED

        def get_allowed_auths(self, username):
            return "password"

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _files(str(folder)))
            with contextlib.suppress(paramiko.SSHException, EOFError):
                transport.start_server(server=Login())
            open_ones.append(transport)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"sftp://{USER}:{QUOTED}@127.0.0.1:{port}/vault", f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for transport in open_ones:
            transport.close()
        thread.join(10)


def _files(root):
    """The files below a folder, as SFTP wants them."""
    import paramiko

    def answered(do):
        def asked(self, *arguments):
            try:
                return do(self, *arguments)
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)

        return asked

    class Handle(paramiko.SFTPHandle):
        def stat(self):
            return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))

    class Files(paramiko.SFTPServerInterface):
        def at(self, path):
            return root + self.canonicalize(path)

        @answered
        def list_folder(self, path):
            return [paramiko.SFTPAttributes.from_stat(os.stat(os.path.join(self.at(path), name)), name) for name in os.listdir(self.at(path))]

        @answered
        def stat(self, path):
            return paramiko.SFTPAttributes.from_stat(os.stat(self.at(path)))

        lstat = stat

        @answered
        def open(self, path, flags, attr):
            writes = flags & (os.O_WRONLY | os.O_RDWR)
            file = os.fdopen(os.open(self.at(path), flags & ~os.O_WRONLY | os.O_RDWR if writes else flags, 0o600), "r+b" if writes else "rb")
            handle = Handle(flags)
            handle.readfile = handle.writefile = file
            return handle

        @answered
        def remove(self, path):
            os.remove(self.at(path))
            return paramiko.SFTP_OK

        @answered
        def posix_rename(self, old, new):
            os.replace(self.at(old), self.at(new))
            return paramiko.SFTP_OK

        @answered
        def mkdir(self, path, attr):
            os.mkdir(self.at(path))
            return paramiko.SFTP_OK

        @answered
        def rmdir(self, path):
            os.rmdir(self.at(path))
            return paramiko.SFTP_OK

    return Files
