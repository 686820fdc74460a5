"""Clients that do not read: they hold their origin, not our memory, and nobody else."""

import json
import pathlib
import resource
import sys
import time
import unittest
import urllib.parse

from harness import IS_SANITIZED, PATIENCE, RawClient, SystemTest, curl, sha256, wait_until
from origins import Nginx, ScriptedOrigin

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent.parent / "bench"))
import h2c  # noqa: E402

MIB = 1 << 20
# The kernel's buffers on both sides of us may grow to some 20 MiB; ours are far below that.
BOUND = 64 * MIB
CROWD = 1500


class SlowReaders(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = Nginx(cls.world)
        cls.addClassCleanup(cls.nginx.close)
        cls.large = bytes(range(256)) * (200 * MIB // 256)
        cls.nginx.file("large", cls.large)
        cls.nginx.file("medium", cls.large[:20 * MIB])

    def ask_and_not_read(self, nikawa, url):
        client = RawClient(nikawa)
        self.addCleanup(client.socket.close)
        _, _, host, path = url.split("/", 3)
        client.send(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
        client.receive_until(b"\r\n\r\n")
        return client

    @staticmethod
    def settled(measure):
        """The first value of `measure` that stays for half a second, or that is over the bound."""
        deadline = time.monotonic() + PATIENCE
        last, since = measure(), time.monotonic()
        while time.monotonic() < deadline and last <= BOUND and time.monotonic() - since < 0.5:
            time.sleep(0.02)
            now = measure()
            if now != last:
                last, since = now, time.monotonic()
        return last

    def test_over_http1_the_origin_is_held_back(self):
        origin = ScriptedOrigin(self.world.certificates.issue("endless.test"))
        self.addCleanup(origin.close)
        nikawa = self.start()
        client = self.ask_and_not_read(nikawa, origin.url("endless.test", "/endless"))
        self.assertLess(self.settled(lambda: origin.sent_bytes), BOUND)
        client.socket.close()
        self.assertTrue(origin.hung_up.wait(PATIENCE))

    def test_over_http2_memory_stays_bounded(self):
        nikawa = self.start()
        curl(nikawa, self.nginx.url("h2.test", "/hello"))
        before = nikawa.resident_bytes()
        self.ask_and_not_read(nikawa, self.nginx.url("h2.test", "/large"))
        growth = self.settled(lambda: nikawa.resident_bytes() - before)
        # A sanitizer keeps freed memory aside for a while.
        self.assertLess(growth, BOUND * (4 if IS_SANITIZED else 1))

    def test_over_http2_others_on_the_session_go_on(self):
        nikawa = self.start()
        for _ in range(3):
            self.ask_and_not_read(nikawa, self.nginx.url("h2.test", "/large"))
        reply = curl(nikawa, self.nginx.url("h2.test", "/medium"))
        self.assertEqual(reply.code, 0)
        self.assertEqual(sha256(reply.body), sha256(self.large[:20 * MIB]))

    def test_over_http2_small_requests_beside_a_slow_reader_keep_their_time(self):
        nikawa = self.start()
        self.ask_and_not_read(nikawa, self.nginx.url("h2.test", "/large"))
        _, _, host, path = self.nginx.url("h2.test", "/hello").split("/", 3)
        began, got = time.monotonic(), 0
        with RawClient(nikawa) as client:
            for _ in range(200):
                client.send(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
                got += len(client.receive_until(b"hello"))
        self.assertLess(time.monotonic() - began, PATIENCE)  # 200 stalls would be far more
        self.assertGreater(got, 200 * len("HTTP/1.1 200 OK\r\n\r\nhello"))
        self.assertEqual(self.stats(nikawa)["origins"][0]["dials"], {"first_use": 1})

    def test_all_bodies_together_stay_bounded_and_everything_goes_on(self):
        limit = 16 * MIB
        nikawa = self.start("--max-body-memory", "16m")
        curl(nikawa, self.nginx.url("h2.test", "/hello"))
        before = nikawa.resident_bytes()
        # Without the limit these hold more than 60 MiB: 50 windows of 1280 KiB.
        slow = [self.ask_and_not_read(nikawa, self.nginx.url("h2.test", "/large"))
                for _ in range(50)]
        self.settled(lambda: nikawa.resident_bytes() - before)
        # Half of it is the mark; what is under way then still comes.
        self.assertLess(self.stats(nikawa)["body_memory"], limit)
        self.assertLess(nikawa.resident_bytes() - before, BOUND * (4 if IS_SANITIZED else 1))
        reply = curl(nikawa, self.nginx.url("h2.test", "/medium"))
        self.assertEqual((reply.code, reply.status), (0, 200))
        self.assertEqual(sha256(reply.body), sha256(self.large[:20 * MIB]))
        for client in slow[1:]:
            client.socket.close()
        left = len(self.large) - MIB
        while left > 0 and (piece := slow[0].socket.recv(MIB)):
            left -= len(piece)
        self.assertLessEqual(left, 0)
        slow[0].socket.close()
        wait_until(lambda: self.stats(nikawa)["body_memory"] < MIB, "memory to be given back")

    @staticmethod
    def stats(nikawa):
        return json.loads(curl(nikawa, f"http://127.0.0.1:{nikawa.port}/.api/stats").body)

    @unittest.skipIf(IS_SANITIZED, "a sanitizer's allocator keeps what is freed")
    def test_what_a_crowd_of_clients_took_is_given_back(self):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        nikawa = self.start()
        host = urllib.parse.urlsplit(self.nginx.url("h2.test", "/hello")).netloc
        before = nikawa.resident_bytes()
        crowd = [h2c.exchange(nikawa.port, host, "/hello") for _ in range(CROWD)]
        with_crowd = nikawa.resident_bytes() - before
        self.assertGreater(with_crowd, CROWD * 10_000)
        for client in crowd:
            client.close()
        wait_until(lambda: nikawa.resident_bytes() - before < with_crowd / 2,
                   "memory to be given back")

    def test_a_client_that_pauses_gets_everything_in_the_end(self):
        nikawa = self.start()
        client = self.ask_and_not_read(nikawa, self.nginx.url("h2.test", "/large"))
        self.settled(nikawa.resident_bytes)
        left = len(self.large) - MIB  # what came with the head is less than that
        while left > 0 and (piece := client.socket.recv(MIB)):
            left -= len(piece)
        self.assertLessEqual(left, 0)
