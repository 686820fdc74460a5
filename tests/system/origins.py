"""Origins for the system tests: a real nginx, and a scripted one that can misbehave."""

import http.server
import json
import select
import socket
import socketserver
import ssl
import subprocess
import threading

from harness import PATIENCE, SystemTest, accepts, free_port, sha256, spawn, wait_until

NGINX = """
{process}
daemon off;
worker_processes 1;
error_log {directory}/error.log;
pid {directory}/pid;
events {{ worker_connections 4096; }}
http {{
    log_format test escape=json '{{"connection":$connection,"protocol":"$server_protocol",'
        '"method":"$request_method","target":"$request_uri","status":$status,'
        '"host":"$http_host","via":"$http_via","id":"$http_x_chocon_id","process":$pid,'
        '"expect":"$http_expect","bytes":$request_length}}';
    access_log {directory}/access.log test;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    client_max_body_size 0;
    default_type text/plain;
    {servers}
}}
"""

# What its master process would do, it does itself: no process is left behind, however we end.
ONE_PROCESS = "master_process off;"
FOR_EVER = "keepalive_requests 1000000; keepalive_timeout 1h;"

SERVER = """
    server {{
        listen {address}{parameters};
        server_name {name};
        ssl_certificate {pem};
        ssl_certificate_key {key};
        root {directory}/files;
        location = /hello {{ return 200 "hello from $server_name"; }}
        location = /echo {{ return 200 $arg_token; }}
        location = /gone {{ return 204; }}
        location /app/ {{
            proxy_pass http://127.0.0.1:{application};
            proxy_http_version 1.1;
            proxy_set_header Expect $http_expect;
        }}
    }}
"""


class NginxProcess:
    """An nginx that logs the requests it has answered."""

    def __init__(self, directory, wrapper=()):
        """`wrapper` goes before the command."""
        self.directory, self._wrapper = directory, list(wrapper)
        (self.directory / "files").mkdir()
        self._conf = self.directory / "nginx.conf"
        self._log = self.directory / "access.log"
        self._reachable_at = []
        self.process = None

    def configure(self, servers, reachable_at, process=ONE_PROCESS):
        """For the next start: the servers, and where they can be reached from here."""
        self._conf.write_text(NGINX.format(directory=self.directory, servers=servers,
                                           process=process))
        self._reachable_at = list(reachable_at)

    def start(self):
        """Whether it has started; it accepts then."""
        self.process = spawn(*self._wrapper, "nginx", "-c", self._conf, "-p", self.directory,
                             "-e", self.directory / "error.log", stderr=subprocess.DEVNULL)
        wait_until(lambda: self.process.poll() is not None
                   or all(map(accepts, self._reachable_at)), "nginx")
        return self.process.poll() is None

    def errors(self):
        return (self.directory / "error.log").read_text()

    def file(self, name, content):
        (self.directory / "files" / name).write_bytes(content)

    def log(self, count=1):
        """The first `count` or more requests it has answered, once they are there."""
        def parsed():
            text = self._log.read_text()
            lines = text[:text.rfind("\n") + 1].splitlines()
            return [json.loads(line) for line in lines] if len(lines) >= count else None
        return wait_until(parsed, f"{count} requests at nginx")

    def forget(self):
        """Empties the log (nginx appends)."""
        self._log.write_text("")

    def close(self):
        """Ends it at once, with what it is doing."""
        self.process.terminate()
        self.process.wait(PATIENCE)


class Nginx(NginxProcess):
    """nginx as TLS origin: `h2.test` speaks HTTP/2, `h1.test` only HTTP/1.1, `self-signed.test` has
    a certificate of its own making, `plain.test` no TLS. /app/ leads to a ScriptedOrigin."""

    def __init__(self, world, application_port=1, addresses=None):
        """`addresses` of TLS with HTTP/2, TLS without, and plain; else any that are free."""
        super().__init__(world.folder("nginx"))
        certificates = world.certificates
        self._pairs = {
            "h2.test": certificates.issue("h2.test"),
            "h1.test": certificates.issue("h1.test"),
            "self-signed.test": certificates.self_signed("self-signed.test"),
        }
        self._application_port = application_port
        for _ in range(5):  # a port that was free may be taken by the time nginx binds it
            self._choose(*(addresses or (f"127.0.0.1:{free_port()}" for _ in range(3))))
            if self.start():
                return
        raise AssertionError(self.errors())

    def _choose(self, h2, h1, plain):
        self._addresses = {"h2.test": h2, "self-signed.test": h2, "h1.test": h1,
                           "plain.test": plain}
        parameters = {"h2.test": " ssl http2", "self-signed.test": " ssl http2",
                      "h1.test": " ssl", "plain.test": ""}
        servers = "".join(self._server(name, text) for name, text in parameters.items())
        self.configure(FOR_EVER + servers, self._addresses.values())

    def _server(self, name, parameters):
        pem, key = self._pairs.get(name, self._pairs["h1.test"])
        return SERVER.format(name=name, parameters=parameters, address=self._addresses[name],
                             pem=pem, key=key, directory=self.directory,
                             application=self._application_port)

    def authority(self, name):
        """The origin's own name and port."""
        return f"{name}:{self._addresses[name].split(':')[1]}"

    def url(self, name, path, marker="ccnproxy-https"):
        """The URL by which a client of nikawa asks for `path` of this origin."""
        return f"http://{name}.{marker}:{self._addresses[name].split(':')[1]}{path}"


