"""The nginx that benchmarks use as origin."""

import os
import pathlib
import signal

from harness import accepts, spawn, wait_until

TEMPLATE = pathlib.Path(__file__).resolve().parent / "origin.conf.in"
FOR_EVER = "keepalive_requests 100000000; keepalive_timeout 1h;"


class Origin:
    """nginx by origin.conf.in: answers of 22 bytes at /22, files, uploads to /sink."""

    def __init__(self, directory, pair, h2, h1, files=None, keepalive=FOR_EVER, log=False,
                 can_drain=False, run=()):
        """`pair` is the certificate's file and the key's, `h2` and `h1` the addresses to listen on,
        `files` are sizes by name, `keepalive` are nginx's directives (empty: its defaults), `log`
        whether requests.log tells of each request, `can_drain` whether drain() is wanted (it takes
        a process more), `run` goes before the command."""
        self.directory, self._run = pathlib.Path(directory), list(run)
        self._addresses = [h2, h1]
        self.directory.mkdir()
        (self.directory / "files").mkdir()
        for name, size in (files or {}).items():
            (self.directory / "files" / name).write_bytes(os.urandom(size))
        values = {"directory": self.directory, "pem": pair[0], "key": pair[1], "h2": h2, "h1": h1,
                  "keepalive": keepalive, "master": "on" if can_drain else "off",
                  "access_log": f"{self.directory}/requests.log requests" if log else "off"}
        text = TEMPLATE.read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        self._conf = self.directory / "nginx.conf"
        self._conf.write_text(text)
        self.process = None

    def start(self, reachable_at=None):
        """Starts it, and waits until it accepts, at its own addresses or those given."""
        self.process = spawn(*self._run, "nginx", "-e", self.directory / "error.log",
                             "-c", self._conf)
        addresses = reachable_at or self._addresses
        wait_until(lambda: self.process.poll() is not None or all(map(accepts, addresses)),
                   "the origin")
        if self.process.poll() is not None:
            raise RuntimeError((self.directory / "error.log").read_text())

    def requests(self):
        """The lines of its log: method, target and own address."""
        return [line.split() for line in (self.directory / "requests.log").read_text().splitlines()]

    def drain(self):
        """Ends as a server that is taken out of service: listens no more, and lets each connection
        finish what is asked on it."""
        self.process.send_signal(signal.SIGQUIT)

    def close(self):
        """Stops it at once, with whatever it is doing."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None
