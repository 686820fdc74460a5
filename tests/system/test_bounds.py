"""More than nikawa may hold: connections, descriptors, heads; and clients that go, or end their side."""

import os
import resource
import socket
import struct
import time

from crowds import Crowd, HoldingOrigin
from harness import IS_SANITIZED, PATIENCE, RawClient, curl, sha256, wait_until
from origins import NginxTest

MIB = 1 << 20
# What has to happen now, and not when some timeout is over.
AT_ONCE = 5.0 if IS_SANITIZED else 1.0
LIMITED = ("prlimit", "--nofile=256:256")


class BoundsTest(NginxTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        cls.most_descriptors = most

    def setUp(self):
        self.application.hung_up.clear()
        self.application.release.clear()
        self.nginx.forget()

    def host(self, name="h2.test"):
        return self.nginx.url(name, "/").split("/")[2]

    def get(self, path, name="h2.test", version="1.1"):
        return f"GET {path} HTTP/{version}\r\nHost: {self.host(name)}\r\n\r\n"

    def crowd(self, nikawa, count, text):
        crowd = Crowd(nikawa, count, text)
        self.addCleanup(crowd.close)
        return crowd

    def client(self, nikawa):
        client = RawClient(nikawa)
        self.addCleanup(client.socket.close)
        return client

    def holding_origin(self):
        origin = HoldingOrigin()
        self.addCleanup(origin.close)
        return origin

    def ask(self, client, path="/hello", name="h2.test"):
        client.send(self.get(path, name))
        got = client.receive_until(b"hello from")
        self.assertTrue(got.startswith(b"HTTP/1.1 200 "), got)

    def lines(self, nikawa, text):
        return [line for line in nikawa.stderr.all() if text in line]

    def assert_said_once(self, nikawa, text):
        """The diagnostic log arrives beside the answers, and later than some."""
        nikawa.stderr.wait(lambda _: self.lines(nikawa, text), text)
        self.assertEqual(len(self.lines(nikawa, text)), 1)


class Clients(BoundsTest):
    def test_slowloris_harms_nobody(self):
        count = 200 if IS_SANITIZED else 1000
        nikawa = self.start("--head-timeout", "3s")
        good = self.client(nikawa)
        self.ask(good)
        slow = self.crowd(nikawa, count, "GET /hello?")
        longest = 0.0
        began = time.monotonic()
        while len(slow.ended) < count and time.monotonic() - began < PATIENCE:
            slow.send("x")
            for client in (good, RawClient(nikawa)):
                asked = time.monotonic()
                self.ask(client)
                longest = max(longest, time.monotonic() - asked)
                if client is not good:
                    client.socket.close()
            slow.receive(0.2)
        self.assertEqual(slow.statuses(), {"408": count})
        self.assertEqual(len(slow.ended), count)
        self.assertLess(longest, AT_ONCE)

    def test_idle_clients_cost_little(self):
        count = 500 if IS_SANITIZED else min(10000, self.most_descriptors - 1000)
        nikawa = self.start("--max-conns", count + 10)
        self.ask(self.client(nikawa))
        before = nikawa.resident_bytes()
        for _ in range(10):
            some = self.crowd(nikawa, count // 10, self.get("/hello"))
            some.wait(lambda crowd: crowd.statuses() == {"200": count // 10}, "answers")
        self.ask(self.client(nikawa))
        time.sleep(1.5)  # an idle connection lets go of its last exchange's memory after a second
        each = (nikawa.resident_bytes() - before) / count
        print(f"{count} idle clients: {each:.0f} bytes each", end=" ", flush=True)
        self.assertLess(each, 64 * 1024 if IS_SANITIZED else 5000)

    def test_a_head_of_a_megabyte_is_431_and_not_kept(self):
        nikawa = self.start()
        self.ask(self.client(nikawa))
        before = nikawa.resident_bytes()
        head = (self.get("/hello")[:-2] + "X: " + "x" * MIB + "\r\n\r\n").encode()
        for _ in range(20):
            with RawClient(nikawa) as client:
                try:
                    client.socket.sendall(head)
                except OSError:
                    pass  # what it has not read, it need not
                self.assertTrue(client.receive_to_the_end().startswith(b"HTTP/1.1 431 "))
        self.assertLess(nikawa.resident_bytes() - before, (64 if IS_SANITIZED else 4) * MIB)

    def test_a_head_of_a_megabyte_passes_where_it_may(self):
        nikawa = self.start("--max-head-bytes", "2m")
        fields = "".join(f"X-{i}: {'x' * 60000}\r\n" for i in range(18))
        url = self.application.url("plain.test", "/hash", "ccnproxy")
        with RawClient(nikawa) as client:
            client.send(f"GET /hash HTTP/1.1\r\nHost: {url.split('/')[2]}\r\n{fields}\r\n")
            head = client.receive_until(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head[:200])
        sent = [len(value) for name, value in self.application.requests[-1][2]
                if name.startswith("X-") and name[2:].isdigit()]
        self.assertEqual(sent, [60000] * 18)


class Connections(BoundsTest):
    def test_beyond_the_limit_busy_clients_stay_and_others_get_503(self):
        origin = self.holding_origin()
        nikawa = self.start("--max-conns", 20)
        busy = self.crowd(nikawa, 20, f"GET / HTTP/1.1\r\nHost: {origin.authority()}\r\n\r\n")
        wait_until(lambda: origin.held == 20, "20 requests at the origin")
        began = time.monotonic()
        refused = [curl(nikawa, self.nginx.url("h2.test", "/hello")) for _ in range(5)]
        self.assertLess(time.monotonic() - began, 5 * AT_ONCE)
        for reply in refused:
            self.assertEqual((reply.code, reply.status), (0, 503), reply.log)
            self.assertEqual(reply.field("Retry-After"), ["1"])
            self.assertEqual(reply.field("Connection"), ["close"])
            self.assertIn("error=connection_limit_reached", reply.field("Proxy-Status")[0])
        origin.release()
        busy.wait(lambda crowd: crowd.statuses() == {"200": 20}, "the answers of those held")
        time.sleep(0.2)  # now idle for more than a moment
        self.assertEqual(curl(nikawa, self.nginx.url("h2.test", "/hello")).status, 200)
        self.assert_said_once(nikawa, "connections refused: 20 of 20 in use")
        nikawa.stderr.wait(lambda _: self.lines(nikawa, "connections accepted again: 5 refused"),
                           "end of the episode")

    def test_a_flood_beyond_the_limit_is_answered(self):
        origin = self.holding_origin()
        nikawa = self.start("--max-conns", 20)
        text = f"GET / HTTP/1.1\r\nHost: {origin.authority()}\r\n\r\n"
        self.crowd(nikawa, 20, text)
        wait_until(lambda: origin.held == 20, "20 requests at the origin")
        flood = self.crowd(nikawa, 300, text)
        flood.wait(lambda crowd: len(crowd.ended) == 300, "an end of all that are too many")
        self.assertEqual(flood.statuses(), {"503": 300})
        self.assertEqual(origin.held, 20)

    def test_the_client_that_is_idle_for_longest_makes_room(self):
        for threads in (1, 2):
            with self.subTest(threads=threads):
                nikawa = self.start("--max-conns", 3, "--threads", threads)
                clients = [self.client(nikawa) for _ in range(3)]
                for client in clients:
                    self.ask(client)
                self.ask(clients[0])
                time.sleep(0.2)
                newcomer = self.client(nikawa)
                self.ask(newcomer)
                self.assertEqual(clients[1].receive_to_the_end(), b"")
                for client in (clients[0], clients[2], newcomer):
                    self.ask(client)
                self.assertEqual(self.lines(nikawa, "refused"), [])

    def test_a_client_may_have_so_many(self):
        origin = self.holding_origin()
        nikawa = self.start("--max-conns-per-client", 2)
        busy = self.crowd(nikawa, 2, f"GET / HTTP/1.1\r\nHost: {origin.authority()}\r\n\r\n")
        wait_until(lambda: origin.held == 2, "requests at the origin")
        self.assertEqual(curl(nikawa, self.nginx.url("h2.test", "/hello")).status, 503)
        self.assert_said_once(nikawa, "2 of 2 in use by 127.0.0.1")
        origin.release()
        busy.wait(lambda crowd: crowd.statuses() == {"200": 2}, "the answers of those held")
        time.sleep(0.2)
        self.assertEqual(curl(nikawa, self.nginx.url("h2.test", "/hello")).status, 200)


class Descriptors(BoundsTest):
    def spent(self, nikawa):
        """Seconds of CPU."""
        with open(f"/proc/{nikawa.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def fill(self, nikawa):
        """Clients that are not idle have all that is left."""
        crowd = self.crowd(nikawa, 300, "GET / HTTP/1.1\r\n")
        crowd.wait(lambda c: "503" in c.statuses(), "a refusal")

    def test_dials_that_find_none_are_503_and_the_rest_goes_on(self):
        origin = self.holding_origin()
        nikawa = self.start(wrapper=LIMITED)
        # Each asks for an origin of its own, and so has no busy connection to wait for.
        text = f"GET / HTTP/1.1\r\nHost: {origin.authority('{number}.test')}\r\n\r\n"
        crowd = self.crowd(nikawa, 150, text)
        crowd.wait(lambda c: origin.held + c.statuses().get("503", 0) == 150, "all to be decided")
        refused = [got for got in crowd.got.values() if got]
        self.assertGreater(len(refused), 10)
        for got in refused:
            self.assertIn(b"no file descriptor left", got)
            self.assertIn(b"error=proxy_internal_error", got)
        # Those who were refused are idle now, and after a moment make room.
        stats = lambda: curl(nikawa, "http://localhost/.api/stats").body
        wait_until(lambda: b'"origins"' in stats(), "the statistics")
        self.assert_said_once(nikawa, "out of file descriptors")

        origin.release()
        held = 150 - len(refused)
        crowd.wait(lambda c: c.statuses() == {"200": held, "503": len(refused)}, "those held")
        for number in range(0, 150, 10):  # at once: nothing is held against them
            reply = curl(nikawa, f"http://{origin.authority(f'{number}.test')}/")
            self.assertEqual((reply.status, reply.body), (200, b"held"))
        # Some were refused before they had sent a request.
        errors = [record.get("error") for record in nikawa.access_log(held + 16)]
        self.assertEqual(set(errors), {None, "descriptors_exhausted"})
        self.assertLessEqual(errors.count("descriptors_exhausted"), len(refused))
        nikawa.stderr.wait(lambda _: self.lines(nikawa, "file descriptors again"), "its end")

    def test_dials_that_find_none_wait_for_a_busy_connection_and_nothing_spins(self):
        origin = self.holding_origin()
        nikawa = self.start(wrapper=LIMITED)
        crowd = self.crowd(nikawa, 150, "GET / HTTP/1.1\r\n")
        # All are accepted before there are dials.
        wait_until(lambda: len(os.listdir(f"/proc/{nikawa.process.pid}/fd")) > 150, "all clients")
        crowd.send(f"Host: {origin.authority()}\r\n\r\n")
        wait_until(lambda: origin.held > 50, "connections to the origin")
        before, began = self.spent(nikawa), time.monotonic()
        time.sleep(1)
        self.assertLess(self.spent(nikawa) - before, 0.5 * (time.monotonic() - began))
        self.assertLess(origin.held, 140)
        origin.release()
        crowd.wait(lambda c: "" not in c.statuses(), "all answers")
        self.assertEqual(crowd.statuses(), {"200": 150})

    def test_names_that_cannot_be_asked_for_are_503(self):
        nikawa = self.start("--max-conns", 400, wrapper=LIMITED)
        client = self.client(nikawa).send("GET / HTTP/1.1\r\n")  # not idle, so it stays
        self.fill(nikawa)
        client.send("Host: new.test.ccnproxy\r\n\r\n")
        answer = client.receive_until(b"Request ID")
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        self.assertIn(b"no file descriptor left", answer)

    def test_clients_that_find_none_are_503_and_nothing_spins(self):
        nikawa = self.start("--max-conns", 1000, wrapper=LIMITED)
        crowd = self.crowd(nikawa, 400, "GET / HTTP/1.1\r\n")  # busy, and no origin is needed
        crowd.wait(lambda c: len(c.ended) > 100, "refusals")
        before, began = self.spent(nikawa), time.monotonic()
        time.sleep(1)
        self.assertLess(self.spent(nikawa) - before, 0.5 * (time.monotonic() - began))
        late = self.crowd(nikawa, 1, self.get("/hello"))
        late.wait(lambda c: c.ended, "an answer")
        self.assertEqual(late.statuses(), {"503": 1})
        self.assert_said_once(nikawa, "out of file descriptors")
        self.assertEqual(set(crowd.statuses()), {"", "503"})
        crowd.close()
        wait_until(lambda: curl(nikawa, self.nginx.url("h2.test", "/hello")).status == 200,
                   "descriptors")

    def test_idle_clients_and_origins_make_room(self):
        origin = self.holding_origin()
        origin.release()
        nikawa = self.start("--max-conns", 1000, "--keepalive-conns", 1000, wrapper=LIMITED)
        text = f"GET / HTTP/1.1\r\nHost: {origin.authority()}\r\n\r\n"
        for _ in range(3):
            crowd = self.crowd(nikawa, 100, text)
            crowd.wait(lambda c: c.statuses() == {"200": 100}, "100 answers")
            time.sleep(0.2)
        self.assertEqual(curl(nikawa, self.nginx.url("h1.test", "/hello")).status, 200)

    def test_clients_find_room_after_many_origins_were_used(self):
        origin = self.holding_origin()
        origin.release()
        nikawa = self.start(wrapper=LIMITED)
        client = self.client(nikawa)
        for number in range(400):
            client.send(f"GET / HTTP/1.1\r\nHost: {origin.authority(f'{number}.test')}\r\n\r\n")
            answer = client.receive_until(b"held")
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
        client.socket.close()
        # Of what was given up some is dialled again, but not at the cost of those who come now.
        began = time.monotonic()
        while time.monotonic() - began < 3:
            crowd = self.crowd(nikawa, 20, f"GET / HTTP/1.1\r\nHost: {origin.authority()}\r\n"
                                           "Connection: close\r\n\r\n")
            crowd.wait(lambda c: "" not in c.statuses(), "20 answers")
            self.assertEqual(crowd.statuses(), {"200": 20})
        wait_until(lambda: len(os.listdir(f"/proc/{nikawa.process.pid}/fd")) < 256 * 7 // 8,
                   "descriptors that are left for others")


class Vanishing(BoundsTest):
    @staticmethod
    def reset(client):
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.socket.close()

    @staticmethod
    def close(client):
        client.socket.close()

    def for_each_way(self, act):
        for name in ("h1.test", "h2.test"):
            for vanish in (self.close, self.reset):
                with self.subTest(origin=name, by=vanish.__name__):
                    self.setUp()
                    act(self.start(), name, vanish)

    def assert_cancelled(self, began):
        self.assertTrue(self.application.hung_up.wait(PATIENCE))
        self.assertLess(time.monotonic() - began, AT_ONCE)

    def test_while_waiting_for_the_head(self):
        def act(nikawa, name, vanish):
            client = self.client(nikawa).send(self.get("/app/held", name))
            self.assertTrue(self.application.arrived.acquire(timeout=PATIENCE))
            began = time.monotonic()
            vanish(client)
            self.assert_cancelled(began)
            self.assertEqual(nikawa.access_log()[0]["error"], "client_gone")
        self.for_each_way(act)

    def test_in_the_middle_of_a_download(self):
        def act(nikawa, name, vanish):
            client = self.client(nikawa).send(self.get("/app/endless", name))
            self.assertTrue(self.application.arrived.acquire(timeout=PATIENCE))
            client.receive_until(bytes(65536))
            began = time.monotonic()
            vanish(client)
            self.assert_cancelled(began)
            record = nikawa.access_log()[0]
            self.assertEqual((record["status"], record["error"]), (499, "client_gone"))
        self.for_each_way(act)

    def test_in_the_middle_of_an_upload(self):
        def act(nikawa, name, vanish):
            client = self.client(nikawa)
            client.send(f"POST /app/hash HTTP/1.1\r\nHost: {self.host(name)}\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            stats = lambda: curl(nikawa, "http://localhost/.api/stats").body
            wait_until(lambda: b'"streams":1' in stats().replace(b" ", b""), "the stream")
            began = time.monotonic()
            vanish(client)
            record = self.nginx.log()[0]
            self.assertLess(time.monotonic() - began, AT_ONCE)
            self.assertIn(record["status"], (400, 499))
        before = len(self.application.requests)
        self.for_each_way(act)
        self.assertEqual(self.application.requests[before:], [])


class HalfClosed(BoundsTest):
    def half_close(self, nikawa, text):
        client = self.client(nikawa).send(text)
        client.socket.shutdown(socket.SHUT_WR)
        return client

    def test_after_a_request_it_gets_the_answer(self):
        for version, begins in (("1.1", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "),
                                ("1.0", b"HTTP/1.1 200 ")):
            for name in ("h1.test", "h2.test"):
                with self.subTest(version=version, origin=name):
                    self.setUp()
                    nikawa = self.start()
                    client = self.half_close(nikawa, self.get("/app/held", name, version))
                    self.assertTrue(self.application.arrived.acquire(timeout=PATIENCE))
                    time.sleep(0.2)
                    self.assertFalse(self.application.hung_up.is_set())
                    self.application.release.set()
                    got = client.receive_to_the_end()
                    self.assertTrue(got.startswith(begins), got)
                    self.assertTrue(got.endswith(b"\r\n\r\nreleased"), got)
                    self.assertEqual(nikawa.access_log()[0]["status"], 200)

    def test_a_large_answer_comes_whole(self):
        large = bytes(range(256)) * (20 * MIB // 256)
        self.nginx.file("large", large)
        client = self.half_close(self.start(), self.get("/large"))
        got = client.receive_to_the_end()
        self.assertEqual(sha256(got[-len(large):]), sha256(large))

    def test_in_a_head_or_idle_it_is_closed(self):
        nikawa = self.start()
        for text in ("", "GET /hello HTTP/1.1\r\nHost: "):
            with self.subTest(text=text):
                began = time.monotonic()
                self.assertEqual(self.half_close(nikawa, text).receive_to_the_end(), b"")
                self.assertLess(time.monotonic() - began, AT_ONCE)

    def test_in_a_body_the_request_is_given_up(self):
        nikawa = self.start()
        for length in ("Content-Length: 100000", "Transfer-Encoding: chunked"):
            with self.subTest(length=length):
                before = len(self.application.requests)
                client = self.half_close(
                    nikawa, f"POST /app/hash HTTP/1.1\r\nHost: {self.host()}\r\n{length}\r\n\r\n"
                            "5\r\nhello\r\n")
                self.assertNotIn(b" 200 ", client.receive_to_the_end())
                self.assertEqual(len(self.application.requests), before)
        errors = [record["error"] for record in nikawa.access_log(2)]
        self.assertEqual(errors, ["client_gone"] * 2)
