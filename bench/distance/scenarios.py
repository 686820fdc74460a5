"""What is measured: each scenario makes its origins, does what it does, and gives figures."""

import asyncio
import collections
import math
import random
import statistics
import time

import daemons
from lab import CLOSING_PORTS, IDLE_LIMIT, PRIVATE_PORTS, percentile


class Figure(collections.namedtuple("Figure", "key title unit most least at",
                                    defaults=[None, None, None])):
    """One line of the table. `most` or `least` is the bound that nikawa sets itself, at all round
    trips or at those in `at` (ms). The unit is "RTT", "s", "MB", "share", or "" for a count."""

    def is_met(self, value, rtt_ms):
        """None where there is no bound."""
        if self.at and rtt_ms not in self.at or self.most is None and self.least is None:
            return None
        return (self.most is None or value <= self.most) \
            and (self.least is None or value >= self.least)


class Scenario:
    """`cells_at_once`: how many (daemon, round trip) run side by side; "all", "trips" for one
    daemon at all round trips, or a number. `minutes` it takes by default with all usual daemons."""

    name = ""
    cells_at_once = "all"
    measures_direct = False
    minutes = 1.0
    figures = ()

    def prepare(self, cell):
        """Makes the sites, before the daemon starts."""

    async def measure(self, cell):
        """The figures by key, and more by other keys for who reads the JSON."""
        raise NotImplementedError

    def compare(self, results):
        """Figures that need those of others: `results` are by daemon, all at one round trip."""


class Warm(Scenario):
    """Requests one after the other."""

    name = "warm"
    measures_direct = True
    minutes = 1.5
    figures = (Figure("median", "warm request, median", "RTT", most=1.03, at=(100,)),
               Figure("p99", "warm request, p99", "RTT", most=1.1, at=(100,)))

    def prepare(self, cell):
        cell.used = cell.site("warm")

    async def measure(self, cell):
        await cell.warm_up(cell.used)
        count = 50 if cell.quick or cell.daemon is None else 250
        times = cell.trips([await cell.get(cell.used) for _ in range(count)])
        return {"median": statistics.median(times), "p99": percentile(times, 99), "all": times}


class Idle(Scenario):
    """The first request after a pause; the worst of three."""

    name = "idle"
    minutes = 2.6
    gaps = (10, 35, 65, 95, 130)
    figures = tuple(Figure(f"after_{gap}", f"first request after {gap} s", "RTT", most=1.1,
                           at=(100,)) for gap in gaps)

    def prepare(self, cell):
        gaps = self.gaps[:2] if cell.quick else self.gaps
        cell.used = {gap: [cell.site(f"idle{gap}-{copy}") for copy in range(3)] for gap in gaps}

    async def measure(self, cell):
        async def one(site, gap):
            await asyncio.sleep(random.uniform(0, 2))
            await cell.warm_up(site)
            await asyncio.sleep(gap)
            return await cell.get(site)

        async def worst(gap, sites):
            replies = await asyncio.gather(*(one(site, gap) for site in sites))
            return f"after_{gap}", max(cell.trips(replies))

        return dict(await asyncio.gather(*(worst(*used) for used in cell.used.items())))


