"""WebSocket by Python's websockets: a request with Upgrade becomes a tunnel."""

from client_test import WebTest
from harness import accepts, spawn, wait_until
from lab import PROGRAMS, PYTHON, suffixed

NAME, ADDRESS, HTTPS = "ws.example.com", "203.0.113.31", "443"


class WebSocket(WebTest):
    names = {NAME: ADDRESS}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pair = cls.lab.world.certificates.issue(NAME)
        server = spawn(*cls.lab.distance.far.command(
            PYTHON, "-B", PROGRAMS / "websocket_server.py", ADDRESS, HTTPS, *pair))
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.kill)
        wait_until(lambda: accepts(f"{ADDRESS}:{HTTPS}"), "the WebSocket server")

    def test_messages_in_both_directions(self):
        url = suffixed("https://" + NAME).replace("http://", "ws://") + "/chat"
        for _ in range(2):
            self.run_client(PYTHON, "-B", PROGRAMS / "websocket_client.py", url)
        records = self.nikawa.access_log(2)
        self.assertEqual([(record["status"], record.get("error")) for record in records],
                         [(101, None)] * 2)
