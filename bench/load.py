#!/usr/bin/env python3
"""What nikawa costs beside nghttpx, HAProxy and nginx doing the same job, measured in one run.

All run at once and are loaded in turn, round by round, so that a disturbance of the machine falls
on all alike; a figure is the median of its rounds. CPU time is the proxy's own, of all its threads,
from the scheduler, so what the load and the origin cost does not enter. They have one core, the
proxies the other: otherwise the proxy's caches and its batches would be theirs as well.

    bench/load.py                  all figures, about 15 minutes
    bench/load.py --quick          the same in about two, rougher
    bench/load.py --only small,new --proxies nikawa,haproxy

Needs the packages of the section bench (deploy/install-packages bench) and build/release/nikawa.
Talks to 127.0.0.1 only.
"""

import argparse
import json
import os
import pathlib
import platform
import resource
import shutil
import socket
import statistics
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("NIKAWA", str(ROOT / "build/release/nikawa"))
sys.path.insert(0, str(ROOT / "tests/system"))
sys.dont_write_bytecode = True

import h2c  # noqa: E402
from harness import Certificates, NameServer, free_port  # noqa: E402
from loads import FILES, LOADS  # noqa: E402
from origin import Origin  # noqa: E402
from proxies import KINDS, ORIGIN_NAME, SESSION_NAMES, Setting  # noqa: E402

MEMORY = {
    "clients": "idle client connection, bytes",
    "h2c clients": "idle client connection of HTTP/2, bytes",
    "sessions": "idle origin session, bytes",
}


class Bench:
    def __init__(self, arguments, directory):
        cores = sorted(os.sched_getaffinity(0))
        self.arguments = arguments
        self.load_pin = ["taskset", "-c", str(cores[0])] if len(cores) > 1 else []
        proxy_pin = ["taskset", "-c", str(cores[1])] if len(cores) > 1 else []
        certificates = Certificates(directory)
        self.names = NameServer()
        ports = {protocol: free_port() for protocol in ("h2", "h1")}
        self.origin = Origin(directory / "origin",
                             certificates.issue(ORIGIN_NAME, "*.sessions.test"),
                             *(f"127.0.0.1:{port}" for port in ports.values()),
                             files=FILES, run=self.load_pin)
        self.origin.start()
        setting = Setting(directory, certificates.ca, ports, self.names.address, proxy_pin)
        self.proxies = [kind(setting, protocol) for name in arguments.proxies
                        for kind, protocols in [KINDS[name]] for protocol in protocols]
        self.results = {proxy.name: {} for proxy in self.proxies}
        self.running = []

    def start(self):
        for proxy in self.proxies:
            proxy.start()
            self.running.append(proxy)

    def close(self):
        for proxy in self.running:
            proxy.stop()
        self.running = []
        self.origin.close()
        self.names.close()

    def measure_load(self, proxy, name, seconds):
        load = LOADS[name]
        if not load.suits(proxy):
            return
        before = proxy.cpu_seconds()
        done = load.run(proxy, seconds, self.load_pin)
        cpu = proxy.cpu_seconds() - before
        if done["requests"] == 0:
            raise RuntimeError(f"{proxy.name}: no answer to {name}: {done}")
        self.results[proxy.name].setdefault(name, []).append(
            {**done, "cpu_seconds": cpu, "figure": load.figure(cpu, done)})

    def measure_memory(self, proxy, what):
        measure = {
            "clients": lambda: self.client_memory(
                proxy, lambda: exchange(proxy, ORIGIN_NAME)),
            "h2c clients": lambda: self.client_memory(
                proxy, lambda: h2c.exchange(proxy.h2c_port, proxy.host(ORIGIN_NAME), "/22")),
            "sessions": lambda: self.session_memory(proxy),
        }
        figure = measure[what]()
        self.results[proxy.name].setdefault(what, []).append({"figure": figure, "errors": 0})

    def client_memory(self, proxy, connect):
        """The slope between a few and many idle connections, each after one exchange."""
        few, many = (1000, 3000) if self.arguments.quick else (1000, 6000)
        clients = []
        try:
            for count in (few, many):
                while len(clients) < count:
                    clients.append(connect())
                if count == few:
                    before = proxy.memory()
            return (proxy.memory() - before) / (many - few)
        finally:
            for client in clients:
                client.close()

    def session_memory(self, proxy):
        """The slope over sessions to origins of different names, each after one exchange."""
        few = 20
        for name in SESSION_NAMES[:few]:
            exchange(proxy, name).close()
        sessions, memory = proxy.origin_sessions(), proxy.memory()
        for name in SESSION_NAMES[few:]:
            exchange(proxy, name).close()
        opened = proxy.origin_sessions() - sessions
        if opened <= 0:
            raise RuntimeError(f"{proxy.name}: {opened} sessions were opened")
        return (proxy.memory() - memory) / opened

    def run(self):
        arguments = self.arguments
        memory = [name for name in MEMORY if name in arguments.only]
        loads = [name for name in LOADS if name in arguments.only]
        for what in memory:  # first, each with fresh processes: a heap remembers its largest day
            for proxy in self.proxies:
                proxy.start()
                self.running.append(proxy)
                say(f"memory, {what}: {proxy.name}")
                self.measure_memory(proxy, what)
                self.running.remove(proxy)
                proxy.stop()
        if not loads:
            return
        self.start()
        for proxy in self.proxies:
            LOADS["small"].run(proxy, 1, self.load_pin)
        for number in range(arguments.rounds):
            for load in loads:
                say(f"round {number + 1} of {arguments.rounds}: {load}")
                for proxy in self.proxies:
                    self.measure_load(proxy, load, arguments.seconds)