class Race(Scenario):
    """Requests at about the moment when the origin closes the idle connection."""

    name = "race"
    cells_at_once = 6
    minutes = 3.5
    figures = (Figure("get_failed", "race with idle close: GETs failed", "", most=0),
               Figure("get_slow", "race: GETs slower than 1.5 RTT", "", most=0),
               Figure("post_failed", "race: POSTs failed", "", most=0),
               Figure("post_repeated", "race: POSTs the origin got twice", "", most=0),
               Figure("post_slow", "race: POSTs slower than 1.5 RTT", "", most=0))

    def prepare(self, cell):
        cell.ports = CLOSING_PORTS
        step = 0.1 if cell.quick else 0.02
        gaps = [4.0 + number * step for number in range(round(2.0 / step) + 1)]
        address = cell.lab.address(rtt=cell.rtt)
        cell.used = [(cell.site(f"{method.lower()}{gap * 1e3:.0f}", [address]), gap, method)
                     for method in ("GET", "POST") for gap in gaps]

    async def measure(self, cell):
        found = await asyncio.gather(*(self._run(cell, *used) for used in cell.used))
        counts = collections.Counter(self._requests(cell))
        result = {"requests": sum(map(len, found)), "failures": []}
        for method in ("GET", "POST"):
            replies = [reply for (_, _, used), of_site in zip(cell.used, found) if used == method
                       for reply in of_site]
            bad = [reply for _, _, reply in replies if not reply.is_good]
            result[f"{method.lower()}_failed"] = len(bad)
            result[f"{method.lower()}_slow"] = sum(
                reply.is_good and reply.seconds > 1.5 * cell.rtt for _, _, reply in replies)
            result["failures"] += [[method, gap, reply.status, reply.error]
                                   for gap, _, reply in replies if not reply.is_good]
            result[f"{method.lower()}_repeated"] = sum(
                counts[f"/22?{token}"] > 1 for _, token, _ in replies)
        return result

    @staticmethod
    async def _run(cell, site, gap, method):
        await asyncio.sleep(random.uniform(0, IDLE_LIMIT))
        for _ in range(2):  # from these closes the daemon may learn
            await cell.get(site)
            await asyncio.sleep(IDLE_LIMIT + 3 * cell.rtt + 0.3)
        await cell.get(site)
        replies = []
        for _ in range(2 if cell.quick else 4):
            await asyncio.sleep(gap)
            token = cell.token()
            body = b"a body\n" if method == "POST" else b""
            replies.append((gap, token, await cell.get(site, f"/22?{token}", method, body)))
        return replies

    @staticmethod
    def _requests(cell):
        """The targets of all requests that the origin has taken."""
        if cell.protocol == "h2":
            return [target for _, target, _ in cell.lab.closing_origin.requests()]
        return [line.split()[1] for line in cell.lab.closing_log.read_text().splitlines()]


class Burst(Scenario):
    """Many requests at once."""

    name = "burst"
    measures_direct = True
    minutes = 2.5
    figures = (Figure("b20_p99", "burst of 20 after one of 20, p99", "RTT", most=1.1),
               Figure("b100_p99", "burst of 100 after one of 100, p99", "RTT", most=1.1),
               Figure("first20_p99", "first burst of 20, one session warm, p99", "RTT", most=2.1))
    pause = 5.0
    _one_at_a_time = None

    def prepare(self, cell):
        cell.used = {size: cell.site(f"b{size}") for size in (20, 100)}
        cell.fresh = [cell.site(f"first{number}") for number in range(3)]
        self._one_at_a_time = self._one_at_a_time or asyncio.Lock()

    async def _burst(self, cell, site, size):
        async with self._one_at_a_time:
            return cell.trips(await asyncio.gather(*[cell.start(site) for _ in range(size)]))

    async def measure(self, cell):
        result = {}
        for size, site in cell.used.items():
            await cell.warm_up(site, 1)
            await self._burst(cell, site, size)
            times = []
            for _ in range(2 if cell.quick else 5):
                await asyncio.sleep(self.pause)
                times += await self._burst(cell, site, size)
            result |= {f"b{size}_p50": statistics.median(times),
                       f"b{size}_p99": percentile(times, 99), f"b{size}_all": times}
        times = []
        for site in cell.fresh:
            await cell.warm_up(site, 1)
            await asyncio.sleep(2)
            times += await self._burst(cell, site, 20)
        return result | {"first20_p50": statistics.median(times),
                         "first20_p99": percentile(times, 99), "first20_all": times}


async def busy_clients(cell, site, clients, seconds):
    """The replies to clients that each ask again as soon as they are answered."""
    end = time.monotonic() + seconds

    async def one():
        replies = []
        while time.monotonic() < end:
            replies.append(await cell.get(site))
        return replies

    return [reply for replies in await asyncio.gather(*(one() for _ in range(clients)))
            for reply in replies]


