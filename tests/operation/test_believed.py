"""What services believe of the proxy comes from the proxy: who a request is from and whether it came over TLS cannot be written by whoever sends it."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from shared.bundled import free_port
from shared.settings import SERVICES
from tests.operation import proxy


class Echo(BaseHTTPRequestHandler):
    """Tells what it was told about who came."""

    def do_GET(self) -> None:
        told = json.dumps({name: self.headers.get_all(name) for name in ("x-forwarded-for", "x-forwarded-proto")}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@proxy.needed
def test_a_client_cannot_say_that_it_is_somebody_else_or_came_in_another_way(tmp_path):
    """Services believe these two headers whoever hands them over (FORWARDED_ALLOW_IPS), and count failed sign-ins by the first."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Echo))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        port = free_port()
        caddy = proxy.start(tmp_path, proxy.make_secrets(tmp_path / "secrets"), port, {service: [server.server_port] for service in SERVICES})
        stack.callback(caddy.wait)
        stack.callback(caddy.terminate)
        client = stack.enter_context(httpx.Client(base_url=f"https://127.0.0.1:{port}", transport=httpx.HTTPTransport(verify=False, retries=8)))
        forged = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http"}
        for service in SERVICES:
            assert client.get(f"/{service}/sign-in", headers=forged).json() == {"x-forwarded-for": ["127.0.0.1"], "x-forwarded-proto": ["https"]}