def exchange(proxy, name):
    """A client's connection after one whole exchange."""
    client = socket.create_connection(("127.0.0.1", proxy.port), 20)
    client.sendall(f"GET /22 HTTP/1.1\r\nHost: {proxy.host(name)}\r\n\r\n".encode())
    got = b""
    while not got.endswith(b"answer\n"):
        piece = client.recv(65536)
        got += piece
        if not piece or not got.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{proxy.name} answered {got!r}")
    return client


def say(text):
    print(text, file=sys.stderr, flush=True)


def summary(rounds):
    """The median, with a mark when there were errors."""
    median = statistics.median(measured["figure"] for measured in rounds)
    return median, any(measured["errors"] for measured in rounds)


def formatted(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def table(results, only):
    titles = {**{name: load.title for name, load in LOADS.items()}, **MEMORY}
    columns = list(results)
    lines = ["| | " + " | ".join(columns) + " | nikawa to the best peer |",
             "|---|" + "---:|" * (len(columns) + 1)]
    for name, title in titles.items():
        if name not in only:
            continue
        cells, ours, peers = [], [], []
        for column in columns:
            if name not in results[column]:
                cells.append("-")
                continue
            value, has_errors = summary(results[column][name])
            cells.append(formatted(value) + ("!" if has_errors else ""))
            (ours if column.startswith("nikawa") else peers).append(value)
        ratio = f"{min(ours) / min(peers):.2f}" if ours and peers else ""
        lines.append(f"| {title} | " + " | ".join(cells) + f" | {ratio} |")
    return "\n".join(lines)


def names(text):
    return text.split(",")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 s, fewer connections")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int, help="of each measurement")
    parser.add_argument("--only", type=names, default=[*LOADS, *MEMORY],
                        help="of " + ",".join([*LOADS, *MEMORY]))
    parser.add_argument("--proxies", type=names, default=list(KINDS), help="of " + ",".join(KINDS))
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build/bench.json",
                        help="where every round is written (%(default)s)")
    arguments = parser.parse_args()
    for given, known in ((arguments.only, [*LOADS, *MEMORY]), (arguments.proxies, [*KINDS])):
        for name in given:
            if name not in known:
                parser.error(f"{name!r} is not one of {', '.join(known)}")
    arguments.rounds = arguments.rounds or (2 if arguments.quick else 5)
    arguments.seconds = arguments.seconds or (1 if arguments.quick else 3)
    for name in arguments.proxies:
        program = KINDS[name][0].program
        if not shutil.which(program):
            parser.error(f"there is no {program}: build it, or run deploy/install-packages bench")
    return arguments


def main():
    arguments = parse_arguments()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    versions = {name: KINDS[name][0].version() for name in arguments.proxies}
    with tempfile.TemporaryDirectory(prefix="nikawa-bench-") as directory:
        bench = Bench(arguments, pathlib.Path(directory))
        try:
            bench.run()
        finally:
            bench.close()
    print(table(bench.results, arguments.only))
    print(f"\nMedian of {arguments.rounds} rounds of {arguments.seconds} s; ! means errors. " + "; ".join(versions.values()) + f"; {platform.platform()}.")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(
        {"versions": versions, "machine": platform.platform(), "seconds": arguments.seconds,
         "results": bench.results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
