"""An origin at a distance restarts, closes idle connections and ends busy ones: no request notices,
and none waits for a handshake."""

import threading
import time

import distant
from distant import FAR, Client, DistantTest, Load, burst, connections, host_of, origin_stats
from harness import IS_SANITIZED, RawClient, wait_until

MIB = 1 << 20

# What one slow client may cost. A sanitizer keeps up to 256 MiB of freed memory aside.
MOST_HELD = (256 + 64 if IS_SANITIZED else 4) * MIB


def setUpModule():
    distant.go_near()


class Restart(DistantTest):
    """The origin ends with all its connections and comes back, or a new worker takes over."""

    def setUp(self):
        self.serve(has_worker=True)
        self.nikawa = self.start()

    def check_no_get_fails_while_the_origin_restarts(self, kind):
        with Load(self.nikawa, kind, "a.far.test", "/say/load/") as load:
            load.go_on()
            self.nginx.close()
            wait_until(lambda: not connections(FAR, kind), "the end of all connections")
            self.nginx.start()
            load.go_on()
        self.assert_none_failed(load)
        self.assert_warm(self.ask_one_by_one(self.nikawa, kind, "a.far.test", "/say/after/", 20))

    def check_no_get_fails_while_the_origin_reloads(self, kind):
        with Load(self.nikawa, kind, "a.far.test", "/say/load/") as load:
            load.go_on()
            old = load.answers[-1].process
            self.nginx.reload()
            load.go_on(is_so=lambda answer: not answer.error and answer.process != old)
        self.assert_none_failed(load)
        self.assert_warm(self.ask_one_by_one(self.nikawa, kind, "a.far.test", "/say/after/", 20))

    def check_no_post_is_done_twice_while_the_origin_reloads(self, kind):
        with Load(self.nikawa, kind, "a.far.test", "/say/load/", method="POST") as load:
            load.go_on()
            old = load.answers[-1].process
            self.nginx.reload()
            load.go_on(is_so=lambda answer: not answer.error and answer.process != old)
        self.assert_once(load.answers, "/say/load/")
        if kind == "h2":  # only there it is said which requests were not looked at
            self.assert_none_failed(load)

    def check_posts_in_flight_at_a_reload_end_well(self, kind):
        def post(number):
            client = RawClient(self.nikawa)
            self.addCleanup(client.socket.close)
            return client.send(f"POST /sink/{number} HTTP/1.1\r\nContent-Length: 200000\r\n"
                               f"Host: {host_of(kind, 'a.far.test')}\r\n\r\n")
        burst(self.nikawa, kind, "a.far.test", "/say/before/", 9)
        clients = [post(number).send("x" * 100000) for number in range(8)]
        with Client(self.nikawa, kind, "a.far.test") as other:
            old = other.ask("/say/other/first").process
            self.nginx.reload()
            wait_until(lambda: other.ask("/say/other/more").process != old, "the new worker")
        for client in clients:
            client.send("x" * 100000)
        for client in clients:
            self.assertTrue(client.receive_until(b"\r\n\r\n").startswith(b"HTTP/1.1 204 "))
        self.assertEqual(sorted(self.nginx.targets("/sink/", 8)), [f"/sink/{i}" for i in range(8)])


