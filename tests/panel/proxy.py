"""A reverse proxy as people put before Stash: serves everything under a path prefix, says so in a header, lets no websocket through."""

from __future__ import annotations

import contextlib
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"}


@contextlib.contextmanager
def prefix_proxy(port: int, prefix: str = "/stash") -> Iterator[str]:
    """Serve the Stash of a port under a prefix; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Upgrade") or not self.path.startswith(prefix + "/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP} | {"X-Forwarded-Prefix": prefix}
            behind = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                behind.request(self.command, self.path.removeprefix(prefix), body or None, headers)
                answer = behind.getresponse()
                content = answer.read()
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP | {"content-length"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                behind.close()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