class ScriptedOrigin:
    """An HTTP/1.1 origin that does by path what nginx would not, and tells what it got.

    /hash answers with what it received; /held answers once `release` is set, /halves sends the
    second half of its answer then; /endless sends until
    the peer goes away; /short-sized and /short-chunked break off; /closing says Connection: close.
    """

    def __init__(self, pair=None, listening=None):
        """With a certificate and key it speaks TLS; `listening` is its socket, else it is at a port
        of 127.0.0.1 that is free."""
        self.requests = []            # of each: method, target, fields
        self.sent_bytes = 0           # of endless bodies
        self.arrived = threading.Semaphore(0)   # a request for /held or /endless is here
        self.hung_up = threading.Event()        # the peer left one of these
        self.release = threading.Event()
        origin = self

        class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """Peers that go away are what the tests are about."""

        self._tls = None
        if pair:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*pair)
        handler = type("Handler", (_Handler,), {"origin": origin})
        self._server = Server(("127.0.0.1", 0), handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listening or socket.create_server(("127.0.0.1", 0), backlog=512)
        self._server.server_address = self._server.socket.getsockname()
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, name, path, marker="ccnproxy-https"):
        return f"http://{name}.{marker}:{self.port}{path}"

    def close(self):
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else head and body wait for each other's acknowledgement
    origin = None

    def setup(self):
        if self.origin._tls:  # here and not at accept: one thread for each handshake
            self.request = self.origin._tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self):
        super().finish()
        self.connection.close()

    def log_message(self, *_):
        """Quiet."""

    def parse_request(self):
        is_good = super().parse_request()
        if is_good:
            self.origin.requests.append((self.command, self.path, self.headers.items()))
        return is_good

    def _act(self):
        path = self.path.split("?")[0]
        act = getattr(self, "act_" + path.rsplit("/", 1)[-1].replace("-", "_"), None)
        if act:
            act()
        else:
            self._reply(b"not scripted", 404)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _act

    def _reply(self, body, status=200, fields=()):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def act_hash(self):
        body = self._body()
        self._reply(json.dumps({"method": self.command, "target": self.path,
                                "sha256": sha256(body), "bytes": len(body),
                                "fields": self.headers.items()}).encode())

    def act_closing(self):
        self.close_connection = True
        self._reply(b"the last one", fields=[("Connection", "close")])

    def act_held(self):
        self.origin.arrived.release()
        while not self.origin.release.is_set():
            # A client that waits for its answer sends nothing: what can be read is its end.
            if select.select([self.connection], [], [], 0.02)[0]:
                self.origin.hung_up.set()
                self.close_connection = True
                return
        self._reply(b"released")

    def act_halves(self):
        piece = b"h" * 100_000
        self.send_response(200)
        self.send_header("Content-Length", str(2 * len(piece)))
        self.end_headers()
        self.wfile.write(piece)
        self.origin.arrived.release()
        self.origin.release.wait()
        self.wfile.write(piece)

    def act_endless(self):
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        self.origin.arrived.release()
        piece = bytes(65536)
        try:
            while True:
                self.wfile.write(piece)
                self.origin.sent_bytes += len(piece)
        except OSError:
            self.origin.hung_up.set()
            self.close_connection = True

    def act_short_sized(self):
        self._break_off(b"Content-Length: 1000\r\n\r\nonly this")

    def act_short_chunked(self):
        self._break_off(b"Transfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n")

    def _break_off(self, rest):
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\n" + rest)


class NginxTest(SystemTest):
    """Against nginx, with a scripted origin behind its /app/."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.application = ScriptedOrigin()
        cls.addClassCleanup(cls.application.close)
        cls.nginx = Nginx(cls.world, cls.application.port)
        cls.addClassCleanup(cls.nginx.close)
