"""What each measurement gets: a daemon of its own, and origins of its own at a distance."""

import asyncio
import itertools
import math
import pathlib
import sys
import time

from clients import Direct, ThroughProxy
from daemons import KINDS, Setting, Site
from names import Names
from world import Distance

from harness import Certificates, accepts, spawn, wait_until
from origin import Origin

DOMAIN = "far.test"
MTU = 1500
SHARED_PORTS = {"h2": 443, "h1": 444}
PRIVATE_PORTS = {"h2": 1443, "h1": 1444}     # nobody else may listen on all addresses there
CLOSING_PORTS = {"h2": 2443, "h1": 2444}     # origins that close after IDLE_LIMIT
IDLE_LIMIT = 5.0
FILES = {"10m": 10_000_000, "50m": 50_000_000}
NGINX_DEFAULTS = ""  # of Debian's nginx: 1000 requests and 75 s


class Lab:
    """The two sides, the far servers, and the name server on the near side."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.certificates = Certificates(directory)
        self.pair = self.certificates.issue("*." + DOMAIN)
        self.distance = Distance()
        self._closers = [self.distance.close]
        self._hosts = (f"10.78.{high}.{low}" for high in range(256) for low in range(1, 255))
        try:
            self.distance.near.enter()
            self.names = Names()
            self._start_origins()
        except BaseException:
            self.close()
            raise

    def _start_origins(self):
        probe = self.address(rtt=0.001)
        self.origin = self.far_origin("origin", "0.0.0.0", SHARED_PORTS, files=FILES)
        self.start_origin(self.origin, probe, SHARED_PORTS)
        # Over HTTP/2 nginx closes; over HTTP/1.1 one of ours that does not say so beforehand.
        spare = {**CLOSING_PORTS, "h1": CLOSING_PORTS["h1"] + 1}
        self.closing_origin = self.far_origin("closing", "0.0.0.0", spare, log=True,
                                              keepalive=f"keepalive_timeout {IDLE_LIMIT:.0f}s;")
        self.start_origin(self.closing_origin, probe, spare)
        self.closing_log = self.directory / "closing.log"
        address = f"0.0.0.0:{CLOSING_PORTS['h1']}"
        closing = spawn(*self.distance.far.command(
            sys.executable, pathlib.Path(__file__).parent / "closing_origin.py", address,
            *self.pair, IDLE_LIMIT, self.closing_log))
        self._closers.append(lambda: (closing.kill(), closing.wait()))
        wait_until(lambda: accepts(f"{probe}:{CLOSING_PORTS['h1']}"), "the closing origin")

    def far_origin(self, name, address, ports, keepalive=NGINX_DEFAULTS, **more):
        origin = Origin(self.directory / name, self.pair,
                        *(f"{address}:{ports[protocol]}" for protocol in ("h2", "h1")),
                        keepalive=keepalive, run=self.distance.far.command(), **more)
        self._closers.append(origin.close)
        return origin

    @staticmethod
    def start_origin(origin, address, ports):
        origin.start([f"{address}:{port}" for port in ports.values()])

    def address(self, **link):
        """A new far address, at the end of a link of its own."""
        address = next(self._hosts)
        self.distance.add_far(address)
        self.distance.set(address + "/32", **link)
        return address

    def close(self):
        for close in reversed(self._closers):
            close()
        self._closers = []


class Cell:
    """One daemon, or clients without one, in one scenario at one round trip."""

    def __init__(self, lab, scenario, kind, rtt_ms, quick):
        self.lab, self.kind, self.rtt_ms, self.quick = lab, kind, rtt_ms, quick
        self.rtt = rtt_ms / 1e3
        self.daemon_class, self.protocol = KINDS[kind]
        self.key = f"{scenario}-{kind}-{rtt_ms}"
        self.directory = lab.directory / self.key
        self.directory.mkdir()
        self.ports = SHARED_PORTS
        self.daemon = None
        self.is_broken = False
        self._sites = []
        self._tokens = itertools.count()

    def site(self, label, addresses=1, ttl=60, by_name=False, **link):
        """A new origin's name, with its own addresses."""
        found = [self.lab.address(rtt=self.rtt, **link) for _ in range(addresses)] \
            if isinstance(addresses, int) else addresses
        # A wildcard certificate does not fit a label with an underscore.
        site = Site(f"{label}-{self.key}.{DOMAIN}".replace("_", "-"), found, by_name)
        self._sites.append(site)
        self.lab.names.set(site.name, found, ttl)
        return site

    def begin(self):
        """Starts the daemon, with what site() has made."""
        if self.daemon_class is None:
            self.client = Direct({site.name: site.addresses[0] for site in self._sites},
                                 self.ports[self.protocol], self.lab.certificates.ca)
            return
        setting = Setting(self.directory, self.lab.certificates.ca, self.ports, self._sites)
        self.daemon = self.daemon_class(setting, self.protocol)
        self.daemon.start()  # and if that fails, it has ended
        self.client = ThroughProxy(self.daemon.port, self.daemon.host)

    def end(self):
        if self.daemon is not None and not self.is_broken:
            self.daemon.stop()

    def start(self, site, *arguments, **more):
        """A request that is sent now: a future of its reply."""
        return self.client.start(site.name, *arguments, **more)

    async def get(self, site, *arguments, **more):
        return await self.start(site, *arguments, **more)

    async def warm_up(self, site, requests=3, at_once=1):
        """Requests so that there are sessions: so many times, so many at once."""
        for _ in range(requests):
            for reply in await asyncio.gather(*[self.start(site) for _ in range(at_once)]):
                if not reply.is_good:
                    raise RuntimeError(f"{self.key}: {site.name} answered {reply}")

    def token(self):
        """What makes a request's target its own, to find it in the origin's log."""
        return f"{self.key}.{next(self._tokens)}"

    def trips(self, replies):
        """Their times in round trips; one that failed counts as never."""
        return [reply.seconds / self.rtt if reply.is_good else math.inf for reply in replies]

    def load(self, site, rate, target="/22", timeout=20.0):
        """A load of GETs that runs from now."""
        return Load(lambda: self.start(site, target, timeout=timeout), rate)


class Load:
    """Requests at a steady rate, however long each takes."""

    def __init__(self, start_one, rate):
        self._start_one, self._rate = start_one, rate
        self.sent = []  # pairs of when, by time.monotonic(), and the future of the reply
        self._sender = asyncio.ensure_future(self._send())

    async def _send(self):
        begin = time.monotonic()
        for number in itertools.count():
            delay = begin + number / self._rate - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            self.sent.append((time.monotonic(), self._start_one()))

    async def finish(self):
        """Sends no more; gives pairs of when each was sent and its reply, once all are there."""
        self._sender.cancel()
        return [(when, await reply) for when, reply in self.sent]

    def latest_bodies(self, count):
        """What the last replies said."""
        done = [reply.result() for _, reply in self.sent if reply.done()]
        return [reply.body for reply in done if reply.is_good][-count:]


def percentile(values, percent):
    """The smallest value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
