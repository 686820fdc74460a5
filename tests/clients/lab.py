"""The network in which real clients are tried: names that mean nikawa by a wildcard, as an operator
would set them up, and origins under their real names at a distance.

    lab = Lab()
    daemon = lab.nikawa("--https-for", "*.example.com")
    lab.run("curl", "-sS", "http://api.example.com.ccnproxy-https:3000/hello")

There are two sides a round trip apart (bench/distance/world.py). On the near one everything runs
that is started from here: nikawa at port 3000 of 127.0.0.1, clients, and two name servers. The one
of resolv.conf, which clients ask, says that `*.ccnproxy-https`, `*.ccnproxy` and, as in a split
DNS, SPLIT are nikawa, and knows no other name: what a client gets it has got through nikawa. The
other one is nikawa's `--resolver` and knows the true names of the origins, which are on the far
side.
"""

import os
import pathlib
import socket
import subprocess
import sys
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path += [str(ROOT / "tests/system"), str(ROOT / "bench/distance")]

import distant  # noqa: E402
import own_network  # noqa: E402
from harness import NIKAWA, PATIENCE, Lines, World, clean_environment, spawn  # noqa: E402
from origins import FOR_EVER, NginxProcess, ScriptedOrigin  # noqa: E402
from world import Distance  # noqa: E402

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
PYTHON = "/usr/bin/python3"  # whose packages are those of the system
RTT = 0.025  # seconds: long enough to be told from what a busy machine needs for itself
PORT = 3000
PROXY = f"http://127.0.0.1:{PORT}"
MARKERS = {"https": "ccnproxy-https", "http": "ccnproxy"}

# The true names, of which nikawa's resolver knows everything below as well.
HTTP2, HTTP1, PLAIN = "api.example.com", "old.example.com", "plain.example.com"
SPLIT = "split.example.com"
ADDRESSES = {HTTP2: "203.0.113.10", HTTP1: "203.0.113.11", PLAIN: "203.0.113.12",
             SPLIT: "203.0.113.10"}

SERVER = """
    server {{
        listen {listen};
        server_name {name};
        {tls}
        root {directory}/files;
        gzip on;
        gzip_proxied any;
        gzip_types text/plain;
        location = /hello {{ return 200 "hello from $server_name"; }}
        absolute_redirect off;
        location = /moved {{ return 302 /hello; }}
        location = /moved-far {{ return 302 https://$host/hello; }}
        location = /cookies {{
            add_header Set-Cookie "own=1";
            add_header Set-Cookie "of-domain=1; Domain=example.com";
            add_header Set-Cookie "secure=1; Secure";
            return 204;
        }}
        location / {{ try_files $uri @application; }}
        # Tells what it received, whatever the path.
        location @application {{
            rewrite ^(.*)$ $1/hash break;
            proxy_pass http://127.0.0.1:{application};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
        }}
    }}
"""


class NameServer:
    """A dnsmasq on the near side: the address of each of these names and of all below it. There
    are no other names."""

    def __init__(self, address, names):
        self.address = address + ":53"
        self._process = spawn(
            "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            "--user=root", "--log-facility=-", "--listen-address=" + address, "--bind-interfaces",
            "--address=/#/", *(f"--address=/{name}/{to}" for name, to in names.items()),
            stderr=subprocess.PIPE)
        Lines(self._process.stderr).wait(
            lambda lines: any("started" in line for line in lines), "start of dnsmasq")

    def close(self):
        self._process.kill()
        self._process.wait(PATIENCE)


class ExampleOrigins(NginxProcess):
    """nginx on the far side, under the names of ADDRESSES: over HTTP/2, over HTTP/1.1 alone, and
    without TLS. /hello says hello, /moved leads there, the files are as file() made them; what else
    is asked for is answered with what was received."""

    def __init__(self, lab):
        super().__init__(lab.world.folder("nginx"), lab.distance.far.command())
        self._application = ScriptedOrigin(listening=lab.far_socket("127.0.0.1"))
        pem, key = lab.world.certificates.issue(*ADDRESSES)
        tls = f"ssl_certificate {pem}; ssl_certificate_key {key};"
        servers = [self._server(HTTP2, "443 ssl http2", tls),
                   self._server(SPLIT, "443 ssl http2", tls),
                   self._server(HTTP1, "443 ssl", tls), self._server(PLAIN, "80", "")]
        self.configure(FOR_EVER + "".join(servers), [ADDRESSES[HTTP2] + ":443"])
        if not self.start():
            raise AssertionError(self.errors())

    def _server(self, name, listen, tls):
        return SERVER.format(listen=f"{ADDRESSES[name]}:{listen}", name=name, tls=tls,
                             directory=self.directory, application=self._application.port)

    def close(self):
        super().close()
        self._application.close()


