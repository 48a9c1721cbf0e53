"""A web server on this machine that behaves as archives do on bad days: throttles, drops, truncates, serves pages for sounds."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

BUSY = b"<!DOCTYPE html><html><body>503 Service Temporarily Unavailable</body></html>"
FAULTS = ("throttle", "busy", "drop", "truncate", "page", "empty", "wrong_hash")


@dataclass
class Reply:
    """What a route answers: a body, or a status with its headers."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/octet-stream"
    headers: dict = field(default_factory=dict)


@dataclass
class Site:
    """routes: path -> body, Reply, or function of the query. faults: path -> faults of its next answers; "*" is any path."""

    url: str = ""
    routes: dict[str, bytes | Reply | Callable[[dict], bytes | Reply]] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    always: str = ""  # a fault of every answer
    retry_after: str = "7"
    asked: list[tuple[str, dict, dict]] = field(default_factory=list)  # path, query, headers

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    def reply(self, path: str, query: dict) -> Reply:
        route = self.routes.get(path, Reply(b"gone", 404))
        found = route(query) if callable(route) else route
        return found if isinstance(found, Reply) else Reply(found)

    def fault(self, path: str) -> str:
        waiting = self.faults.get(path) or self.faults.get("*") or []
        return self.always or (waiting.pop(0) if waiting else "")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        site: Site = self.server.site
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        site.asked.append((parts.path, query, dict(self.headers)))
        fault, reply = site.fault(parts.path), site.reply(parts.path, query)
        if fault == "drop":
            self.close_connection = True
            return
        if fault == "throttle":
            reply = Reply(b"slow down", 429, "text/plain", {"Retry-After": site.retry_after})
        elif fault == "busy":
            reply = Reply(BUSY, 503, "text/html")
        elif fault == "page":
            reply = Reply(BUSY, 200, "text/html")
        elif fault == "empty":
            reply = Reply(b"", 200, reply.content_type)
        elif fault == "wrong_hash":
            digest = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
            reply = Reply(reply.body, 200, reply.content_type, {"Repr-Digest": f"sha-256=:{digest}:"})
        self._send(reply, cut=fault == "truncate")

    def _send(self, reply: Reply, cut: bool) -> None:
        body, status, headers = reply.body, reply.status, dict(reply.headers)
        etag = headers.get("ETag", "")
        if etag and self.headers.get("If-None-Match") == etag:
            body, status = b"", 304
        elif etag and self.headers.get("If-Range") == etag and self.headers.get("Range"):
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        self.send_response(status)
        if status != 304:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut or self.close_connection


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up, as it may, is no fault of the test."""


@contextmanager
def faulty_site() -> Iterator[Site]:
    """A running site, its address in `url`; ended with the block."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.site = Site(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.site
    finally:
        server.shutdown()
        server.server_close()
