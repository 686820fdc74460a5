"""What the tests with a distance share: a near side, on which everything of a test runs but the
origin, and a far side a round trip away, with an nginx at every address there.

The distance is that of the laboratory, bench/distance/world.py.
"""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

from harness import PATIENCE, Lines, RawClient, SystemTest, World, free_port, spawn, wait_until
from origins import ONE_PROCESS, NginxProcess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# Long enough to be told from none, short enough for thousands of requests one after another.
FAR, OTHER, CLOSE = "10.77.1.1", "10.77.1.2", "10.77.2.1"
ROUND_TRIPS = {"10.77.1.0/24": 0.020, "10.77.2.0/24": 0.001}

# By what tests call the kinds of origin: the port at which nginx is of that kind.
PORTS = {"h2": 443, "h1": 444, "h2-narrow": 445, "h1-telling": 446}
BOTH = ["h2", "h1"]  # and others that are these with a setting of a test's own

SERVER = """
    server {{
        listen {port}{parameters};
        ssl_certificate {pem};
        ssl_certificate_key {key};
        root {directory}/files;
        location /say/ {{ return 200 "$server_addr $pid"; }}
        # Reads the whole body, then asks itself without it.
        location /sink/ {{
            client_body_buffer_size 1m;
            proxy_pass http://unix:{directory}/nothing;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }}
        {settings}
    }}
"""

NOTHING = """
    server {{
        listen unix:{directory}/nothing;
        access_log off;
        return 204;
    }}
"""

# The worker reads files of ours, and may not give up our rights to them.
WITH_WORKER = "master_process on; user root;"

distance = None  # while the tests of a file run


def require():
    """Skips the tests where no distance can be made."""
    missing = [program for program in ("g++", "ip", "ss", "nsenter", "unshare", "dnsmasq", "nginx")
               if shutil.which(program) is None]
    if missing:
        raise unittest.SkipTest("no distance without " + ", ".join(missing))
    probe = subprocess.run(
        ["unshare", "--net", "sh", "-c",
         "ip tuntap add dev probe mode tun && sysctl -q -w net.ipv4.tcp_no_metrics_save=1"],
        capture_output=True, text=True)
    if os.geteuid() != 0 or probe.returncode != 0:
        reason = probe.stderr.strip() if os.geteuid() == 0 else "not root"
        raise unittest.SkipTest("no distance: " + reason)


def go_near():
    """Makes the two sides and moves the tests of this file to the near one; or skips them."""
    global distance
    require()
    sys.path.append(str(ROOT / "bench/distance"))
    from world import Distance
    distance = Distance()
    unittest.addModuleCleanup(distance.close)
    distance.add_far(FAR, OTHER, CLOSE)
    for prefix, seconds in ROUND_TRIPS.items():
        distance.set(prefix, rtt=seconds)
    distance.near.enter()


class Dnsmasq:
    """A name server whose answers last for a second: *.far.test is FAR, *.close.test is CLOSE, and
    other names are what they are set to."""

    def __init__(self):
        self._hosts = tempfile.NamedTemporaryFile("w", suffix=".hosts")
        self.address = f"127.0.0.1:{free_port()}"
        self._start()

    def _start(self):
        self._process = spawn(
            "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            "--user=root", "--log-facility=-", "--log-queries", "--listen-address=127.0.0.1",
            "--bind-interfaces", "--port=" + self.address.split(":")[1], "--local-ttl=1",
            "--addn-hosts=" + self._hosts.name, f"--address=/far.test/{FAR}",
            f"--address=/close.test/{CLOSE}", stderr=subprocess.PIPE)
        self._lines = Lines(self._process.stderr)
        self._wait_until_read(1)

    def _wait_until_read(self, times):
        self._lines.wait(lambda lines: len(self._readings(lines)) >= times, "names read")

    def _readings(self, lines):
        return [line for line in lines if "read " + self._hosts.name in line]

    def set(self, names):
        """The addresses of names, one or several each, instead of those set before."""
        before = len(self._readings(self._lines.all()))
        self._hosts.seek(0)
        self._hosts.truncate()
        for name, addresses in names.items():
            for address in addresses.split():
                print(address, name, file=self._hosts)
        self._hosts.flush()
        self._process.send_signal(signal.SIGHUP)
        self._wait_until_read(before + 1)

    def answered(self):
        """How many queries for names that were set it has answered."""
        return sum(self._hosts.name in line and " is " in line for line in self._lines.all())

    def silence(self):
        """Takes queries and does not answer them."""
        self._process.send_signal(signal.SIGSTOP)

    def stop(self):
        self._process.kill()
        self._process.wait(PATIENCE)

    def restart(self):
        """Answers again, whatever was done to it."""
        self.stop()
        self._start()

    def close(self):
        self.stop()
        self._hosts.close()


