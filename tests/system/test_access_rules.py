"""Who may use it, and what it reaches. Every address that matters is this machine's, in a network
of the tests' own, and an origin listens at all of them: what is refused could have been reached."""

import ipaddress
import socket
import struct
import threading

import own_network
from harness import NameServer, RawClient, SystemTest, World, curl, free_port, wait_until

INSIDE, OTHER_INSIDE = "10.9.9.1", "10.9.9.2"
CLIENT_FROM_OUTSIDE = "203.0.113.5"
METADATA = ["169.254.169.254", "168.63.129.16", "192.0.0.192", "100.100.100.200", "fd00:ec2::254"]


def setUpModule():
    own_network.enter()
    own_network.add_addresses(*(f"{address}/32" for address in (
        INSIDE, OTHER_INSIDE, CLIENT_FROM_OUTSIDE, *METADATA) if ":" not in address))
    own_network.add_addresses("fd00:ec2::254/128")


class OriginEverywhere:
    """Answers any request at any address of this machine, closes, and remembers where it was. One
    for /held gets no answer."""

    def __init__(self):
        self._socket = socket.create_server(("::", 0), family=socket.AF_INET6,
                                            dualstack_ipv6=True)
        self.port = self._socket.getsockname()[1]
        self.reached_at = []  # of each connection, in their order
        self.held = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            address = ipaddress.ip_address(connection.getsockname()[0])
            self.reached_at.append(str(address.ipv4_mapped or address))
            if connection.recv(65536).startswith(b"GET /held "):
                self.held.append(connection)
                continue
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n"
                                   b"Connection: close\r\n\r\nreached")

    def close(self):
        for socket_of_it in (self._socket, *self.held):
            socket_of_it.close()


class SettableNames(NameServer):
    """A name server whose answers are the `addresses` of a name at present, for a second."""

    def __init__(self):
        self.addresses = {}
        super().__init__()

    def _answer(self, query):
        question = query[12:query.index(b"\0", 12) + 5]
        kind, _ = struct.unpack("!HH", question[-4:])
        wanted = {1: 4, 28: 6}.get(kind)
        known = map(ipaddress.ip_address, self.addresses.get(self._name(question), []))
        chosen = [address for address in known if address.version == wanted]
        answers = [struct.pack("!HHHIH", 0xC00C, kind, 1, 1, len(address.packed)) + address.packed
                   for address in chosen]
        return struct.pack("!2sHHHHH", query[:2], 0x8580, 1, len(answers), 0, 0) \
            + question + b"".join(answers)

    @staticmethod
    def _name(question):
        labels, at = [], 0
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        return ".".join(labels)


