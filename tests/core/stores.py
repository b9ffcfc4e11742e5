"""A real S3 server (moto), and a proxy before it that counts, and that breaks what it is told to."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Proxy:
    """What went through it: ``requests`` by method, ``given`` bytes of content.

    ``faults``: what becomes of an answer, by turn: "500", "lost" (the same, of what was done), "cut", "slow", or ""
    where it is passed on.
    """

    port: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    given: int = 0
    faults: list[str] = field(default_factory=list)
    methods: tuple[str, ...] = ("GET",)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, method: str) -> str:
        """The next one."""
        with self.lock:
            return self.faults.pop(0) if method in self.methods and self.faults else ""


def _handler(proxy: Proxy, port: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = proxy.fault(self.command)
            if fault == "500":
                self.send_response(500)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            upstream = HTTPConnection("127.0.0.1", port, timeout=60)
            upstream.request(self.command, self.path, content, dict(self.headers))
            answer = upstream.getresponse()
            body = answer.read()
            with proxy.lock:
                proxy.requests[self.command] += 1
                proxy.given += len(body)
            if fault == "slow":
                time.sleep(0.5)
            self.send_response(500 if fault == "lost" else answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "content-length", "server", "date"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(body))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)
            if fault == "cut":
                self.close_connection = True
            upstream.close()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    return Handler


@pytest.fixture(scope="session")
def _moto() -> Iterator[int]:
    from moto.server import ThreadedMotoServer

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    yield port
    server.stop()


@pytest.fixture
def proxy(_moto: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Proxy]:
    """The way to the server, of which the environment tells; nothing is known of earlier ones."""
    from wganalyze.remote import path

    made = Proxy()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made, _moto))
    server.daemon_threads = True
    made.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-may-see",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{made.port}",
        "WGANALYZE_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    path._filesystem.cache_clear()
    path._folders.clear()
    yield made
    path._filesystem.cache_clear()
    path._folders.clear()
    server.shutdown()
    server.server_close()


@pytest.fixture
def bucket(proxy: Proxy) -> Any:
    """An empty bucket, as a path."""
    from wganalyze.remote.path import _filesystem, location

    name = f"bucket-{uuid.uuid4().hex[:12]}"
    _filesystem("s3").mkdir(name)
    return location(f"s3://{name}")
