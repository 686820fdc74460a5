"""Connections that become tunnels by CONNECT."""

import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

from harness import PATIENCE, RawClient, clean_environment, free_port, sha256, wait_until
from origins import Nginx
from tunnel_ends import TunnelTest, echo, receive_all, receive_exactly, receive_head, reset

ANY_PORT = ["--connect-port", "1-65535"]
MIB = 1 << 20


class ConnectTest(TunnelTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = Nginx(cls.world)
        cls.addClassCleanup(cls.nginx.close)

    def test_is_the_https_proxy_of_curl(self):
        nikawa = self.start(*ANY_PORT)
        for name, option, version in (("h1.test", "--http1.1", "HTTP/1.1"),
                                      ("h2.test", "--http2", "HTTP/2.0")):
            self.nginx.forget()
            authority = self.nginx.authority(name)
            got = subprocess.run(
                ["curl", "-q", "-sS", option, "--cacert", self.world.certificates.ca,
                 f"https://{authority}/hello"], capture_output=True, timeout=PATIENCE,
                env=clean_environment(https_proxy=nikawa.url, no_proxy=""))
            self.assertEqual(got.stdout, b"hello from " + name.encode(), got.stderr)
            seen = self.nginx.log()[0]
            self.assertEqual((seen["protocol"], seen["via"], seen["id"]), (version, "", ""))
        record = nikawa.access_log(2)[1]
        self.assertEqual((record["method"], record["uri"], record["host"], record["status"]),
                         ("CONNECT", authority, authority, 200))
        self.assertEqual((record["origin"], record["proto"]), ("tcp://" + authority, "tcp"))
        self.assertGreater(record["size"], 500)  # a TLS handshake and more
        self.assertGreater(record["request_size"], 300)

    def test_serves_clients_that_connect_over_http_1_0(self):
        nikawa = self.start(*ANY_PORT)
        trust = ssl.create_default_context(cafile=self.world.certificates.ca)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({"https": nikawa.url}),
            urllib.request.HTTPSHandler(context=trust))
        authority = self.nginx.authority("h1.test")
        with opener.open(f"https://{authority}/hello", timeout=PATIENCE) as response:
            self.assertEqual(response.read(), b"hello from h1.test")
        old = self.client(nikawa)
        old.sendall(f"CONNECT {authority} HTTP/1.0\r\n\r\n".encode())
        self.assertTrue(receive_head(old).startswith("HTTP/1.1 200 "))

    def test_refuses_what_may_not_be_reached(self):
        authority = self.nginx.authority("h1.test")
        port = int(authority.split(":")[1])
        rows = [
            ([], authority, 403, "not in --connect-port"),
            (["--connect-port", "none"], "h1.test:443", 403, "switched off"),
            (["--connect-port", f"1-{port - 1},{port + 1}-65535"], authority, 403, "--connect-port"),
            ([*ANY_PORT, "--allow-port", "443"], authority, 403, "not in --allow-port"),
            ([*ANY_PORT, "--deny-target", "h1.test"], authority, 403, "--deny-target h1.test"),
            ([*ANY_PORT, "--deny-target", "h1.test"], f"h1.test..:{port}", 400, "dot too many"),
            ([*ANY_PORT, "--deny-target", "h1.test"], f"[h1.test]:{port}", 400, "no IPv6 address"),
            (ANY_PORT, f"127.1:{port}", 400, "no IPv4 address"),
            ([*ANY_PORT, "--allow-target", "private"], authority, 403, "loopback"),
            ([*ANY_PORT, "--allow-target", "private"], "127.0.0.1:{own}", 403, "our own listener"),
            ([*ANY_PORT, "--upstream", "https://h1.test"], authority, 403, "--upstream"),
            (ANY_PORT, "h1.test.ccnproxy-https:443", 403, "marker label"),
            (ANY_PORT, "missing.test:443", 502, "resolve_failed"),
            (ANY_PORT, f"refused.test:{free_port()}", 502, "connect_failed"),
        ]
        for options, target, status, reason in rows:
            with self.subTest(options=options, target=target):
                nikawa = self.start(*options)
                target = target.format(own=nikawa.port)
                with RawClient(nikawa) as client:
                    client.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n\x16\x03\x01")
                    answer = client.receive_to_the_end().decode()
                self.assertTrue(answer.startswith(f"HTTP/1.1 {status} "), answer)
                record = nikawa.access_log()[0]
                self.assertEqual(record["status"], status)
                self.assertIn(reason, f'{record["error"]}: {record["error_detail"]}')

    def test_sends_first_what_came_behind_the_request(self):
        origin = self.origin(echo)
        client = self.connect(self.start(*ANY_PORT), f"echo.test:{origin.port}", early=b"hello")
        self.assertEqual(receive_exactly(client, 5), b"hello")

    def test_carries_much_both_ways_at_once(self):
        sums = {}

        def both_ways(connection):
            writer = threading.Thread(target=connection.sendall, args=(self.down,))
            writer.start()
            sums["up"] = sha256(receive_all(connection))
            writer.join()

        self.down, up = os.urandom(32 * MIB), os.urandom(32 * MIB)
        nikawa = self.start(*ANY_PORT)
        client = self.connect(nikawa, f"both.test:{self.origin(both_ways).port}")

        def send():
            client.sendall(up)
            client.shutdown(socket.SHUT_WR)

        writer = threading.Thread(target=send)
        writer.start()
        self.assertEqual(sha256(receive_all(client)), sha256(self.down))
        writer.join()
        record = nikawa.access_log()[0]
        self.assertEqual(sums["up"], sha256(up))
        self.assertEqual((record["request_size"], record["size"]), (len(up), len(self.down)))
        self.assertNotIn("error", record)

    def test_a_slow_reader_holds_its_sender_and_little_memory(self):
        sent = []

        def pour(connection):
            piece = bytes(65536)
            for _ in range(64 * MIB // len(piece)):
                connection.sendall(piece)
                sent.append(len(piece))

        nikawa = self.start(*ANY_PORT)
        client = self.connect(nikawa, f"pour.test:{self.origin(pour).port}")
        before = nikawa.resident_bytes()

        def stalls():
            count = len(sent)
            time.sleep(0.3)
            return count > 0 and len(sent) == count

        wait_until(stalls, "the origin to be held")
        self.assertLess(sum(sent), 40 * MIB)  # what the kernel's buffers take
        self.assertLess(nikawa.resident_bytes() - before, 4 * MIB)
        self.assertEqual(len(receive_all(client)), 64 * MIB)

    def test_passes_on_the_end_of_one_side(self):
        def answer_the_whole(connection):
            connection.sendall(b"got " + receive_all(connection))

        nikawa = self.start(*ANY_PORT)
        client = self.connect(nikawa, f"half.test:{self.origin(answer_the_whole).port}")
        client.sendall(b"all of it")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(client), b"got all of it")
        self.assertNotIn("error", nikawa.access_log()[0])

    def test_ends_a_tunnel_through_which_nothing_passes(self):
        ended = threading.Event()

        def wait_for_the_end(connection):
            receive_all(connection)
            ended.set()

        nikawa = self.start(*ANY_PORT, "--tunnel-timeout", "500ms")
        client = self.connect(nikawa, f"silent.test:{self.origin(wait_for_the_end).port}")
        self.assertEqual(receive_all(client), b"")
        self.assertTrue(ended.wait(PATIENCE))
        record = nikawa.access_log()[0]
        self.assertEqual((record["status"], record["error"]), (200, "tunnel_timed_out"))
        self.assertGreater(record["ptime"], 0.5)

    def test_each_side_learns_that_the_other_is_gone(self):
        seen = []

        def watch(connection):
            connection.sendall(b"here")
            try:
                seen.append(receive_all(connection))
            except ConnectionResetError:
                seen.append("reset")

        nikawa = self.start(*ANY_PORT)
        client = self.connect(nikawa, f"watch.test:{self.origin(watch).port}")
        receive_exactly(client, 4)
        reset(client)
        wait_until(lambda: seen == ["reset"], "the origin to see the reset")

        def hang_up(connection):
            connection.recv(1)
            reset(connection)

        client = self.connect(nikawa, f"gone.test:{self.origin(hang_up).port}")
        client.sendall(b"x")
        with self.assertRaises(ConnectionResetError):
            receive_all(client)
        errors = [record["error"] for record in nikawa.access_log(2)]
        self.assertEqual(errors, ["client_gone", "peer_closed"])

    def test_gives_up_when_the_client_goes_while_it_dials(self):
        full = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(full.close)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # from now on nobody's SYN is answered
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        nikawa = self.start(*ANY_PORT, "--connect-timeout", "5s")
        client = self.client(nikawa)
        authority = f"full.test:{full.getsockname()[1]}"
        client.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
        time.sleep(0.2)
        reset(client)
        record = nikawa.access_log()[0]
        self.assertEqual((record["status"], record["error"]), (499, "client_gone"))
        self.assertLess(record["ptime"], 3)

    def test_outlives_sigterm_until_it_ends(self):
        origin = self.origin(echo)
        nikawa = self.start(*ANY_PORT)
        client = self.connect(nikawa, f"echo.test:{origin.port}")
        nikawa.process.terminate()
        nikawa.stderr.wait(lambda lines: any("draining" in line for line in lines), "drain")
        client.sendall(b"still here")
        self.assertEqual(receive_exactly(client, 10), b"still here")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(client), b"")
        self.assertEqual(nikawa.wait(), 0)

    def test_is_cut_when_the_time_to_end_is_over(self):
        def take_nothing(connection):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.released.wait(PATIENCE)

        self.released = threading.Event()
        self.addCleanup(self.released.set)
        nikawa = self.start(*ANY_PORT, "--shutdown-timeout", "500ms")
        idle = self.connect(nikawa, f"echo.test:{self.origin(echo).port}")
        stuck = self.connect(nikawa, f"stuck.test:{self.origin(take_nothing).port}")
        stuck.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                stuck.send(bytes(MIB))
                time.sleep(0.01)
        nikawa.process.terminate()
        try:
            self.assertEqual(receive_all(idle), b"")
        except ConnectionResetError:
            pass
        self.assertEqual(nikawa.wait(), 0)
        records = nikawa.access_log(2)
        self.assertEqual({record["error"] for record in records}, {"client_gone"})
