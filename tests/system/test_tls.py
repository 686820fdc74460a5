"""Origins whose TLS is not as it should be: what the client is told, and that the origin never gets
a byte of the request; and the sections of the configuration file that make exceptions."""

import socket
import ssl
import subprocess
import threading

from harness import PATIENCE, Certificates, SystemTest, curl, run_nikawa

SECRET = "a-secret-of-the-request"


class Peer:
    """Listens, and has each connection served by `serve(connection)` on a thread of its own."""

    def __init__(self, serve):
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            connection.settimeout(PATIENCE)
            threading.Thread(target=self._guard, args=(connection,), daemon=True).start()

    def _guard(self, connection):
        try:
            self._serve(connection)
        except OSError:  # ssl.SSLError among them: peers that give up are what the tests are about
            pass

    def close(self):
        self._listener.close()
        for connection in self.connections:
            connection.close()


class TlsOrigin(Peer):
    """Answers requests behind TLS by "200 fine", and keeps what it was sent."""

    def __init__(self, context):
        self.context = context
        self.received = b""  # as application data
        super().__init__(self._answer)

    def _answer(self, connection):
        with self.context.wrap_socket(connection, server_side=True) as stream:
            while piece := stream.recv(65536):
                self.received += piece
                if piece.endswith(b"\r\n\r\n"):
                    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")


