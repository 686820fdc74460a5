"""What is warm at the start: origins named by the operator, and those remembered from before."""

import json
import os
import re
import signal
import socket
import stat
import subprocess

from harness import NIKAWA, PATIENCE, SystemTest, curl, spawn
from origins import Nginx


class State(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = Nginx(cls.world)
        cls.addClassCleanup(cls.nginx.close)

    def setUp(self):
        self.file = self.world.directory / (self.id() + ".json")

    def origins(self):
        """What the state file holds, by URL."""
        entries = json.loads(self.file.read_text())["origins"]
        return {entry["origin"]: entry for entry in entries}

    def warm_line(self, nikawa):
        """Of how many origins how many were reached before it was ready, and in how many ms."""
        found = [re.search(r"warm: (\d+) of (\d+) origins in (\d+) ms", line)
                 for line in nikawa.stderr.all()]
        return next((tuple(map(int, line.groups())) for line in found if line), None)

    def start_and_end(self, *names):
        with self.start("--state-file", self.file) as nikawa:
            for name in names:
                self.assertEqual(curl(nikawa, self.nginx.url(name, "/hello")).status, 200)

    def assert_first_request_is_warm(self, nikawa, name):
        self.assertEqual(curl(nikawa, self.nginx.url(name, "/hello")).status, 200)
        (record,) = nikawa.access_log()
        self.assertNotIn("cold", record)
        self.assertLess(record["wait"], 0.001)
        self.assertEqual((record["connect"], record["tls"]), (0, 0))

    def test_the_first_request_after_a_restart_is_warm(self):
        for name, protocol in (("h2.test", "h2"), ("h1.test", "http/1.1")):
            with self.subTest(name):
                self.file.unlink(missing_ok=True)
                self.start_and_end(name)
                entry = self.origins()["https://" + self.nginx.authority(name)]
                self.assertEqual(entry["protocol"], protocol)
                self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)

                nikawa = self.start("--state-file", self.file)
                self.assertEqual(self.warm_line(nikawa)[:2], (1, 1))
                self.assert_first_request_is_warm(nikawa, name)

    def test_named_origins_are_warm_from_the_start(self):
        urls = ["https://" + self.nginx.authority(name) for name in ("h2.test", "h1.test")]
        nikawa = self.start("--warm", *urls)
        self.assertEqual(self.warm_line(nikawa)[:2], (2, 2))
        self.assert_first_request_is_warm(nikawa, "h1.test")

    def test_the_log_for_debugging_has_each_connection_to_an_origin(self):
        url = "https://" + self.nginx.authority("h1.test")
        with self.start("--warm", url, "--log-level", "debug") as nikawa:
            self.assert_first_request_is_warm(nikawa, "h1.test")
        # Each thread has its own; one of them was asked for something.
        for what in (rf"{url}: connected to 127\.\d+\.\d+\.\d+ for at_start; name ",
                     rf"{url}: connection to .* ended for let_go after .*: 1$"):
            nikawa.stderr.wait(lambda lines, what=what: any(
                "[debug]" in line and re.search(what, line) for line in lines), what)

    def test_what_is_remembered_survives_many_restarts_without_use(self):
        self.start_and_end("h2.test")
        before = self.origins()
        for _ in range(3):
            self.start_and_end()
        self.assertEqual(list(self.origins()), list(before))

    def test_origins_are_not_kept_warm_when_that_is_off(self):
        self.start_and_end("h2.test")
        nikawa = self.start("--state-file", self.file, "--keep-warm", "0")
        self.assertIsNone(self.warm_line(nikawa))

    def test_a_broken_file_is_warned_about_and_replaced(self):
        self.file.write_text('{"version": 1, "origins": [')
        with self.start("--state-file", self.file) as nikawa:
            warnings = [line for line in nikawa.stderr.all() if "state file" in line]
            self.assertEqual(len(warnings), 1, warnings)
            self.assertIn("is not the JSON of a state file; it is not used", warnings[0])
            curl(nikawa, self.nginx.url("h2.test", "/hello"))
        self.assertEqual(len(self.origins()), 1)

    def test_a_silent_origin_holds_the_start_for_a_bounded_time(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            nikawa = self.start("--warm", f"https://silent.test:{silent.getsockname()[1]}",
                                "--warm-timeout", "300ms")
            reached, known, took = self.warm_line(nikawa)
            self.assertEqual((reached, known), (0, 1))
            self.assertGreaterEqual(took, 300)

    def test_clients_wait_in_the_backlog_meanwhile(self):
        with socket.create_server(("127.0.0.1", 0)) as silent, \
                socket.create_server(("127.0.0.1", 0)) as ours:
            os.set_inheritable(ours.fileno(), True)
            port = ours.getsockname()[1]
            client = socket.create_connection(("127.0.0.1", port))
            self.addCleanup(client.close)
            client.sendall(b"GET /.api/stats HTTP/1.1\r\nHost: us\r\nConnection: close\r\n\r\n")
            nikawa = self.start(
                "--warm", f"https://silent.test:{silent.getsockname()[1]}",
                "--warm-timeout", "300ms", pass_fds=(ours.fileno(),),
                environment={"SERVER_STARTER_PORT": f"127.0.0.1:{port}={ours.fileno()}"})
            self.assertEqual(nikawa.port, port)
            self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 "))

    def test_a_signal_ends_it_while_it_warms(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            process = spawn(NIKAWA, "--listen", "127.0.0.1", "--port", 0, "--resolver",
                            self.world.names.address, "--allow-target", "loopback",
                            "--warm-timeout", "1h", "--warm",
                            f"https://silent.test:{silent.getsockname()[1]}",
                            stderr=subprocess.DEVNULL)
            self.addCleanup(process.kill)
            dialled, _ = silent.accept()
            self.addCleanup(dialled.close)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(PATIENCE), 0)

    def test_the_service_managers_directory_is_used(self):
        directory = self.world.folder("state-directory")
        with self.start(environment={"STATE_DIRECTORY": str(directory)}) as nikawa:
            curl(nikawa, self.nginx.url("h2.test", "/hello"))
        self.assertTrue((directory / "state.json").exists())