class FarNginx(NginxProcess):
    """nginx at all addresses of the far side and the ports of PORTS; it answers /say/ with the
    address and the process that were asked, and /sink/ with 204 once it has a request's body."""

    def __init__(self, world, settings="", of_kinds=None, has_worker=False):
        """`settings` are directives for all, `of_kinds` more of them for one kind each; the rest is
        nginx's default. With a worker apart it can reload()."""
        directory = tempfile.mkdtemp(prefix="nginx-", dir=world.directory)
        super().__init__(pathlib.Path(directory), distance.far.command())
        self._pair = world.certificates.issue("far.test", "*.far.test", "*.close.test")
        servers = [self._server(kind, (of_kinds or {}).get(kind, "")) for kind in PORTS]
        self.configure(settings + NOTHING.format(directory=self.directory) + "".join(servers),
                       [f"{FAR}:{port}" for port in PORTS.values()],
                       WITH_WORKER if has_worker else ONE_PROCESS)
        self.start()

    def _server(self, kind, settings):
        pem, key = self._pair
        parameters = " ssl http2" if kind.startswith("h2") else " ssl"
        return SERVER.format(port=PORTS[kind], parameters=parameters, pem=pem, key=key,
                             directory=self.directory, settings=settings)

    def start(self):
        (self.directory / "nothing").unlink(missing_ok=True)  # left there by one that was killed
        if not super().start():
            raise AssertionError(self.errors())

    def reload(self):
        """A new worker takes over; the old one closes what is idle, and ends what is not."""
        self.process.send_signal(signal.SIGHUP)

    def targets(self, prefix, count):
        """The targets that begin so of the requests it has answered, with repetitions, once they
        are `count`."""
        def found():
            targets = [seen["target"] for seen in self.log(0)]
            chosen = [target for target in targets if target.startswith(prefix)]
            return (chosen,) if len(chosen) >= count else None
        return wait_until(found, f"{count} requests for {prefix} at nginx")[0]


def host_of(kind, name):
    """By what clients of nikawa ask for an origin."""
    return f"{name}.ccnproxy-https:{PORTS[kind]}"


def connections(address, kind):
    """Our ports of the established connections to an origin."""
    done = subprocess.run(
        ["ss", "-Htn", "state", "established", "dst", address, "dport", "=", f":{PORTS[kind]}"],
        capture_output=True, text=True, check=True)
    return {int(line.split()[2].rsplit(":", 1)[1]) for line in done.stdout.splitlines()}


