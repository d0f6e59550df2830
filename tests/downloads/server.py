"""A small HTTP server on the loopback that misbehaves on request."""

import contextlib
import dataclasses
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclasses.dataclass
class Site:
    """What the server holds, how it behaves, and what it was asked."""

    files: dict[str, bytes]
    breaks: list[int] = dataclasses.field(
        default_factory=list
    )  # bytes after which each GET breaks off
    errors: list[int] = dataclasses.field(default_factory=list)  # statuses before the true answer
    redirects: dict[str, str] = dataclasses.field(default_factory=dict)
    has_ranges: bool = True
    has_head: bool = True
    has_length: bool = True
    etag: str | None = '"1"'
    requests: list[tuple[str, str, str | None]] = dataclasses.field(default_factory=list)
    url: str = ""

    def gets(self):
        return [(path, span) for method, path, span in self.requests if method == "GET"]


@contextlib.contextmanager
def serve(site):
    handler = type("Handler", (_Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def _answer(self):
        site, is_get = self.site, self.command == "GET"
        site.requests.append((self.command, self.path, self.headers.get("Range")))
        if self.path in site.redirects:
            return self._finish(302, {"Location": site.redirects[self.path]})
        if not is_get and not site.has_head:
            return self._finish(501, {})
        if is_get and site.errors:
            return self._finish(site.errors.pop(0), {})
        if self.path not in site.files:
            return self._finish(404, {})
        body = site.files[self.path]
        start = self._start(body)
        if start > len(body) or (start == len(body) and start):
            return self._finish(416, {"Content-Range": f"bytes */{len(body)}"})
        headers = {"ETag": site.etag} if site.etag else {}
        if site.has_length:
            headers["Content-Length"] = str(len(body) - start)
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self._finish(206 if start else 200, headers, close=False)
        if is_get:
            stop = start + site.breaks.pop(0) if site.breaks else len(body)
            self.wfile.write(body[start:stop])
        self.close_connection = True
        return None

    def _start(self, body):
        span, condition = self.headers.get("Range"), self.headers.get("If-Range")
        if not self.site.has_ranges or span is None or (condition and condition != self.site.etag):
            return 0
        return int(span.removeprefix("bytes=").rstrip("-"))

    def _finish(self, status, headers, close=True):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if close:
            self.send_header("Content-Length", "0")
        self.end_headers()