class Lab:
    """A laboratory for the tests of a class, which it moves to the near side."""

    def __init__(self, names=None):
        """`names` are more true names, each with its address, which the far side has then."""
        if not os.access(NIKAWA, os.X_OK):
            raise AssertionError("set NIKAWA to the binary to test")
        distant.require()
        self._closers = []
        names = {**ADDRESSES, **(names or {})}
        try:
            own_network.enter()
            self.distance = self._kept(Distance())
            self.distance.add_far(*set(names.values()))
            self.distance.set(rtt=RTT)
            self.distance.near.enter()
            self._kept(NameServer("127.0.0.1",
                                  dict.fromkeys([*MARKERS.values(), SPLIT], "127.0.0.1")))
            # The world closes it.
            self.world = self._kept(World(NameServer("127.0.0.2", names)))
        except BaseException:
            self.close()
            raise

    def _kept(self, part):
        self._closers.append(part.close)
        return part

    def close(self):
        while self._closers:
            self._closers.pop()()

    def far_socket(self, address, port=0):
        """A listening socket on the far side, for a server in this process."""
        made = []

        def listen():
            self.distance.far.enter()  # this thread alone
            made.append(socket.create_server((address, port), backlog=512))
        thread = threading.Thread(target=listen)
        thread.start()
        thread.join()
        return made[0]

    def example_origins(self):
        """The origins under the names of ADDRESSES, until the laboratory closes."""
        return self._kept(ExampleOrigins(self))

    def nikawa(self, *options, **more):
        """A nikawa at port 3000, to be closed by its `__exit__`."""
        # Real names have real addresses here: no origin on loopback has to be allowed.
        return self.world.nikawa("--port", PORT, "--allow-target", "*", *options, **more)

    def environment(self, **more):
        """What clients see, without the proxies of the machine. They trust the origins' authority,
        however they are told; Go compiles a file as it is and remembers what it has compiled."""
        authority = str(self.world.certificates.ca)
        own = dict(HOME=str(self.world.directory), SSL_CERT_FILE=authority,
                   CURL_CA_BUNDLE=authority, REQUESTS_CA_BUNDLE=authority,
                   AWS_CA_BUNDLE=authority, NODE_EXTRA_CA_CERTS=authority, GO111MODULE="off",
                   GOFLAGS="", GOTOOLCHAIN="local", GOCACHE=str(ROOT / "build/go-cache"),
                   LC_ALL="C.UTF-8")
        return clean_environment(**{**own, **more})

    def run(self, *command, environment=None, timeout=60, **more):
        """Runs a client on the near side to its end."""
        return subprocess.run(list(map(str, command)), capture_output=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, env=self.environment(**(environment or {})),
                              **more)

    def built_by_go(self, source):
        """The program of this file, which may use Debian's packages of Go."""
        program = self.world.directory / source.stem
        # The first time all that it uses is compiled, too.
        built = self.run("go", "build", "-o", program, source, timeout=100,
                         environment={"GOPATH": "/usr/share/gocode"})
        if built.returncode != 0:
            raise AssertionError(built.stderr.decode())
        return program


def suffixed(origin):
    """The URL by which clients without a proxy's settings name `https://host`, or http."""
    scheme, host = origin.split("://")
    return f"http://{host}.{MARKERS[scheme]}:{PORT}"


def without_tls(origin):
    """The URL of `https://host` for clients that know nikawa as their HTTP proxy."""
    return "http://" + origin.split("://")[1]


class LabTest(unittest.TestCase):
    """The tests of a class share a laboratory."""

    names = {}  # more true names, and their addresses on the far side

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(cls.names)
        cls.addClassCleanup(cls.lab.close)

    def start(self, *options, **more):
        """A nikawa for this test, stopped and checked at its end."""
        nikawa = self.lab.nikawa(*options, **more)
        self.addCleanup(nikawa.__exit__, None)
        return nikawa