class IdleConnections(DistantTest):
    """The origin closes what was used and then idle for some seconds, and says so beforehand or
    not."""

    KINDS = [*distant.BOTH, "h1-telling"]

    def serve_for(self, seconds):
        self.serve(settings=f"keepalive_timeout {seconds}s;",
                   of_kinds={"h1-telling": f"keepalive_timeout {seconds}s {seconds}s;"})
        return self.start()

    def see_closes(self, nikawa, origins):
        """Uses all origins until each has closed twice what it was used on; returns when there are
        replacements."""
        for turn in range(2):
            before = self.replacements(nikawa)
            for kind, name in origins:
                self.ask_one_by_one(nikawa, kind, name, f"/say/{kind}-{name}/learn-{turn}", 1)
            wait_until(lambda: all(count > before.get(origin, 0)
                                   for origin, count in self.replacements(nikawa).items()),
                       f"replacement {turn + 1} of each")
        wait_until(lambda: all(origin["idle_sessions"] for origin in origin_stats(nikawa)),
                   "idle sessions")

    @staticmethod
    def replacements(nikawa):
        """How many connections were dialled that nobody waited for, by origin."""
        return {origin["origin"]: sum(origin["dials"].values()) - origin["dials"]["first_use"]
                for origin in origin_stats(nikawa)}

    def test_they_are_replaced_before_they_are_needed(self):
        nikawa = self.serve_for(2)
        origins = [(kind, "a.far.test") for kind in self.KINDS]
        self.see_closes(nikawa, origins)
        for kind, name in origins:
            with self.subTest(kind=kind):
                self.assert_warm(
                    self.ask_one_by_one(nikawa, kind, name, f"/say/{kind}/later/", 1, "POST"))

    def test_no_gap_between_requests_is_a_bad_one(self):
        nikawa = self.serve_for(3)
        gaps = {f"gap{ms}.far.test": ms / 1000
                for ms in (1800, 1960, 2000, 2500, 2900, 2960, 2980, 3000, 3020, 3040, 4000)}
        origins = [(kind, name) for kind in self.KINDS for name in gaps]
        self.see_closes(nikawa, origins)

        def ask_with_gaps(kind, name):
            with Client(nikawa, kind, name) as client:
                for number, method in enumerate(["POST", "GET", "POST", "POST"]):
                    answers.append(client.ask(f"/say/{kind}-{name}/{number}", method))
                    time.sleep(gaps[name])  # which is what is tested

        answers = []  # with an origin for each gap they can be tested at once
        threads = [threading.Thread(target=ask_with_gaps, args=origin) for origin in origins]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(answers), 4 * len(origins))
        self.assertEqual([answer for answer in answers if answer.error], [])
        self.assert_once(answers, "/say/")
        records = self.records(nikawa, "/say/", 6 * len(origins))
        self.assert_warm([record for record in records if "learn" not in record["uri"]])


class Bursts(DistantTest):
    def setUp(self):
        self.serve(of_kinds={"h2-narrow": "http2_max_concurrent_streams 8;"})

    def check_the_second_burst_meets_warm_sessions(self, kind):
        self.burst_twice(kind)

    def test_the_second_burst_meets_warm_sessions_beyond_a_stream_limit(self):
        self.burst_twice("h2-narrow")

    def burst_twice(self, kind):
        nikawa = self.start()
        for label in ("first", "second"):
            for text in burst(nikawa, kind, "a.far.test", f"/say/{label}/"):
                self.assertTrue(text.startswith(b"HTTP/1.1 200 "), text)
        self.records(nikawa, "/say/first/", 20)
        self.assert_warm(self.records(nikawa, "/say/second/", 20))


class SlowReader(DistantTest):
    def setUp(self):
        self.serve()
        self.nginx.file("large", bytes(20 * MIB))

    def check_others_go_on_and_little_is_held(self, kind):
        nikawa = self.start()
        with Load(nikawa, kind, "a.close.test", "/say/before/", clients=8) as load:
            load.go_on(200)
        with Client(nikawa, kind, "a.close.test") as client:
            self.assertEqual(len(client.ask("/large").body), 20 * MIB)
        before = nikawa.resident_bytes()
        slow = RawClient(nikawa)
        self.addCleanup(slow.socket.close)
        slow.send(f"GET /large HTTP/1.1\r\nConnection: close\r\n"
                  f"Host: {host_of(kind, 'a.close.test')}\r\n\r\n")
        read = len(slow.receive_until(b"\r\n\r\n").split(b"\r\n\r\n", 1)[1])
        with Load(nikawa, kind, "a.close.test", "/say/load/", clients=8) as load:
            for _ in range(20):
                load.go_on(50)
                read += len(slow.socket.recv(65536))
                self.assertLess(nikawa.resident_bytes() - before, MOST_HELD)
        self.assert_none_failed(load)
        while piece := slow.socket.recv(MIB):
            read += len(piece)
        self.assertEqual(read, 20 * MIB)
