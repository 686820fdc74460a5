"""What every client has to get through nikawa, whatever it is written in.

A program in programs/ asks BASE (an origin's URL, as this client has to say it) for the acts below,
through PROXY if that is not empty, and uploads FILE. For each response it prints a JSON object:

    {"act": "upload", "status": 200, "bytes": 412, "sha256": "...", "body": "...", "length": 412}

`body` is for those below 10,000 bytes, `length` is the Content-Length or -1. A request that fails
ends the program with another code than 0.
"""

import base64
import collections
import concurrent.futures
import http.client
import itertools
import json
import os
import pathlib
import urllib.parse

from lab import HTTP1, HTTP2, PLAIN, PORT, PROXY, RTT, SPLIT, LabTest, suffixed, without_tls
from harness import sha256

LARGE = base64.b64encode(os.urandom(750_000))  # text: a part of it is printed
UPLOAD = os.urandom(2_000_000)

ORIGINS = {"http2": ("https://" + HTTP2, "h2"), "http1": ("https://" + HTTP1, "http/1.1"),
           "plain": ("http://" + PLAIN, "http/1.1")}


class Act(collections.namedtuple(
        "Act", "method target count status sent answer length requests",
        defaults=(1, 200, b"", None, None, 1))):
    """What is asked `count` times with a body `sent`, and what has to come back: an answer, or, if
    that is None, what the origin tells of what it received. A redirect makes it several
    `requests`."""


# What is asked for by so many requests at once.
IN_PARALLEL, AT_ONCE = ("/parallel-1", "/parallel-2"), 8

ACTS = {
    "get": Act("GET", "/get?a=%2F&b=", 5),
    "head": Act("HEAD", "/large", answer=b"", length=len(LARGE)),
    "post": Act("POST", "/post", sent=b"name=value&other=%20"),
    "upload": Act("PUT", "/upload", sent=UPLOAD),
    "streamed": Act("PUT", "/streamed", sent=UPLOAD),  # its length is not known beforehand
    "download": Act("GET", "/large", answer=LARGE),
    "range": Act("GET", "/large", status=206, answer=LARGE[100:200], length=100),
    "moved": Act("GET", "/moved", answer="hello from {host}", requests=2),
    "parallel-1": Act("GET", "/parallel-1?n={n}", AT_ONCE),
    "parallel-2": Act("GET", "/parallel-2?n={n}", AT_ONCE),
}


def accepted_connections():
    """How many connections have been accepted on the near side, where only nikawa does so."""
    text = pathlib.Path("/proc/thread-self/net/snmp").read_text()
    names, values = (line.split() for line in text.splitlines() if line.startswith("Tcp:"))
    return int(values[names.index("PassiveOpens")])


class WebTest(LabTest):
    """Real clients against the origins of the laboratory, through one nikawa."""

    marks = itertools.count()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.origins = cls.lab.example_origins()
        cls.origins.file("large", LARGE)
        cls.upload = cls.lab.world.directory / "upload"
        cls.upload.write_bytes(UPLOAD)
        cls.nikawa = cls.lab.nikawa("--https-for", f"{HTTP2},{HTTP1},{SPLIT}")
        cls.addClassCleanup(cls.nikawa.__exit__, None)

    def warm_up(self, origin):
        """Asks for it once, as somebody did before; gives the number of access lines so far."""
        target = f"/warm-up-{next(self.marks)}"
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        connection.request("GET", target, headers={
            "Host": urllib.parse.urlsplit(suffixed(origin)).netloc, "Connection": "close"})
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()

        def lines_until_then(lines):
            records = [line for line in lines if line.startswith("{")]
            return next((number for number, record in enumerate(records, 1)
                         if json.loads(record)["uri"] == target), None)
        return self.nikawa.stderr.wait(lines_until_then, "line of " + target)

    def run_client(self, *command, code=0, **more):
        done = self.lab.run(*command, **more)
        self.assertEqual(done.returncode, code, done.stderr.decode() + done.stdout.decode())
        return done.stdout

    def assert_records(self, origin, protocol, records, in_parallel=()):
        """Each of these requests cost one round trip: no connection had to be made for it, and it
        was sent once. Over HTTP/1.1 those `in_parallel` may have been more at once than ever
        before: assert_sessions() says that this happened once."""
        for record in records:
            with self.subTest(uri=record["uri"]):
                self.assertEqual((record["origin"], record["proto"]), (origin, protocol), record)
                self.assertEqual((record["attempts"], record.get("error")), (1, None), record)
                is_more = protocol == "http/1.1" and record["uri"] in in_parallel
                self.assertIn(record.get("cold"), (None, "peak_exceeded") if is_more else (None,),
                              record)
        small = [record["first_byte"] for record in records if record["uri"] == "/get"]
        if small:
            self.assertLess(min(small), 2 * RTT)  # the others as busy as the machine is

    def assert_sessions(self, at_once):
        """No origin has seen more connections in use than nikawa has ever had requests for it at
        once: all were kept, however fast this machine was when."""
        fresh = collections.Counter(
            record["origin"] for record in self.nikawa.access_log()
            if record["method"] != "CONNECT" and not record["reused"])
        self.assertLessEqual(max(fresh.values()), at_once, fresh)

    def assert_answer(self, answer, wanted, host, is_pooled=True):
        """What a client got, as programs tell it. Only a pooled request tells of nikawa."""
        self.assertEqual(answer["status"], wanted.status)
        if wanted.length is not None:
            self.assertEqual(answer["length"], wanted.length)
        if wanted.answer is not None:
            content = wanted.answer
            if isinstance(content, str):
                content = content.format(host=host).encode()
            self.assertEqual((answer["bytes"], answer["sha256"]),
                             (len(content), sha256(content)))
            return
        echo = json.loads(answer["body"])
        fields = {name.lower(): value for name, value in echo["fields"]}
        number = echo["target"].rpartition("n=")[2] if "{n}" in wanted.target else ""
        path, _, query = wanted.target.format(n=number).partition("?")
        target = path + "/hash" + ("?" + query if query else "")
        self.assertEqual((echo["method"], echo["target"]), (wanted.method, target))
        self.assertEqual((echo["bytes"], echo["sha256"]), (len(wanted.sent), sha256(wanted.sent)))
        self.assertEqual(fields["host"], host)
        self.assertEqual("via" in fields, is_pooled)
        for name in ("expect", "proxy-connection", "proxy-authorization"):
            self.assertNotIn(name, fields)