def server_context(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


class TlsTest(SystemTest):
    def serve(self, peer):
        self.addCleanup(peer.close)
        return peer

    def ask(self, nikawa, peer, host="origin.test"):
        return curl(nikawa, f"http://{host}.ccnproxy-https:{peer.port}/{SECRET}",
                    "-H", "X-Secret: " + SECRET)

    def assert_refused(self, reply, status, error, words):
        self.assertEqual((reply.code, reply.status), (0, status), reply.body)
        self.assertRegex(reply.field("Proxy-Status")[0], rf"; ?error={error}\b")
        self.assertIn(words, reply.body.decode())
        self.assertIn(words, reply.field("Proxy-Status")[0])


class BadCertificates(TlsTest):
    def refusal_of(self, pair, words, host="origin.test"):
        origin = self.serve(TlsOrigin(server_context(pair)))
        nikawa = self.start()
        reply = self.ask(nikawa, origin, host)
        self.assert_refused(reply, 502, "tls_certificate_error", words)
        self.assertIn("the origin's certificate was rejected", reply.body.decode())
        self.assertIn(f"[https://{host}:{origin.port}]", reply.body.decode())  # the name expected
        (record,) = nikawa.access_log()
        self.assertEqual(record["error"], "tls_certificate_rejected")
        self.assertIn(words, record["error_detail"])
        self.assertEqual(origin.received, b"")

    def test_expired(self):
        self.refusal_of(self.world.certificates.issue_for("origin.test", -3, -1),
                        "certificate has expired")

    def test_not_yet_valid(self):
        self.refusal_of(self.world.certificates.issue_for("origin.test", 1, 2),
                        "certificate is not yet valid")

    def test_self_signed(self):
        self.refusal_of(self.world.certificates.self_signed("origin.test"),
                        "self-signed certificate")

    def test_another_name(self):
        self.refusal_of(self.world.certificates.issue("other.test"),
                        "hostname mismatch: it does not name the origin's host")

    def test_a_name_where_names_stood_long_ago(self):  # RFC 9110 section 4.3.4
        self.refusal_of(self.world.certificates.without_names("origin.test"), "hostname mismatch")

    def test_another_authority(self):
        others = Certificates(self.world.folder("others"))
        self.refusal_of(others.issue("origin.test"), "its issuer is not trusted")

    def test_an_incomplete_chain(self):
        certificates = self.world.certificates
        pair = certificates.issue("origin.test", by=certificates.intermediate("intermediate"))
        self.refusal_of(pair, "or the origin does not send the whole chain")

    def test_another_address(self):
        self.refusal_of(self.world.certificates.issue("127.0.0.9"), "IP address mismatch",
                        host="127.0.0.1")

    def test_an_address_as_a_name(self):  # RFC 9110 section 4.3.5
        self.refusal_of(self.world.certificates.issue("DNS:127.0.0.1"), "IP address mismatch",
                        host="127.0.0.1")

    def test_the_right_address_is_fine(self):
        origin = self.serve(TlsOrigin(server_context(self.world.certificates.issue("127.0.0.1"))))
        self.assertEqual(self.ask(self.start(), origin, "127.0.0.1").body, b"fine")


class BadHandshakes(TlsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pair = cls.world.certificates.issue("origin.test")

    def test_tls_1_1_alone(self):
        context = server_context(self.pair)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        origin = self.serve(TlsOrigin(context))
        reply = self.ask(self.start(), origin)
        self.assert_refused(reply, 502, "tls_alert_received", "protocol version")
        self.assertIn('; alert-id=70; alert-message="protocol version"',
                      reply.field("Proxy-Status")[0])
        self.assertEqual(origin.received, b"")

    def test_no_cipher_in_common(self):
        context = server_context(self.pair)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-SHA@SECLEVEL=0:AES256-SHA@SECLEVEL=0")  # RSA, without its key
        origin = self.serve(TlsOrigin(context))
        reply = self.ask(self.start(), origin)
        self.assert_refused(reply, 502, "tls_alert_received", "TLS alert 40: handshake failure")
        self.assertEqual(origin.received, b"")

    def refusal_of(self, serve, words, status=502, error="tls_protocol_error", options=()):
        seen = []

        def record(connection):
            serve(connection)
            while piece := connection.recv(65536):
                seen.append(piece)
        peer = self.serve(Peer(record))
        self.assert_refused(self.ask(self.start(*options), peer), status, error, words)
        self.assertNotIn(SECRET.encode(), b"".join(seen))

    def test_plain_http(self):
        self.refusal_of(lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
                        "it seems not to speak TLS")

    def test_garbage(self):
        self.refusal_of(lambda c: c.sendall(bytes(range(1, 200))), "TLS with the origin failed")

    def test_an_end_in_the_handshake(self):
        self.refusal_of(lambda c: (c.recv(100), c.shutdown(socket.SHUT_WR)),
                        "TLS with the origin failed (the connection ended")

    def test_half_an_answer_and_an_end(self):
        self.refusal_of(lambda c: (c.recv(100), c.sendall(b"\x16\x03\x03\x00\x7a\x02\x00"),
                                   c.shutdown(socket.SHUT_WR)),
                        "TLS with the origin failed (the connection ended")

    def test_silence_in_the_handshake(self):
        self.refusal_of(lambda c: None, "the origin did not finish the TLS handshake in time",
                        504, "connection_timeout", ["--tls-timeout", "200ms"])


class Sections(TlsTest):
    """The configuration file's [origin ...]."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own = cls.world.certificates
        cls.private = Certificates(cls.world.folder("private"))
        cls.us = cls.own.issue("us.test")
        cls.impostor = cls.private.issue("impostor.test")

    def configure(self, text):
        file = self.world.directory / (self.id() + ".conf")
        file.write_text(text)
        return file

    def asking_origin(self, version=None):
        """An origin that wants a certificate by the world's authority."""
        context = server_context(self.own.issue("secure.test", "open.test", "wrong.test"))
        context.load_verify_locations(self.own.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        if version:
            context.maximum_version = version
        return self.serve(TlsOrigin(context))

    def test_a_ca_file_of_its_own(self):
        inside = self.serve(TlsOrigin(server_context(
            self.private.issue("a.inside.test", "outside.test"))))
        public = self.serve(TlsOrigin(server_context(self.own.issue("a.inside.test"))))
        nikawa = self.start("--config", self.configure(
            f"[origin *.inside.test]\nca-file = {self.private.ca}\n"))
        self.assertEqual(self.ask(nikawa, inside, "a.inside.test").body, b"fine")
        self.assertEqual(self.ask(nikawa, inside, "outside.test").status, 502)
        self.assertEqual(self.ask(nikawa, public, "a.inside.test").status, 502)
        self.assertEqual(public.received, b"")

    def test_the_first_section_that_matches_counts(self):
        origin = self.serve(TlsOrigin(server_context(self.private.issue("127.0.0.1", "b.test"))))
        nikawa = self.start("--config", self.configure(
            f"[origin b.test]\n[origin *.test 127.0.0.1]\nca-file = {self.private.ca}\n"))
        self.assertEqual(self.ask(nikawa, origin, "127.0.0.1").body, b"fine")
        self.assertEqual(self.ask(nikawa, origin, "b.test").status, 502)

    def mutual(self):
        return self.start("--config", self.configure(
            f"[origin secure.test]\nclient-cert = {self.us[0]}\nclient-key = {self.us[1]}\n"
            f"[origin wrong.test]\nclient-cert = {self.impostor[0]}\n"
            f"client-key = {self.impostor[1]}\n"))

    def test_a_client_certificate(self):
        nikawa = self.mutual()
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            with self.subTest(version):
                origin = self.asking_origin(version)
                self.assertEqual(self.ask(nikawa, origin, "secure.test").body, b"fine")
                received = origin.received

                none = self.ask(nikawa, origin, "open.test")
                words = "certificate required" if version == ssl.TLSVersion.TLSv1_3 \
                    else "handshake failure"
                self.assert_refused(none, 502, "tls_alert_received", words)
                self.assertIn("TLS with the origin failed", none.body.decode())
                wrong = self.ask(nikawa, origin, "wrong.test")
                self.assert_refused(wrong, 502, "tls_alert_received", "TLS alert 48: unknown ca")
                self.assertEqual(origin.received, received)
        self.assertEqual({record.get("error") for record in nikawa.access_log(6)},
                         {None, "tls_failed"})

    def test_an_origin_that_has_become_another_gets_nothing_by_a_ticket_of_before(self):
        context = server_context(self.own.issue("origin.test"))
        origin = self.serve(TlsOrigin(context))
        nikawa = self.start("--early-data", "--keep-warm", 0, "--keepalive-conns", 0)
        self.assertEqual(self.ask(nikawa, origin).body, b"fine")
        received = origin.received
        origin.context = server_context(self.private.issue("origin.test"))
        reply = self.ask(nikawa, origin)  # it worked a moment ago, so it is waited for a little
        self.assertIn(reply.status, (502, 503))
        self.assertIn("its issuer is not trusted", reply.body.decode())
        self.assertEqual(origin.received, received)

    def test_what_is_wrong_is_said_with_its_line_and_nothing_starts(self):
        locked = self.world.directory / "locked.key"
        subprocess.run(["openssl", "pkey", "-in", self.us[1], "-aes256", "-passout", "pass:secret",
                        "-out", locked], check=True, capture_output=True)
        rows = [
            (f"ca-file = {self.us[1]}", "holds no certificate"),
            ("ca-file = /nonexistent.pem", "cannot be read: No such file or directory"),
            (f"client-cert = {self.us[0]}\nclient-key = {self.impostor[1]}",
             "the private key is not that of the certificate in"),
            (f"client-cert = {self.us[0]}\nclient-key = {locked}", "the private key is encrypted"),
            ("port = 1", "must stand before the first section"),
        ]
        for settings, words in rows:
            with self.subTest(settings):
                file = self.configure("port = 0\n[origin secure.test]\n" + settings + "\n")
                line = 3 + settings.count("\n")
                for check in ([], ["--check"]):
                    done = run_nikawa("--config", file, *check)
                    self.assertEqual(done.returncode, 2)
                    self.assertTrue(done.stderr.startswith(f"nikawa: {file}:{line}: "), done.stderr)
                    self.assertIn(words, done.stderr)
                    self.assertNotIn("PRIVATE KEY", done.stderr)

    def test_check_is_content_with_what_is_right(self):
        file = self.configure(f"[origin secure.test *.inside.test]\nca-file = {self.private.ca}\n"
                              f"client-cert = {self.us[0]}\nclient-key = {self.us[1]}\n")
        self.assertEqual(run_nikawa("--config", file, "--check").returncode, 0)
