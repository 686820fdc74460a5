"""An origin that fails is not hammered: few attempts to reach it, and requests that meanwhile come
hear at once since when and why."""

import collections
import http.client
import json
import socket
import threading
import time

from harness import PATIENCE, SystemTest, curl, wait_until

Answer = collections.namedtuple("Answer", "status seconds retry_after text")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Origin:
    """An HTTP/1.1 origin without TLS on a port of its own, down until it listens."""

    def __init__(self, requests_of_connection=1_000_000):
        self.accepted = 0
        self._requests_of_connection = requests_of_connection
        self._fillers = []
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def listen(self, serve=True):
        """From now on; with `serve` false each connection is closed as soon as it is there."""
        self._socket.listen(512)
        threading.Thread(target=self._accept, args=(serve,), daemon=True).start()

    def hold(self):
        """Whoever connects from now on hears nothing: the backlog is full."""
        self._socket.listen(0)
        self._fillers = [socket.socket() for _ in range(4)]
        for filler in self._fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))

    def close(self):
        for filler in self._fillers:
            filler.close()
        self._socket.close()

    def _accept(self, serve):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.accepted += 1
            if serve:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            else:
                connection.close()

    def _serve(self, connection):
        got = b""
        answered = 0
        with connection:
            while piece := connection.recv(65536):
                got += piece
                while b"\r\n\r\n" in got:
                    got = got.split(b"\r\n\r\n", 1)[1]
                    if answered == self._requests_of_connection:
                        return
                    connection.sendall(OK)
                    answered += 1


class Flood:
    """Clients that ask one request after the other for as long as the `with` lasts."""

    def __init__(self, nikawa, host, clients=8):
        self.answers = []
        self._nikawa, self._host = nikawa, host
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._nikawa.port, timeout=PATIENCE)
        while not self._is_over.is_set():
            self.answers.append(ask(connection, self._host))
            time.sleep(0.002)  # a flood, not a race for the processor
        connection.close()


def ask(connection, host, method="GET"):
    began = time.monotonic()
    connection.request(method, "/", headers={"Host": host})
    reply = connection.getresponse()
    text = reply.read().decode()
    return Answer(reply.status, time.monotonic() - began, reply.getheader("Retry-After"), text)


class FailingOrigins(SystemTest):
    def origin(self, **more):
        origin = Origin(**more)
        self.addCleanup(origin.close)
        return origin, f"a.test.ccnproxy:{origin.port}"

    def client(self, nikawa):
        connection = http.client.HTTPConnection("127.0.0.1", nikawa.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        return connection

    def stats(self, nikawa, origin):
        origins = json.loads(curl(nikawa, nikawa.url + "/.api/stats").body)["origins"]
        return next(one for one in origins if one["origin"].endswith(f":{origin.port}"))

    def test_one_that_is_down_is_told_with_since_when_and_why_and_served_when_it_is_back(self):
        origin, host = self.origin()
        nikawa = self.start()
        client = self.client(nikawa)
        first = [ask(client, host) for _ in range(3)]
        self.assertEqual([answer.status for answer in first], [502] * 3)
        self.assertIn("the connection to the origin failed (Connection refused)", first[0].text)
        with Flood(nikawa, host) as flood:
            wait_until(lambda: (self.stats(nikawa, origin)["failing_seconds"] or 0) > 3, "an outage")
        refused = [answer for answer in flood.answers if answer.status == 503]
        self.assertGreater(len(refused), len(flood.answers) * 0.9)
        self.assertEqual({answer.status for answer in flood.answers}, {502, 503})
        self.assertRegex(refused[-1].text,
                         r"^503 Service Unavailable: no connection to the origin can be made at "
                         r"present: for \d+\.\d s the connection to the origin failed \(Connection "
                         r"refused\); (the next attempt is in 1 s|an attempt is under way) "
                         rf"\[http://a\.test:{origin.port}\]\.\n")
        self.assertEqual(refused[-1].retry_after, "1")
        stats = self.stats(nikawa, origin)
        self.assertEqual(stats["last_failure"],
                         "the connection to the origin failed (Connection refused)")
        self.assertLess(stats["failed_dials"], 50)

        origin.listen()
        back_at = time.monotonic()
        wait_until(lambda: ask(client, host).status == 200, "the origin")
        self.assertLess(time.monotonic() - back_at, 3.5)
        wait_until(lambda: self.stats(nikawa, origin)["failing_seconds"] is None, "its end")
        logged = [line for line in nikawa.access_log(len(flood.answers))
                  if line.get("error") == "origin_failing"]
        self.assertIn("Connection refused", logged[0]["error_detail"])

    def test_one_that_hangs_up_at_once_sees_few_connections(self):
        origin, host = self.origin()
        origin.listen(serve=False)
        nikawa = self.start()
        with Flood(nikawa, host) as flood:
            wait_until(lambda: self.stats(nikawa, origin)["failing_seconds"], "an outage")
            before = origin.accepted
            wait_until(lambda: (self.stats(nikawa, origin)["failing_seconds"] or 0) > 6, "six seconds")
        self.assertLess(before, 100)
        self.assertLess(origin.accepted - before, 60)
        self.assertEqual({answer.status for answer in flood.answers}, {502, 503})
        self.assertIn("the origin closed the connection", flood.answers[-1].text)

    def test_one_that_is_not_heard_of_does_not_hold_many(self):
        origin, host = self.origin()
        origin.hold()
        nikawa = self.start("--connect-timeout", "2s")
        client = self.client(nikawa)
        self.assertEqual(ask(client, host).status, 504)
        with Flood(nikawa, host) as flood:
            wait_until(lambda: len(flood.answers) > 500, "answers")
        slow = [answer for answer in flood.answers if answer.seconds > 1.5]
        self.assertLessEqual(len(slow), 8)
        self.assertTrue(all(answer.status == 504 for answer in slow), slow)
        quick = [answer for answer in flood.answers if answer.seconds < 0.5]
        self.assertGreater(len(quick), len(flood.answers) * 0.9)
        self.assertEqual({answer.status for answer in quick}, {503})
        self.assertIn("did not accept a connection in time", quick[-1].text)

    def test_repeats_end_with_their_budget(self):
        origin, host = self.origin(requests_of_connection=1)
        origin.listen()
        nikawa = self.start("--keep-warm", "0")
        client = self.client(nikawa)
        answers = [ask(client, host) for _ in range(60)]
        stats = self.stats(nikawa, origin)
        self.assertGreaterEqual(stats["retries"]["peer_closed"], 10)
        self.assertLessEqual(stats["retries"]["peer_closed"], 10 + 60 // 5)
        self.assertGreater(stats["retries_refused"], 0)
        lost = [answer for answer in answers if answer.status == 502]
        self.assertEqual(len(lost), stats["retries_refused"])
        self.assertEqual({answer.status for answer in answers}, {200, 502})
        self.assertIn("before its response was complete", lost[0].text)
