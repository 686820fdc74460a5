"""The daemons that are compared, as bench/proxies.py sets them up, for origins at a distance."""

import collections
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import proxies  # noqa: E402
from harness import wait_until  # noqa: E402

Site = collections.namedtuple("Site", "name addresses by_name", defaults=[False])
Site.__doc__ = """An origin a daemon is set up for. With `by_name` it is to be found by DNS, as its
addresses will change; else those who cannot ask for several addresses may be told them."""

# For HTTP/2 at a distance one raises the window, which is 64 KB by default: 0.3 MB/s at 200 ms.
WINDOW_BYTES = 8 * 1024 * 1024  # nikawa's own

RESOLV_CONF = "nameserver 127.0.0.1\noptions timeout:2 attempts:2\n"


class Setting(proxies.Setting):
    """For daemons in the near namespace, whose name server is at 127.0.0.1."""

    def __init__(self, directory, ca, origin_ports, sites):
        resolv_conf = pathlib.Path(directory) / "resolv.conf"
        resolv_conf.write_text(RESOLV_CONF)
        super().__init__(directory, ca, origin_ports, "127.0.0.1:53", [
            "unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"',
            str(resolv_conf)])
        self.sites = sites


class Nikawa(proxies.Nikawa):
    def command(self):
        knows_state = proxies.nikawa_knows("--state-file")
        state = ["--state-file", self.directory / "state"] if knows_state else []
        return [*super().command(), *state]

    def start(self):
        super().start()  # its socket is there before it is ready
        errors = self.directory / "stderr"
        wait_until(lambda: "listening on" in errors.read_text(), self.name)


class Nghttpx(proxies.Nghttpx):
    def backends(self):
        lines = [f"backend-http2-window-size={WINDOW_BYTES}",
                 f"backend-http2-connection-window-size={2 * WINDOW_BYTES}",
                 f"backend=127.0.0.1,1;;{self.way()}"]  # it insists on one for all other names
        for site in self.setting.sites:
            addresses = [site.name] if site.by_name else site.addresses
            lines += [f"backend={address},{self.origin_port};{site.name}/;{self.way()};"
                      f"sni={site.name}" + (";dns" if site.by_name else "")
                      for address in addresses]
        return "\n".join(lines)


class Haproxy(proxies.Haproxy):
    def backends(self):
        names = {f"origin{number}": site for number, site in enumerate(self.setting.sites)}
        chosen = "\n".join(f"    use_backend {backend} if {{ req.hdr(host) -m str {site.name} }}"
                           for backend, site in names.items())
        return "\n".join([
            chosen, "resolvers dns", "    parse-resolv-conf", "    hold valid 1s",
            *(self._backend(backend, site) for backend, site in names.items()),
            "global", f"    tune.h2.initial-window-size {WINDOW_BYTES}"])

    def _backend(self, backend, site):
        port, options = self.origin_port, self.server_options()
        if site.by_name:
            servers = [f"    server-template a 4 {site.name}:{port} {options} resolvers dns "
                       "init-addr libc,none"]
        else:
            servers = [f"    server a{number} {address}:{port} {options}"
                       for number, address in enumerate(site.addresses)]
        return "\n".join([f"backend {backend}", "    http-reuse always", "    option redispatch",
                          *servers])


class Nginx(proxies.Nginx):
    """It asks for names once, at its start."""

    def sites(self):
        port = self.origin_port
        return "".join(self.site(site.name, [f"{address}:{port}" for address in
                                             ([site.name] if site.by_name else site.addresses)])
                       for site in self.setting.sites)


class Caddy(proxies.Proxy):
    program = "caddy"
    version_option = ("version",)

    @classmethod
    def version(cls):
        return "Caddy " + super().version()

    def start(self):
        (self.directory / "home").mkdir(exist_ok=True)
        super().start()

    def command(self):
        sites = "".join(self._site(site) for site in self.setting.sites)
        config = self.write("Caddyfile", f"""
{{
    admin off
    auto_https off
    storage file_system {self.directory}/home
}}
http://:{self.port} {{
    bind 127.0.0.1
    log {{
        output file {self.directory}/access.log
    }}
{sites}
}}
""")
        return ["env", f"HOME={self.directory}/home", "GOMAXPROCS=1", self.program, "run",
                "--config", config, "--adapter", "caddyfile"]

    def _site(self, site):
        matcher = "@" + site.name.replace(".", "_")
        addresses = " ".join(f"https://{address}:{self.origin_port}" for address in
                             ([site.name] if site.by_name else site.addresses))
        version = {"h2": "2", "h1": "1.1"}[self.protocol]
        return f"""
    {matcher} host {site.name}
    reverse_proxy {matcher} {addresses} {{
        transport http {{
            tls_trusted_ca_certs {self.setting.ca}
            tls_server_name {site.name}
            versions {version}
            keepalive 1h
            keepalive_idle_conns_per_host 1000
        }}
    }}
"""


# By what the command line calls them: the class, None for none, and the protocol to the origin.
KINDS = {
    "direct": (None, "h1"),
    "nikawa-h2": (Nikawa, "h2"),
    "nikawa-h1": (Nikawa, "h1"),
    "nghttpx-h2": (Nghttpx, "h2"),
    "nghttpx-h1": (Nghttpx, "h1"),
    "haproxy-h2": (Haproxy, "h2"),
    "haproxy-h1": (Haproxy, "h1"),
    "nginx-h1": (Nginx, "h1"),
    "caddy-h2": (Caddy, "h2"),
    "caddy-h1": (Caddy, "h1"),
}
USUAL = ["direct", "nikawa-h2", "nikawa-h1", "nghttpx-h2", "haproxy-h2", "haproxy-h1", "nginx-h1",
         "caddy-h2"]


def queued_bytes(daemon):
    """What the kernel holds of a daemon's connections, received and to be sent."""
    done = subprocess.run(["ss", "-Htnp", "state", "connected"], capture_output=True, text=True)
    pids = [f"pid={pid}," for pid in daemon.processes()]
    lines = [line.split() for line in done.stdout.splitlines()
             if any(pid in line for pid in pids)]
    return sum(int(words[1]) + int(words[2]) for words in lines)