class Loss(Scenario):
    """1 % of the packets of each way lost, 20 clients."""

    name = "loss"
    cells_at_once = "trips"
    measures_direct = True
    minutes = 3.2
    figures = (Figure("p50", "1 % loss, 20 clients, median", "RTT"),
               Figure("p90", "1 % loss, 20 clients, p90", "RTT", most=1.05),
               Figure("p99", "1 % loss, 20 clients, p99", "RTT", most=3.0))

    def prepare(self, cell):
        cell.used = cell.site("loss")

    async def measure(self, cell):
        await cell.warm_up(cell.used, 1, at_once=20)
        cell.lab.distance.set(cell.used.addresses[0] + "/32", loss=0.01)
        replies = await busy_clients(cell, cell.used, 20, 5 if cell.quick else 20)
        times = cell.trips(replies)
        return {"failed": sum(not reply.is_good for reply in replies), "requests": len(times),
                **{f"p{percent}": percentile(times, percent) for percent in (50, 90, 99)}}


class SlowReader(Scenario):
    """One client that takes 50 MB at 100 KB/s while 20 others make small requests."""

    name = "slow_reader"
    cells_at_once = "trips"
    minutes = 5.0
    figures = (Figure("p50", "others beside a slow reader, median", "RTT", most=1.05),
               Figure("p99", "others beside a slow reader, p99", "RTT"),
               Figure("done", "their requests done, of those without it", "share", least=0.95),
               Figure("held", "held for the slow reader", "MB", most=2.0))

    def prepare(self, cell):
        cell.used = cell.site("slow")

    async def measure(self, cell):
        seconds = 5 if cell.quick else 15
        await cell.warm_up(cell.used, 1, at_once=20)
        without = await busy_clients(cell, cell.used, 20, seconds)
        held_before = await asyncio.to_thread(self._held, cell)
        slow = asyncio.ensure_future(cell.client.slow_read(cell.used.name, "/50m", 100_000))
        replies = await busy_clients(cell, cell.used, 20, seconds)
        held = await asyncio.to_thread(self._held, cell) - held_before
        is_reading = not slow.done()
        slow.cancel()
        times = cell.trips(replies)
        return {"p50": statistics.median(times), "p99": percentile(times, 99),
                "p99_without": percentile(cell.trips(without), 99),
                "failed": sum(not reply.is_good for reply in replies),
                "done": len(replies) / len(without), "held": held / 1e6,
                "is_reading": is_reading}

    @staticmethod
    def _held(cell):
        return cell.daemon.memory() + daemons.queued_bytes(cell.daemon)


