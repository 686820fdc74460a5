"""What the system tests share: the built binary as a process, certificates, names, and clients.

The tests run the binary named by the environment variable NIKAWA, on ports the system chooses, and
talk to addresses of this machine only. Origins' names (`*.test`) come from a name server of ours.
"""

import collections
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

NIKAWA = os.environ.get("NIKAWA", "")
IS_SANITIZED = os.environ.get("NIKAWA_SANITIZED") == "1"

# For what should be there in milliseconds: only a test that fails waits so long.
PATIENCE = 20.0


def clean_environment(**more):
    """The environment without what would change how nikawa or curl behave."""
    kept = {name: value for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and not name.startswith("NIKAWA_")}
    return {**kept, **more}


def spawn(*command, environment=None, **popen):
    """Starts a program that ends with us, however we end."""
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *map(str, command)], stdin=subprocess.DEVNULL,
        env=clean_environment(**(environment or {})), **popen)


def wait_until(condition, what):
    """Polls `condition` until it gives something true, and gives that."""
    deadline = time.monotonic() + PATIENCE
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE:.0f} s in vain for {what}")
        time.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(address):
    """Whether somebody listens at "host:port"."""
    host, port = address.rsplit(":", 1)
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


class Certificates:
    """An authority, and certificates by it for the names that tests use."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.authority = self._make("ca", "Test authority", "basicConstraints=critical,CA:TRUE")
        self.ca = pathlib.Path(self.authority[0])

    def issue(self, *names, by=None):
        """The certificate and the key of a server with these names, which may be addresses, by the
        authority or another one."""
        return self._make(names[0], names[0], self._names(names), *self._signed(by))

    def issue_for(self, name, first_day, last_day):
        """One that is valid between these days, counted from now."""
        pem, key = self.issue(name)
        request, folder = self.directory / "request.pem", self.directory
        (folder / "names.cnf").write_text(self._names([name]))
        (folder / "ca.cnf").write_text(
            f"[ca]\ndefault_ca=test\n[test]\ndatabase={folder}/index\nnew_certs_dir={folder}\n"
            "rand_serial=yes\npolicy=any\n[any]\ncommonName=supplied\n")
        (folder / "index").write_text("")
        self._run("req", "-new", "-key", key, "-subj", "/CN=" + name, "-out", request)

        def day(count):
            return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 86400 * count))

        self._run("ca", "-batch", "-config", folder / "ca.cnf", "-cert", self.authority[0],
                  "-keyfile", self.authority[1], "-md", "sha256", "-notext",
                  "-in", request, "-out", pem, "-extfile", folder / "names.cnf",
                  "-startdate", day(first_day), "-enddate", day(last_day))
        return pem, key

    def intermediate(self, name):
        """An authority by the authority."""
        return self._make(name, name, "basicConstraints=critical,CA:TRUE", *self._signed(None))

    def self_signed(self, name):
        return self._make("self-" + name, name, self._names([name]))

    def without_names(self, name):
        """A certificate that has its name where names stood before there was subjectAltName."""
        return self._make("old-" + name, name, "keyUsage=digitalSignature", *self._signed(None))

    def _signed(self, by):
        pem, key = by or self.authority
        return "-CA", pem, "-CAkey", key

    @staticmethod
    def _names(names):
        kinds = {True: "IP:", False: "DNS:"}
        return "subjectAltName=" + ",".join(
            name if ":" in name else kinds[name.replace(".", "").isdigit()] + name
            for name in names)

    def _make(self, file, subject, extension, *options):
        pem, key = self.directory / (file + ".pem"), self.directory / (file + ".key")
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                  "-nodes", "-days", "2", "-subj", "/CN=" + subject, "-addext", extension,
                  "-keyout", key, "-out", pem, *options)
        return str(pem), str(key)

    @staticmethod
    def _run(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class NameServer:
    """Answers A queries over UDP: every name is 127.0.0.1, except that `missing.*` is nobody's."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                query, client = self._socket.recvfrom(4096)
            except OSError:
                return
            self._socket.sendto(self._answer(query), client)

    @staticmethod
    def _answer(query):
        end = query.index(b"\0", 12) + 5  # name, type, class
        question = query[12:end]
        (record_type,) = struct.unpack("!H", question[-4:-2])
        is_missing = question[1:].startswith(b"missing")
        has_answer = record_type == 1 and not is_missing
        head = struct.pack("!2sHHHHH", query[:2], 0x8583 if is_missing else 0x8580, 1,
                           has_answer, 0, 0)
        answer = struct.pack("!HHHIH4s", 0xC00C, 1, 1, 60, 4, socket.inet_aton("127.0.0.1"))
        return head + question + (answer if has_answer else b"")

    def close(self):
        self._socket.close()