class AccessRules(SystemTest):
    @classmethod
    def make_world(cls):
        cls.names = SettableNames()
        return World(cls.names)

    def setUp(self):
        self.origin = OriginEverywhere()
        self.addCleanup(self.origin.close)
        self.names.addresses = {"inside.test": [INSIDE]}

    def serve(self, *options):
        """A nikawa with the rules that it has when nobody says anything, and these."""
        default = () if "--allow-target" in options else ("--allow-target", "")
        return self.start(*default, "--keep-warm", "0", *options)

    def ask(self, nikawa, host, *options):
        return curl(nikawa, f"http://{host}.ccnproxy:{self.origin.port}/", *options)

    def assert_reached(self, reply, address=INSIDE):
        self.assertEqual((reply.status, reply.body), (200, b"reached"), reply)
        self.assertEqual(self.origin.reached_at[-1], address)

    def assert_refused(self, reply, rule, error="destination_ip_prohibited"):
        """403 that names the rule; and nobody was reached."""
        self.assertEqual(reply.status, 403, reply)
        self.assertIn(rule, reply.body.decode())
        (status,) = reply.field("Proxy-Status")
        self.assertIn(f"; error={error}; ", status)
        self.assertIn(rule, status)
        self.assertEqual(self.origin.reached_at, [])

    def test_private_addresses_are_reached(self):
        nikawa = self.serve()
        self.assert_reached(self.ask(nikawa, "inside.test"))
        self.assert_reached(self.ask(nikawa, OTHER_INSIDE), OTHER_INSIDE)

    def test_metadata_is_not_reached_whatever_is_allowed(self):
        for allowed in ("", "*,0.0.0.0/0,::/0"):
            nikawa = self.serve("--allow-target", allowed)
            for address in METADATA:
                with self.subTest(address=address, allowed=allowed):
                    name = f"metadata{METADATA.index(address)}.test"
                    self.names.addresses[name] = [address]
                    self.assert_refused(self.ask(nikawa, name), "metadata")
                    if ":" not in address:
                        self.assert_refused(self.ask(nikawa, address), "metadata")
            self.names.addresses["mapped.test"] = ["::ffff:169.254.169.254"]
            self.assert_refused(self.ask(nikawa, "mapped.test"), "metadata")
            for record in nikawa.access_log(10):
                self.assertEqual((record["status"], record["error"]), (403, "address_denied"))
                self.assertIn("metadata", record["error_detail"])

    def test_loopback_is_reached_only_with_an_allowance(self):
        self.names.addresses |= {"here.test": ["127.0.0.1"], "here6.test": ["::1"],
                                 "nowhere.test": ["0.0.0.0"]}
        refused = self.serve()
        for host in ("here.test", "here6.test", "127.0.0.1", "127.8.9.10", "localhost"):
            with self.subTest(host=host):
                self.assert_refused(self.ask(refused, host), "loopback is reached only with")
        self.assert_refused(self.ask(refused, "nowhere.test"), "0.0.0.0/8 is no host's address")
        self.assert_refused(self.ask(refused, "0.0.0.0"), "0.0.0.0/8 is no host's address")

        allowed = self.serve("--allow-target", "127.0.0.0/8")
        self.assert_reached(self.ask(allowed, "here.test"), "127.0.0.1")
        self.assert_reached(self.ask(allowed, "127.8.9.10"), "127.8.9.10")
        self.assertEqual(self.ask(allowed, "here6.test").status, 403)

    def test_no_other_spelling_of_an_address_leads_there(self):
        """They are neither names nor addresses to us, whatever a name server makes of them."""
        nikawa = self.serve()
        for host in ("2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "017700000001",
                     "127.0.0.1.", "2852039166", "0xa9fea9fe", "169.254.43518", "0", "10.9.2305",
                     "012.011.011.01"):
            with self.subTest(host=host):
                self.names.addresses[host] = [INSIDE]
                self.assertEqual(self.ask(nikawa, host).status, 400)
        self.assertEqual(self.origin.reached_at, [])

    def test_no_other_spelling_of_a_name_passes_a_rule(self):
        self.names.addresses |= {name: [INSIDE] for name in (
            "secret.test", "db.internal.test", "open.test", "a.open.test")}
        nikawa = self.serve("--deny-target", "secret.test,*.internal.test", "--connect-port",
                            "1-65535")
        ways = {
            "suffix": "GET / HTTP/1.1\r\nHost: {suffixed}:{port}\r\n",
            "absolute form": "GET http://{name}:{port}/ HTTP/1.1\r\nHost: open.test\r\n",
            "its suffix": "GET http://{suffixed}:{port}/ HTTP/1.1\r\nHost: open.test\r\n",
            "upgrade": "GET / HTTP/1.1\r\nHost: {suffixed}:{port}\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\n",
            "CONNECT": "CONNECT {name}:{port} HTTP/1.1\r\nHost: open.test\r\n\r\n"
                       "GET / HTTP/1.1\r\n",
        }
        spellings = [change(name) for name in ("secret.test", "db.internal.test") for change in (
            str, str.upper, "{}.".format, "{}..".format, "{}...".format, ".{}".format,
            "{}.%00".format, "{}%2e".format, "{}\xe3\x80\x82".format, "[{}]".format,
            "{},open.test".format, "open.test@{}".format, "{}#.open.test".format,
            "{}:{{port}}@open.test".format, lambda name: name.replace(".", ".."),
            lambda name: name.replace(".", "%2e"), lambda name: "%" + name.encode().hex("%"))]
        for way, request in ways.items():
            for spelling in spellings:
                with self.subTest(way=way, spelling=spelling), RawClient(nikawa) as client:
                    dot = "" if spelling.endswith(".") else "."
                    text = request.replace("{name}", spelling).replace(
                        "{suffixed}", spelling + dot + "ccnproxy")
                    text = text.replace("{port}", str(self.origin.port))
                    client.send(text + "Connection: close\r\n\r\n")
                    answer = client.receive_to_the_end().decode()
                    self.assertRegex(answer, "^HTTP/1.1 (400|403) ")
        for spelling in ("secret.test", "SECRET.test.", "secret.test..", "%73ecret.test"):
            with self.subTest(way=":authority", spelling=spelling):
                dot = "" if spelling.endswith(".") else "."
                reply = curl(nikawa, nikawa.url, "--http2-prior-knowledge", "-H",
                             f"Host: {spelling}{dot}ccnproxy:{self.origin.port}")
                self.assertIn(reply.status, (400, 403), reply)
        self.assertEqual(self.origin.reached_at, [])
        for way, request in ways.items():  # what is asked so is served
            with self.subTest(way=way), RawClient(nikawa) as client:
                client.send(request.format(name="A.open.test.", suffixed="A.open.test.ccnproxy.",
                                           port=self.origin.port) + "Connection: close\r\n\r\n")
                self.assertTrue(client.receive_to_the_end().endswith(b"reached"))

    def test_a_name_that_moves_is_judged_again(self):
        nikawa = self.serve()
        for forbidden in ("169.254.169.254", "127.0.0.1"):
            self.names.addresses["moving.test"] = [INSIDE]
            wait_until(lambda: self.ask(nikawa, "moving.test").status == 200, "the first address")
            self.names.addresses["moving.test"] = [forbidden]
            reply = wait_until(
                lambda: next((each for each in [self.ask(nikawa, "moving.test")]
                              if each.status != 200), None), "the answer to the move")
            self.assertEqual(reply.status, 403, reply)
            for _ in range(5):  # it is no origin that fails
                self.assertEqual(self.ask(nikawa, "moving.test").status, 403)
        self.assertEqual(set(self.origin.reached_at), {INSIDE})

    def test_a_name_that_moves_while_a_connection_is_busy_is_judged_again(self):
        self.names.addresses["moving.test"] = [INSIDE]
        nikawa = self.serve()
        with RawClient(nikawa) as client:
            client.send(f"GET /held HTTP/1.1\r\nHost: moving.test.ccnproxy:{self.origin.port}"
                        "\r\n\r\n")
            wait_until(lambda: self.origin.held, "the request that is held")
            self.names.addresses["moving.test"] = ["169.254.169.254"]
            quickly = ("--max-time", "5")
            wait_until(lambda: self.ask(nikawa, "moving.test", *quickly).status != 200,
                       "the answer to the move")
            for _ in range(5):
                reply = self.ask(nikawa, "moving.test", *quickly)
                self.assertEqual(reply.status, 403, reply)
            self.names.addresses["other.test"] = [INSIDE]
            self.assert_reached(self.ask(nikawa, "other.test", *quickly))
        nikawa.process.terminate()
        nikawa.wait()
        self.assertEqual(set(self.origin.reached_at), {INSIDE})

    def test_what_may_be_reached_is_chosen_among_the_addresses(self):
        self.names.addresses["mixed.test"] = ["169.254.169.254", "127.0.0.1", INSIDE]
        nikawa = self.serve()
        for _ in range(4):
            self.assert_reached(self.ask(nikawa, "mixed.test"))
        self.assertEqual(set(self.origin.reached_at), {INSIDE})

    def test_our_own_listener_is_not_an_origin(self):
        port = free_port()
        options = ("--listen", "0.0.0.0", "--port", port, "--keep-own-port")
        self.names.addresses["here.test"] = ["127.0.0.1"]
        nikawa = self.serve(*options)
        for host in ("inside.test", INSIDE, "here.test", "127.0.0.1"):
            with self.subTest(host=host):
                reply = curl(nikawa, f"http://{host}.ccnproxy:{port}/")
                self.assert_refused(reply, "our own listener")
        nikawa.process.terminate()
        nikawa.wait()
        lines = [line for line in nikawa.stderr.to_the_end() if line.startswith("{")]
        self.assertEqual(len(lines), 4, lines)  # it was not asked by itself

        allowed = self.serve(*options, "--allow-target", INSIDE)
        reply = curl(allowed, f"http://inside.test.ccnproxy:{port}/")
        self.assertEqual(reply.status, 508, reply)  # it came back, and is known by Via

    def test_names_and_networks_are_denied(self):
        self.names.addresses |= {"a.inside.test": [INSIDE], "other.test": [OTHER_INSIDE]}
        nikawa = self.serve("--deny-target", "*.inside.test", OTHER_INSIDE + "/32")
        self.assert_refused(self.ask(nikawa, "a.inside.test"), "--deny-target *.inside.test",
                            "http_request_denied")
        for host in ("other.test", OTHER_INSIDE):
            self.assert_refused(self.ask(nikawa, host), f"--deny-target {OTHER_INSIDE}/32")
        self.assert_reached(self.ask(nikawa, "inside.test"))

    def test_only_the_names_that_are_given_are_allowed(self):
        self.names.addresses["other.test"] = [INSIDE]
        nikawa = self.serve("--allow-target", "inside.test", OTHER_INSIDE)
        for host, rule in (("other.test", "not among the names of --allow-target"),
                           (INSIDE, "not in a network of --allow-target")):
            self.assert_refused(self.ask(nikawa, host), rule, "http_request_denied")
        self.assert_reached(self.ask(nikawa, "INSIDE.test"))
        self.assert_reached(self.ask(nikawa, OTHER_INSIDE), OTHER_INSIDE)

    def test_only_the_ports_that_are_given_are_allowed(self):
        nikawa = self.serve("--allow-port", "443", "8000-8001")
        self.assert_refused(self.ask(nikawa, "inside.test"),
                            f"port {self.origin.port} is not in --allow-port",
                            "http_request_denied")
        (record,) = nikawa.access_log()
        self.assertEqual((record["status"], record["error"]), (403, "target_denied"))
        self.assert_reached(self.ask(self.serve("--allow-port", self.origin.port), "inside.test"))

    def test_the_upstream_needs_no_allowance(self):
        nikawa = self.serve("--upstream", f"http://127.0.0.1:{self.origin.port}",
                            "--allow-target", "other.test", "--allow-port", "443")
        self.assert_reached(curl(nikawa, "http://anything.test/"), "127.0.0.1")

    def test_what_is_kept_warm_is_judged_as_well(self):
        self.names.addresses["metadata.test"] = ["169.254.169.254"]
        with self.serve("--warm", f"http://metadata.test:{self.origin.port}",
                        f"http://inside.test:{self.origin.port}", "--keep-warm", "1h") as nikawa:
            wait_until(lambda: INSIDE in self.origin.reached_at, "the one that may be warm")
            nikawa.stderr.wait(lambda lines: any(" of 2 origins in " in line for line in lines),
                               "line of what is warm")
            lines = [line for line in nikawa.stderr.all() if "warm:" in line]
            self.assertEqual(len(lines), 2, lines)
            self.assertIn(f"[warning] warm: http://metadata.test:{self.origin.port}: ", lines[0])
            self.assertIn("never reached", lines[0])
            self.assertIn("1 of 2 origins", lines[1])
        self.assertEqual(set(self.origin.reached_at), {INSIDE})

    def test_a_client_from_outside_is_refused(self):
        nikawa = self.serve("--listen", "0.0.0.0")
        outside = ("--interface", CLIENT_FROM_OUTSIDE)
        reply = self.ask(nikawa, "inside.test", *outside)
        rule = f"({CLIENT_FROM_OUTSIDE} is not in --allow-client)"
        self.assert_refused(reply, "this client may not use this proxy " + rule,
                            "http_request_denied")
        self.assertEqual(reply.field("Connection"), ["close"])
        (record,) = nikawa.access_log()
        self.assertEqual((record["remote_addr"], record["status"], record["error"]),
                         (CLIENT_FROM_OUTSIDE, 403, "client_denied"))
        self.assertIn(rule, record["error_detail"])
        pages = curl(nikawa, "http://statistics.test/.api/stats", *outside)
        self.assertEqual(pages.status, 403, pages)
        self.assert_reached(self.ask(nikawa, "inside.test"))

    def test_a_refused_client_has_one_request(self):
        nikawa = self.serve("--allow-client", "10.0.0.0/8")
        with RawClient(nikawa) as client:
            client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                        "GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
            got = client.receive_to_the_end()
        self.assertEqual(got.count(b"HTTP/1.1 "), 1, got)
        self.assertTrue(got.startswith(b"HTTP/1.1 403 "), got)

    def test_a_refused_client_holds_no_place(self):
        nikawa = self.serve("--allow-client", "10.0.0.0/8", "--head-timeout", "1h",
                            "--client-idle-timeout", "1h")
        for text, status in (("GET / HTTP/1.1\r\n", b"HTTP/1.1 403 "), ("", b"")):
            with self.subTest(text=text), RawClient(nikawa) as client:
                client.send(text)
                self.assertTrue(client.receive_to_the_end().startswith(status))

    def test_a_client_from_outside_can_be_let_in(self):
        nikawa = self.serve("--listen", "0.0.0.0", "--allow-client", "203.0.113.0/24")
        self.assert_reached(self.ask(nikawa, "inside.test", "--interface", CLIENT_FROM_OUTSIDE))
        self.assertEqual(self.ask(nikawa, "inside.test").status, 403)  # the default is replaced
