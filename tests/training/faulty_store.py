"""An HTTP proxy in front of an S3 server that spoils a share of the answers, as a busy store does."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DROPPED = {"host", "connection", "transfer-encoding"}


@contextlib.contextmanager
def faulty(server: str, every: int, delay_s: float = 0.0) -> Iterator[tuple[str, Counter]]:
    """(address, what happened how often): each `every`th GET or HEAD, the first one too, ends in 500, 503 or a
    body that breaks off, by turns."""
    faults = itertools.cycle(fault for kind in ("500", "503", "short") for fault in [kind] + ["none"] * (every - 1))
    lock, seen = threading.Lock(), Counter()

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            time.sleep(delay_s)
            with lock:
                fault = next(faults)
                if fault == "short" and self.command == "HEAD":
                    fault = "500"
                seen[fault] += 1
            if fault in ("500", "503"):
                self.answer(int(fault), {}, b"")
            else:
                self.answer(*self.asked(), short=fault == "short")

        do_HEAD = do_GET  # noqa: N815

        def do_PUT(self) -> None:
            self.answer(*self.asked(self.rfile.read(int(self.headers.get("Content-Length", 0)))))

        do_POST = do_DELETE = do_PUT  # noqa: N815

        def asked(self, body: bytes | None = None) -> tuple[int, dict, bytes]:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in DROPPED}
            request = urllib.request.Request(server + self.path, data=body, headers=headers, method=self.command)
            try:
                with urllib.request.urlopen(request) as found:
                    return found.status, dict(found.headers), found.read()
            except urllib.error.HTTPError as error:
                return error.code, dict(error.headers), error.read()

        def answer(self, status: int, headers: dict, body: bytes, short: bool = False) -> None:
            self.send_response(status)
            length = headers.get("Content-Length") if self.command == "HEAD" else len(body)
            for name, value in headers.items():
                if name.lower() not in DROPPED | {"content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(length or 0))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[: len(body) // 2] if short else body)
            if short:
                self.close_connection = True

    running = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}", seen
    finally:
        running.shutdown()
        running.server_close()