class Lines:
    """What a process writes to a pipe, line by line, collected as it comes."""

    def __init__(self, pipe):
        self._lines = []
        self._changed = threading.Condition()
        self._is_open = True
        self._thread = threading.Thread(target=self._collect, args=(pipe,), daemon=True)
        self._thread.start()

    def _collect(self, pipe):
        with pipe:
            for line in pipe:
                with self._changed:
                    self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._is_open = False
            self._changed.notify_all()

    def all(self):
        with self._changed:
            return list(self._lines)

    def to_the_end(self):
        self._thread.join(PATIENCE)
        return self.all()

    def wait(self, select, what):
        """What `select`, given all lines so far, returns once it is true."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while True:
                got = select(self._lines)
                if got:
                    return got
                left = deadline - time.monotonic()
                if not self._is_open or left <= 0:
                    raise AssertionError(f"no {what} in:\n" + "\n".join(self._lines))
                self._changed.wait(left)


class Nikawa:
    """A running nikawa; `with` stops it by SIGTERM and checks that it ended well."""

    def __init__(self, *options, environment=None, wrapper=(), **popen):
        self.process = spawn(*wrapper, NIKAWA, *options, environment=environment,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)
        self.expected_code = 0  # None: any
        self.stdout, self.stderr = Lines(self.process.stdout), Lines(self.process.stderr)
        try:
            self.port = int(self.stderr.wait(self._listening, "listening line")[1])
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise

    @staticmethod
    def _listening(lines):
        found = [re.search(r"listening\D.*?:(\d+)\b", line) for line in lines]
        return next(filter(None, found), None)

    def __enter__(self):
        return self

    def __exit__(self, exception_type, *_):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = "none within the time, killed"
        if exception_type is None and self.expected_code not in (code, None):
            raise AssertionError(f"exit code {code}\n" + "\n".join(self.stderr.to_the_end()))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def wait(self):
        """The exit code, once it has ended."""
        return self.process.wait(PATIENCE)

    def access_log(self, count=1, stream=None):
        """The first `count` or more access lines, parsed, once they are there."""
        def parsed(lines):
            records = [json.loads(line) for line in lines if line.startswith("{")]
            return records if len(records) >= count else None
        return (stream or self.stderr).wait(parsed, f"{count} access lines")

    def resident_bytes(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024


def run_nikawa(*options, environment=None):
    """Runs it to its end, for what ends by itself."""
    return subprocess.run([NIKAWA, *map(str, options)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE,
                          env=clean_environment(**(environment or {})))


class World:
    """Certificates and names for the tests of one file; made once, removed at its end."""

    def __init__(self, names=None):
        """`names` is a name server that is to be the world's, else it is one of its own."""
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="nikawa-test-"))
        self.certificates = Certificates(self.directory)
        self.names = names or NameServer()

    def nikawa(self, *options, **more):
        """A nikawa that knows the world's names and authority, and may reach loopback, where the
        origins are, unless the options say whom it asks and what it may. With "" behind one of
        these it has nikawa's own default."""
        options = list(options)
        ours = []
        for option, value in (("--resolver", self.names.address), ("--allow-target", "loopback")):
            if option not in options:
                ours += [option, value]
            elif options[options.index(option) + 1] == "":
                del options[options.index(option):options.index(option) + 2]
        return Nikawa("--listen", "127.0.0.1", "--port", 0, "--ca-file", self.certificates.ca,
                      *ours, *options, **more)

    def folder(self, name):
        path = self.directory / name
        path.mkdir()
        return path

    def close(self):
        self.names.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Reply(collections.namedtuple("Reply", "code status fields body log")):
    """What curl got: its exit code, the last response, and what it wrote to stderr."""

    def field(self, name):
        """The values of a field, in order."""
        return [value for field, value in self.fields if field.lower() == name.lower()]


def curl(nikawa, url, *options, data=None):
    """Asks `url` (with the origin's own port) of nikawa, whatever address its name has."""
    return plain_curl(url, "--noproxy", "*", "--connect-to", f"::127.0.0.1:{nikawa.port}",
                      *options, data=data)


def plain_curl(url, *options, data=None, **environment):
    """Asks `url` of whoever it leads to."""
    with tempfile.NamedTemporaryFile() as head:
        done = subprocess.run(
            ["curl", "-q", "-sS", "--http1.1", "--max-time", "60", "--dump-header", head.name,
             *options, url],
            input=data, capture_output=True, env=clean_environment(**environment))
        text = head.read().decode("latin-1")
    last = text.rstrip("\r\n").split("\r\n\r\n")[-1].split("\r\n")
    fields = [tuple(line.split(": ", 1)) for line in last[1:] if ": " in line]
    status = int(last[0].split()[1]) if last[0] else None
    return Reply(done.returncode, status, fields, done.stdout, done.stderr.decode("latin-1"))


class RawClient:
    """A client's connection as bytes."""

    def __init__(self, nikawa, address="127.0.0.1"):
        self.socket = socket.create_connection((address, nikawa.port), PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text.encode("latin-1"))
        return self

    def receive_until(self, marker):
        got = b""
        while marker not in got:
            piece = self.socket.recv(65536)
            if not piece:
                raise AssertionError(f"connection ended before {marker!r}, after {got!r}")
            got += piece
        return got

    def receive_to_the_end(self):
        got = b""
        while piece := self.socket.recv(65536):
            got += piece
        return got


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class SystemTest(unittest.TestCase):
    """Gives each test file its world."""

    @classmethod
    def setUpClass(cls):
        if not os.access(NIKAWA, os.X_OK):
            raise AssertionError("set NIKAWA to the binary to test")
        cls.world = cls.make_world()
        cls.addClassCleanup(cls.world.close)

    @classmethod
    def make_world(cls):
        return World()

    def start(self, *options, **more):
        """A nikawa for this test, stopped and checked at its end."""
        nikawa = self.world.nikawa(*options, **more)
        self.addCleanup(nikawa.__exit__, None)
        return nikawa