class ProgramTest(WebTest):
    """A test class for each program: `command` is how to run it, before its arguments."""

    command = None
    acts = ACTS
    connections = None  # of the client, at most, when it does all acts
    knows_proxies = True
    tunnels = True  # asks a proxy for one, for https origins

    def __init_subclass__(cls, **more):
        super().__init_subclass__(**more)
        cls.test_by_suffix = cls._by_suffix
        if cls.knows_proxies:
            cls.test_by_absolute_form = cls._by_absolute_form
        if cls.knows_proxies and cls.tunnels:
            cls.test_by_tunnel = cls._by_tunnel

    def _by_suffix(self):
        self.check({origin: (suffixed(origin), "") for origin, _ in ORIGINS.values()})

    def _by_absolute_form(self):
        self.check({origin: (without_tls(origin), PROXY) for origin, _ in ORIGINS.values()})

    def _by_tunnel(self):
        origin = "https://" + HTTP2
        self.assert_answers(origin, self.do_acts((origin, PROXY)), is_pooled=False)

    def check(self, ways):
        """Does all acts at each of these origins, by a URL and a proxy, at the same time."""
        before = [self.warm_up(origin) for origin in ways][-1]
        connections = accepted_connections()
        with concurrent.futures.ThreadPoolExecutor(len(ways)) as threads:
            texts = list(threads.map(self.do_acts, ways.values()))
        connections = accepted_connections() - connections
        for origin, text in zip(ways, texts):
            self.assert_answers(origin, text)
        requests = sum(wanted.count * wanted.requests for wanted in self.acts.values())
        records = self.nikawa.access_log(before + requests * len(ways))[before:]
        for origin, protocol in ORIGINS.values():
            of_origin = [record for record in records if record["origin"] == origin]
            self.assertEqual(len(of_origin), requests)
            self.assert_records(origin, protocol, of_origin, IN_PARALLEL)
        self.assert_sessions(AT_ONCE)
        if self.connections is not None:
            self.assertLessEqual(connections, self.connections * len(ways))

    def do_acts(self, way):
        base, proxy = way
        environment = {"http_proxy": proxy, "https_proxy": proxy} if proxy else None
        return self.run_client(*self.command, base, proxy, self.upload, environment=environment)

    def assert_answers(self, origin, text, is_pooled=True):
        answers = collections.defaultdict(list)
        for line in text.splitlines():
            answer = json.loads(line)
            answers[answer["act"]].append(answer)
        self.assertEqual({act: len(of_act) for act, of_act in answers.items()},
                         {act: wanted.count for act, wanted in self.acts.items()})
        for act, wanted in self.acts.items():
            for answer in answers[act]:
                with self.subTest(origin=origin, act=act):
                    self.assert_answer(answer, wanted, origin.split("://")[1], is_pooled)