class Transfers(Scenario):
    """Bodies of 10 and 50 MB over 100 Mbit/s, each direction twice."""

    name = "transfers"
    cells_at_once = "trips"
    measures_direct = True
    minutes = 6.0
    rate = 12.5e6  # bytes a second
    labels = ("down10", "down50", "up10", "up50")
    figures = tuple(Figure(f"{label}_{turn}", f"{label.rstrip('0123456789')} "
                           f"{label.lstrip('downup')} MB, {turn}, of curl's best", "share",
                           least=0.95)
                    for label in labels for turn in ("first", "second"))

    def prepare(self, cell):
        # Room for all that a sender's buffer holds: nothing is dropped, as luck in that would move
        # the figures more than the bound allows.
        cell.used = {label: cell.site(label, rate=self.rate, queue=8_000_000)
                     for label in (self.labels[::2] if cell.quick else self.labels)}

    async def measure(self, cell):
        result = {}
        for label, site in cell.used.items():
            if cell.daemon is None:
                result |= await self._direct(cell, label, site)
                continue
            await cell.warm_up(site)
            await asyncio.sleep(1)
            for turn in ("first", "second"):
                [result[f"{label}_{turn}_goodput"]] = await self._curl(
                    cell, label, 1, f"http://127.0.0.1:{cell.daemon.port}",
                    "--http1.1", "--header", "Host: " + cell.daemon.host(site.name))
        return result

    async def _direct(self, cell, label, site):
        """The better of both protocols; the second transfer over the first one's connection."""
        goodputs = [
            await self._curl(cell, label, 2, f"https://{site.name}", protocol, "--cacert",
                             cell.lab.certificates.ca, "--resolve",
                             f"{site.name}:443:{site.addresses[0]}")
            for protocol in ("--http1.1", "--http2")]
        return {f"{label}_{turn}_goodput": max(values)
                for turn, values in zip(("first", "second"), zip(*goodputs))}

    @staticmethod
    async def _curl(cell, label, times, base, *options):
        """Bytes a second of each transfer."""
        size = label.lstrip("downup") + "m"
        if label.startswith("down"):
            one = ["--output", "/dev/null", f"{base}/{size}"]
        else:
            file = cell.lab.origin.directory / "files" / size
            one = ["--upload-file", str(file), "--output", "/dev/null", f"{base}/sink"]
        process = await asyncio.create_subprocess_exec(
            "curl", "-q", "--silent", "--show-error", "--noproxy", "*", "--header", "Expect:",
            "--max-time", "120", "--write-out",
            "%{http_code} %{size_download} %{size_upload} %{time_total}\n", *options, *one * times,
            stdout=asyncio.subprocess.PIPE)
        lines = (await process.communicate())[0].decode().splitlines()
        answers = [line.split() for line in lines]
        if len(answers) != times or any(not code.startswith("2") for code, *_ in answers):
            raise RuntimeError(f"{cell.key}: curl's transfer: {lines}")
        return [max(int(down), int(up)) / float(seconds) for _, down, up, seconds in answers]

    def compare(self, results):
        best = results.get("direct", {})
        for kind, result in results.items():
            for figure in self.figures if kind != "direct" else ():
                goodput = figure.key + "_goodput"
                if goodput in result and goodput in best:
                    result[figure.key] = result[goodput] / best[goodput]


class Forget(Scenario):
    """A middle box forgets the pooled connections, and drops what comes on them."""

    name = "forget"
    minutes = 1.0
    figures = (Figure("first", "flows forgotten: next GET", "s", most=1.5),
               Figure("later", "flows forgotten: the slowest of later ones", "RTT", most=1.1))

    def prepare(self, cell):
        cell.used = cell.site("forget")

    async def measure(self, cell):
        await cell.warm_up(cell.used)
        await cell.warm_up(cell.used, 1, at_once=3)
        await asyncio.sleep(2)
        cell.lab.distance.forget(cell.used.addresses[0])
        first = await cell.get(cell.used, timeout=25)
        later = [await cell.get(cell.used, timeout=10) for _ in range(3)]
        return {"first": first.seconds if first.is_good else math.inf,
                "later": max(cell.trips(later))}


def slow_and_failed(cell, sent):
    """Of a load's replies: how many failed, and the longest in round trips and in seconds."""
    replies = [reply for _, reply in sent]
    return {"failed": sum(not reply.is_good for reply in replies), "requests": len(replies),
            "slowest": max(cell.trips(replies)),
            "longest": max(reply.seconds for reply in replies)}


class Restart(Scenario):
    """The daemon is restarted, and the origin, under light load."""

    name = "restart"
    minutes = 0.5
    figures = (Figure("daemon", "first request after the daemon's restart", "RTT", most=1.1),
               Figure("failed", "GETs failed at the origin's restart", "", most=0),
               Figure("back", "request 1 s after the origin's restart", "RTT", most=1.1))
    rate = 20

    def prepare(self, cell):
        cell.ports = PRIVATE_PORTS
        cell.used = cell.site("restart")
        [address] = cell.used.addresses
        cell.origin = cell.lab.far_origin(cell.key + "-origin", address, PRIVATE_PORTS)
        cell.lab.start_origin(cell.origin, address, PRIVATE_PORTS)

    async def measure(self, cell):
        await cell.warm_up(cell.used)
        await asyncio.to_thread(cell.daemon.stop)
        await asyncio.to_thread(cell.daemon.start)
        first = await cell.get(cell.used)
        [address] = cell.used.addresses

        load = cell.load(cell.used, self.rate)
        await asyncio.sleep(3)
        await asyncio.to_thread(cell.origin.close)
        await asyncio.to_thread(cell.lab.start_origin, cell.origin, address, PRIVATE_PORTS)
        back = time.monotonic()
        await asyncio.sleep(3)
        sent = await load.finish()
        after = next(reply for when, reply in sent if when > back + 1)
        return {**slow_and_failed(cell, sent), "daemon": cell.trips([first])[0],
                "back": cell.trips([after])[0]}


