"""Two network namespaces and a distance between them, for measurements and tests.

    with Distance() as distance:
        distance.add_far("10.77.1.1")
        distance.set("10.77.1.0/24", rtt=0.1)
        spawn(*distance.far.command("nginx", ...))
        distance.near.enter()       # this thread, and the threads and programs it starts from now
        ...
        distance.blackhole("10.77.1.1")

Programs on the near side reach whatever listens at the far side's addresses. The namespaces have no
names and nothing else leads to them: they vanish with the processes in them, however we end. Needs
root, g++ and iproute2.
"""

import ctypes
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/system"))

from harness import spawn, wait_until  # noqa: E402

NEAR_ADDRESS = "10.77.0.1"
EVERYWHERE = "0.0.0.0/0"
CLONE_NEWNET = 0x40000000

# What differs from machine to machine and would move figures, and what a connection learns from
# earlier ones to the same address.
SETTINGS = {
    "net.ipv4.tcp_no_metrics_save": "1",
    "net.ipv4.tcp_slow_start_after_idle": "1",
    "net.ipv4.tcp_rmem": "4096 131072 33554432",
    "net.ipv4.tcp_wmem": "4096 16384 4194304",
    "net.ipv4.ip_local_port_range": "10000 65000",
    "net.core.somaxconn": "4096",
}


class Namespace:
    """A network namespace, held by a process that does nothing else."""

    def __init__(self):
        own = os.stat("/proc/self/ns/net").st_ino
        self._holder = spawn("unshare", "--net", "sleep", "infinity")
        self.path = f"/proc/{self._holder.pid}/ns/net"
        wait_until(lambda: os.stat(self.path).st_ino != own, "a network namespace")
        self.run("ip", "link", "set", "lo", "up")
        for name, value in SETTINGS.items():
            self.run("sysctl", "-q", "-w", f"{name}={value}")

    def command(self, *command):
        """The command line that runs a program inside."""
        return ["nsenter", "--net=" + self.path, *map(str, command)]

    def run(self, *command):
        """Runs a program inside to its end, and gives what it printed."""
        done = subprocess.run(self.command(*command), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr}")
        return done.stdout

    def enter(self):
        """Moves the calling thread inside; threads and programs started from it are inside too."""
        with open(self.path) as space:
            if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def close(self):
        self._holder.kill()
        self._holder.wait()


def _tunnel_program():
    """The built tunnel.cpp; built once for all that use it, also at the same time."""
    source = pathlib.Path(__file__).parent / "tunnel.cpp"
    built_from = hashlib.sha256(b"".join(file.read_bytes() for file in
                                         (source, source.with_name("way.hpp")))).hexdigest()
    program = ROOT / "build" / f"tunnel-{built_from[:16]}"
    if not program.exists():
        program.parent.mkdir(exist_ok=True)
        own = program.with_suffix(f".{os.getpid()}")
        subprocess.run(["g++", "-std=c++20", "-O2", source, "-o", own], check=True)
        own.rename(program)
    return program


class Distance:
    """The namespaces `near` and `far`, and the tunnel between them."""

    def __init__(self):
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="nikawa-distance-"))
        self._parts = []
        try:
            self.near, self.far = self._keep(Namespace()), self._keep(Namespace())
            self._connect()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _keep(self, part):
        self._parts.append(part)
        return part

    def _connect(self):
        for side in (self.near, self.far):
            side.run("ip", "tuntap", "add", "dev", "distance", "mode", "tun")
            side.run("ip", "link", "set", "distance", "mtu", "1500", "txqueuelen", "20000", "up")
            # By route, as a namespace may not choose its own default.
            side.run("ip", "route", "add", "default", "dev", "distance", "congctl", "cubic")
        self.near.run("ip", "address", "add", NEAR_ADDRESS + "/32", "dev", "distance")
        program, control = _tunnel_program(), self._directory / "control"
        # Not by spawn(), which gives programs no input: the tunnel ends when its input does.
        self._tunnel = subprocess.Popen(
            [program, "distance@" + self.near.path, "distance@" + self.far.path, control],
            stdin=subprocess.PIPE)
        self._control = self._keep(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._control.bind("")  # Linux chooses an abstract name, for the answers
        self._control.settimeout(5)
        wait_until(lambda: self._tunnel.poll() is not None
                   or self._control.connect_ex(str(control)) == 0, "the tunnel")
        if self._tunnel.poll() is not None:
            raise RuntimeError("the tunnel has ended")

    def _ask(self, command):
        self._control.send(command.encode())
        answer = self._control.recv(4096).decode()
        if answer.startswith("error"):
            raise ValueError(f"{command}: {answer}")
        return answer

    def add_far(self, *addresses):
        """Gives the far side these addresses."""
        for address in addresses:
            self.far.run("ip", "address", "add", address + "/32", "dev", "distance")

    def set(self, prefix=EVERYWHERE, rtt=None, rate=None, loss=None, queue=None):
        """How packets travel to far addresses in `prefix`: `rtt` seconds there and back; each way
        at `rate` bytes a second (0: no limit) after waiting among `queue` bytes at most, with a
        share `loss` of them lost. What is None stays as it was."""
        given = {"delay_us": None if rtt is None else rtt * 1e6 / 2, "rate": rate, "loss": loss,
                 "queue": queue}
        self._ask(" ".join(["link", prefix, *(f"{name} {value}" for name, value in given.items()
                                              if value is not None)]))

    def forget(self, address=""):
        """A middle box forgets the TCP flows to `address`, or all: they are dropped from now."""
        self._ask(f"forget {address}")

    def blackhole(self, address):
        """Drops all packets to and from `address` without a sign."""
        self._ask(f"blackhole {address}")

    def heal(self, address):
        self._ask(f"heal {address}")

    def seed(self, number):
        """Makes the losses to come a repeatable series."""
        self._ask(f"seed {number}")

    def stats(self):
        """Counts of packets, bytes and drops since the start, and how late the latest packet was
        since the last call (`latest_us`)."""
        return json.loads(self._ask("stats"))

    def tunnel_cpu_seconds(self):
        task = pathlib.Path(f"/proc/{self._tunnel.pid}/schedstat")
        return int(task.read_text().split()[0]) / 1e9

    def close(self):
        if hasattr(self, "_tunnel"):
            self._tunnel.stdin.close()
            self._tunnel.wait()
        for part in reversed(self._parts):
            part.close()
        shutil.rmtree(self._directory, ignore_errors=True)
