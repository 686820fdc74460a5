"""The daemons that are compared, each set up for the same job: plain HTTP/1.1 in, verified TLS to
one origin out, pooled; one thread; every exchange in an access log in a file; nothing times out.
"""

import functools
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/clients"))

from sigv4 import Credential  # noqa: E402
from harness import NIKAWA, accepts, free_port, run_nikawa, spawn, wait_until

ORIGIN_NAME = "origin.test"
SESSION_NAMES = [f"o{number}.sessions.test" for number in range(200)]


class Setting:
    """What every proxy is told: where the origin is, whom to trust, where to write and to run."""

    def __init__(self, directory, ca, origin_ports, resolver, pin):
        self.directory = pathlib.Path(directory)
        self.ca = ca
        self.origin_ports = origin_ports  # by protocol: "h2", "h1"
        self.resolver = resolver
        self.pin = pin  # what goes before a command to run it on the proxies' core


class Proxy:
    """One daemon, to an origin over "h2" or "h1"."""

    program = ""

    def __init__(self, setting, protocol):
        self.setting, self.protocol = setting, protocol
        self.name = f"{type(self).__name__.lower()} {protocol}"
        self.directory = setting.directory / self.name.replace(" ", "-")
        self.directory.mkdir()
        self.origin_port = setting.origin_ports[protocol]
        self.port = self.h2c_port = free_port()  # the latter for HTTP/2 without TLS
        self.credential = None  # by which it signs anew what AWS SDKs have signed

    def start(self):
        with open(self.directory / "stdout", "wb") as out, \
                open(self.directory / "stderr", "wb") as err:
            self.process = spawn(*self.setting.pin, *self.command(), stdout=out, stderr=err)
        wait_until(lambda: self.process.poll() is not None or accepts(f"127.0.0.1:{self.port}"),
                   self.name)
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name}: " + (self.directory / "stderr").read_text())

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def write(self, file, text):
        path = self.directory / file
        path.write_text(text)
        return path

    def command(self):
        raise NotImplementedError

    def host(self, name):
        """The Host by which a client asks for the origin `name`."""
        return name

    @classmethod
    def version(cls):
        done = subprocess.run([cls.program, *cls.version_option], capture_output=True, text=True)
        return (done.stdout + done.stderr).splitlines()[0].strip()

    def processes(self):
        """Its process and that one's children."""
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                queue += map(int, (task / "children").read_text().split())
        return found

    def cpu_seconds(self):
        """The time all its threads have spent on a CPU, to the nanosecond."""
        return sum(int((task / "schedstat").read_text().split()[0])
                   for pid in self.processes()
                   for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9

    def memory(self):
        """Bytes of memory that would be free without it (proportional set size)."""
        texts = (pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.processes())
        return sum(int(re.search(r"^Pss:\s+(\d+) kB", text, re.M)[1]) * 1024 for text in texts)

    def origin_sessions(self):
        """How many connections to the origin are open (those of clients are to other ports)."""
        done = subprocess.run(["ss", "-Htnp", "state", "established",
                               f"dport = :{self.origin_port}"], capture_output=True, text=True)
        pids = {f"pid={pid}," for pid in self.processes()}
        return sum(any(pid in line for pid in pids) for line in done.stdout.splitlines())


@functools.cache
def nikawa_knows(option):
    """For an older build beside this one."""
    return option in run_nikawa("--help").stdout


class Nikawa(Proxy):
    program = NIKAWA
    version_option = ("--version",)

    def __init__(self, setting, protocol):
        super().__init__(setting, protocol)
        if nikawa_knows("--aws-credentials"):
            self.credential = Credential("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

    def keys(self):
        """The file of AWS keys, for root alone."""
        file = self.write("aws", f"""[default]
aws_access_key_id = {self.credential.access_key}
aws_secret_access_key = {self.credential.secret}
""")
        file.chmod(0o600)
        return file

    def command(self):
        knows_rules = nikawa_knows("--allow-target")
        return [self.program, "--listen", "127.0.0.1", "--port", self.port,
                *(["--allow-target", "loopback"] if knows_rules else []),
                "--ca-file", self.setting.ca, "--resolver", self.setting.resolver,
                "--access-log-dir", self.directory, "--client-idle-timeout", "1h",
                *(["--aws-credentials", self.keys()] if self.credential else []),
                *(["--no-http2"] if self.protocol == "h1" else [])]

    def host(self, name):
        return f"{name}.ccnproxy-https:{self.origin_port}"


class Nghttpx(Proxy):
    program = "nghttpx"
    version_option = ("--version",)

    def command(self):
        return [self.program, "--conf", self.write("nghttpx.conf", f"""
frontend=127.0.0.1,{self.port};no-tls
{self.backends()}
cacert={self.setting.ca}
workers=1
single-thread=yes
accesslog-file={self.directory}/access.log
errorlog-file={self.directory}/error.log
frontend-keep-alive-timeout=1h
frontend-read-timeout=1h
backend-keep-alive-timeout=1h
backend-read-timeout=1h
rlimit-nofile=20000
no-ocsp=yes
""")]

    def way(self):
        """How a backend is spoken to."""
        return "tls;proto=" + {"h2": "h2", "h1": "http/1.1"}[self.protocol]

    def backends(self):
        patterns = {"": ORIGIN_NAME, **{name + "/": name for name in SESSION_NAMES}}
        return "".join(f"backend=127.0.0.1,{self.origin_port};{pattern};{self.way()};sni={name}\n"
                       for pattern, name in patterns.items())


class Haproxy(Proxy):
    program = "haproxy"
    version_option = ("-v",)

    def command(self):
        return [self.program, "-db", "-f", self.write("haproxy.cfg", f"""
global
    nbthread 1
    maxconn 8000
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    timeout connect 10s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
frontend in
    bind 127.0.0.1:{self.port}
{self.backends()}
""")]

    def server_options(self):
        alpn = {"h2": "h2", "h1": "http/1.1"}[self.protocol]
        return (f"ssl verify required ca-file {self.setting.ca} sni req.hdr(host),host_only "
                f"alpn {alpn} pool-purge-delay 1h pool-low-conn 1000")

    def backends(self):
        """The rest of the frontend, and the backends."""
        return f"""
    default_backend origin
backend origin
    http-reuse always
    server origin 127.0.0.1:{self.origin_port} {self.server_options()}
"""


class Nginx(Proxy):
    program = "nginx"
    version_option = ("-v",)

    def __init__(self, setting, protocol):
        super().__init__(setting, protocol)
        self.h2c_port = free_port()  # this one knows either protocol on a port, not both

    def command(self):
        temporary = "\n".join(f"{kind}_temp_path {self.directory}/{kind};" for kind in
                              ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return [self.program, "-e", self.directory / "error.log", "-c", self.write("nginx.conf", f"""
daemon off;
master_process off;
pid {self.directory}/pid;
worker_rlimit_nofile 20000;
events {{ worker_connections 10000; }}
http {{
    {temporary}
    access_log {self.directory}/access.log combined buffer=64k flush=1s;
    server_names_hash_max_size 4096;
    keepalive_timeout 1h;
    keepalive_requests 100000000;
    client_max_body_size 0;
    proxy_http_version 1.1;
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate {self.setting.ca};
    proxy_ssl_server_name on;
    {self.sites()}
}}
""")]

    def sites(self):
        address = f"127.0.0.1:{self.origin_port}"
        return (self.site(ORIGIN_NAME, [address], " default_server")
                + "".join(self.site(name, [address]) for name in SESSION_NAMES))

    def site(self, name, addresses, parameter=""):
        servers = "".join(f"server {address};" for address in addresses)
        return f"""
    upstream {name} {{
        {servers}
        keepalive 64;
        keepalive_requests 100000000;
        keepalive_timeout 1h;
    }}
    server {{
        listen 127.0.0.1:{self.port}{parameter};
        listen 127.0.0.1:{self.h2c_port}{parameter} http2;
        server_name {name};
        location / {{
            proxy_pass https://{name};
            proxy_ssl_name {name};
            proxy_set_header Host {name};
            proxy_set_header Connection "";
        }}
    }}
"""


KINDS = {
    "nikawa": (Nikawa, ("h2", "h1")),
    "nghttpx": (Nghttpx, ("h2", "h1")),
    "haproxy": (Haproxy, ("h2", "h1")),
    "nginx": (Nginx, ("h1",)),  # speaks HTTP/2 only to clients
}