class DnsChange(Scenario):
    """The name moves to another address under load; later the old one is taken out of service. At
    this rate nginx's limit of 1000 requests on a connection is passed as well."""

    name = "dns_change"
    cells_at_once = "trips"
    minutes = 3.0
    rate = 200
    figures = (Figure("failed", "address change at 200/s: failed", "", most=0),
               Figure("slowest", "address change at 200/s: slowest", "RTT", most=1.2),
               Figure("moved", "first answer from the new address after", "s"),
               Figure("closing_failed", "old address closes: failed", ""),
               Figure("closing_slowest", "old address closes: slowest", "RTT"))

    def prepare(self, cell):
        cell.ports = PRIVATE_PORTS
        addresses = [cell.lab.address(rtt=cell.rtt) for _ in range(2)]
        cell.old, cell.new = addresses
        cell.used = cell.site("change", [cell.old], ttl=2, by_name=True)
        cell.origins = []
        for number, address in enumerate(addresses):
            origin = cell.lab.far_origin(f"{cell.key}-origin{number}", address, PRIVATE_PORTS,
                                         can_drain=True)
            cell.lab.start_origin(origin, address, PRIVATE_PORTS)
            cell.origins.append(origin)

    async def measure(self, cell):
        pauses = (2, 6, 3) if cell.quick else (3, 10, 5)
        await cell.warm_up(cell.used, 1, at_once=20)
        load = cell.load(cell.used, self.rate, "/who")
        await asyncio.sleep(pauses[0])
        changed = time.monotonic()
        cell.lab.names.set(cell.used.name, [cell.new], ttl=2)
        await asyncio.sleep(pauses[1])
        closed = time.monotonic()
        cell.origins[0].drain()
        await asyncio.sleep(pauses[2])
        sent = await load.finish()
        from_new = [when for when, reply in sent if reply.body.decode().strip() == cell.new]
        closing = slow_and_failed(cell, [pair for pair in sent if pair[0] > closed - cell.rtt])
        return {**slow_and_failed(cell, [pair for pair in sent if pair[0] <= closed - cell.rtt]),
                "moved": max(0, from_new[0] - changed) if from_new else math.inf,
                "closing_failed": closing["failed"], "closing_slowest": closing["slowest"]}


class Blackhole(Scenario):
    """One of two addresses, the one in use, becomes unreachable without a sign, under load."""

    name = "blackhole"
    minutes = 0.8
    rate = 50
    figures = (Figure("failed", "one of two addresses lost: GETs failed", "", most=0),
               Figure("longest", "one of two addresses lost: longest wait", "s", most=3.0))

    def prepare(self, cell):
        cell.used = cell.site("hole", addresses=2)

    async def measure(self, cell):
        await cell.warm_up(cell.used)
        load = cell.load(cell.used, self.rate, "/who")
        await asyncio.sleep(4)
        [(lost, _)] = collections.Counter(load.latest_bodies(50)).most_common(1)
        lost = lost.decode().strip()
        cell.lab.distance.blackhole(lost)
        await asyncio.sleep(5 if cell.quick else 12)
        cell.lab.distance.heal(lost)
        await asyncio.sleep(1)
        return slow_and_failed(cell, await load.finish())


SCENARIOS = {scenario.name: scenario for scenario in (
    Warm(), Idle(), Race(), Burst(), Loss(), SlowReader(), Transfers(), Forget(), Restart(),
    DnsChange(), Blackhole())}