def origin_stats(nikawa):
    """What nikawa tells of the origins that it knows."""
    connection = http.client.HTTPConnection("127.0.0.1", nikawa.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/.api/stats")
        return json.loads(connection.getresponse().read())["origins"]


class Answer:
    """What a client got: `error` is empty if it was a whole response with a good status."""

    def __init__(self, target, status=None, body=b"", error=""):
        self.target, self.status, self.body = target, status, body
        is_good = status is not None and 200 <= status < 300
        self.error = error or ("" if is_good else f"{status}: {body!r}")

    def __repr__(self):
        return f"{self.target}: {self.error or self.body}"

    @property
    def origin_address(self):
        return self.body.decode().split()[0]

    @property
    def process(self):
        return self.body.decode().split()[1]


class Client:
    """A client of nikawa that asks one origin, on one connection as long as that lasts."""

    def __init__(self, nikawa, kind, name, timeout=PATIENCE):
        self._host = host_of(kind, name)
        self._connection = http.client.HTTPConnection("127.0.0.1", nikawa.port, timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, target, method="GET", body=None):
        try:
            self._connection.request(method, target, body, {"Host": self._host})
            response = self._connection.getresponse()
            return Answer(target, response.status, response.read())
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Answer(target, error=repr(error))

    def close(self):
        self._connection.close()


class Load:
    """Clients that ask, each one request after another, as long as the `with` lasts."""

    def __init__(self, nikawa, kind, name, prefix, clients=4, method="GET"):
        """Each request has a target of its own, which begins with `prefix`."""
        self._changed = threading.Condition()
        self._answers = []
        self._is_over = False
        self._threads = [
            threading.Thread(target=self._ask, daemon=True,
                             args=(Client(nikawa, kind, name), f"{prefix}{number}-", method))
            for number in range(clients)]

    def _ask(self, client, prefix, method):
        body = b"x" * 100 if method == "POST" else None
        turn = 0
        with client:
            while not self._is_over:
                answer = client.ask(f"{prefix}{turn}", method, body)
                turn += 1
                with self._changed:
                    self._answers.append(answer)
                    self._changed.notify_all()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over = True
        for thread in self._threads:
            thread.join(2 * PATIENCE)

    @property
    def answers(self):
        with self._changed:
            return list(self._answers)

    @property
    def failures(self):
        return [answer for answer in self.answers if answer.error]

    def go_on(self, count=40, is_so=lambda answer: True):
        """Waits for so many more answers, which the last of them all have to be `is_so`."""
        start = len(self.answers) + count

        def has_come():
            answers = self._answers
            return len(answers) >= start and all(map(is_so, answers[-count:]))
        with self._changed:
            if not self._changed.wait_for(has_come, PATIENCE):
                raise AssertionError(f"{len(self._answers)} answers, the last of them: "
                                     f"{self._answers[-count:]}")


def burst(nikawa, kind, name, prefix, count=20):
    """So many requests at once, each on a new connection; gives the responses as bytes."""
    with contextlib.ExitStack() as clients:
        opened = [clients.enter_context(RawClient(nikawa)) for _ in range(count)]
        for number, client in enumerate(opened):
            client.send(f"GET {prefix}{number} HTTP/1.1\r\nConnection: close\r\n"
                        f"Host: {host_of(kind, name)}\r\n\r\n")
        return [client.receive_to_the_end() for client in opened]


class DistantTest(SystemTest):
    """The tests of a class share a name server. What is called `check_...` is a test for each kind
    of origin."""

    def __init_subclass__(cls, **more):
        super().__init_subclass__(**more)
        for name, check in list(vars(cls).items()):
            if name.startswith("check_"):
                for kind in BOTH:
                    setattr(cls, f"test_{name.removeprefix('check_')}_over_{kind}",
                            cls._test_of(check, kind))

    @staticmethod
    def _test_of(check, kind):
        def test(self):
            check(self, kind)
        return test

    @classmethod
    def make_world(cls):
        return World(Dnsmasq())

    def serve(self, **settings):
        """Starts the nginx of this test."""
        self.nginx = FarNginx(self.world, **settings)
        self.addCleanup(self.nginx.close)

    def records(self, nikawa, prefix, count):
        """The access records of the targets that begin so, once there are `count`."""
        mark = json.dumps(prefix)[:-1]  # as it stands in a line

        def found():
            lines = [line for line in nikawa.stderr.all() if mark in line]
            return lines if len(lines) >= count else None
        lines = wait_until(found, f"{count} records of {prefix}")
        return [record for record in map(json.loads, lines) if record["uri"].startswith(prefix)]

    def ask_one_by_one(self, nikawa, kind, name, prefix, count, method="GET"):
        """Asks on one connection; none fails. Gives the records."""
        with Client(nikawa, kind, name) as client:
            for number in range(count):
                self.assertEqual(client.ask(f"{prefix}{number}", method).error, "")
        return self.records(nikawa, prefix, count)

    def assert_warm(self, records):
        cold = [(record["uri"], record["cold"]) for record in records if "cold" in record]
        self.assertEqual(cold, [])

    def assert_none_failed(self, load):
        self.assertEqual(load.failures, [])

    def assert_once(self, answers, prefix):
        """Each was done once by the origin, if it was answered well, and at most once if not."""
        good = {answer.target for answer in answers if not answer.error}
        targets = self.nginx.targets(prefix, len(good))
        self.assertEqual(len(targets), len(set(targets)), "done twice")
        self.assertLessEqual(good, set(targets))
