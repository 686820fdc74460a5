"""How nikawa starts, with sockets of its own and inherited ones, and how signals end it."""

import os
import pathlib
import signal
import socket

from harness import PATIENCE, RawClient, SystemTest, accepts, curl, wait_until
from origins import ScriptedOrigin


class Life(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pair = cls.world.certificates.issue("origin.test")

    def setUp(self):
        self.origin = ScriptedOrigin(self.pair)
        self.addCleanup(self.origin.close)

    def url(self, path):
        return self.origin.url("origin.test", path)

    def hold(self, nikawa):
        """A client whose request is at the origin and stays there."""
        client = RawClient(nikawa)
        self.addCleanup(client.socket.close)
        client.send(f"GET /held HTTP/1.1\r\nHost: {self.url('/').split('/')[2]}\r\n\r\n")
        self.assertTrue(self.origin.arrived.acquire(timeout=PATIENCE))
        return client

    def stop_listening(self, nikawa, number=signal.SIGTERM):
        address = f"127.0.0.1:{nikawa.port}"
        nikawa.process.send_signal(number)
        wait_until(lambda: not accepts(address), "the listening socket to close")

    def test_terminating_finishes_what_is_in_flight(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                self.origin.release.clear()
                nikawa = self.start()
                client = self.hold(nikawa)
                self.stop_listening(nikawa, number)
                self.origin.release.set()
                text = client.receive_to_the_end()
                self.assertTrue(text.startswith(b"HTTP/1.1 200 "), text)
                self.assertTrue(text.endswith(b"released"), text)
                self.assertEqual(nikawa.wait(), 0)

    def test_terminating_closes_idle_connections(self):
        nikawa = self.start()
        client = RawClient(nikawa)
        self.addCleanup(client.socket.close)
        client.send(f"GET /hash HTTP/1.1\r\nHost: {self.url('/').split('/')[2]}\r\n\r\n")
        client.receive_until(b"sha256")
        nikawa.process.terminate()
        client.receive_to_the_end()
        self.assertEqual(nikawa.wait(), 0)

    def test_a_second_signal_ends_at_once(self):
        nikawa = self.start()
        self.hold(nikawa)
        self.stop_listening(nikawa)
        self.assertIsNone(nikawa.process.poll())
        nikawa.expected_code = None
        nikawa.process.terminate()
        nikawa.wait()
        self.assertFalse(self.origin.release.is_set())

    def test_the_shutdown_timeout_bounds_the_wait(self):
        nikawa = self.start("--shutdown-timeout", "100ms")
        client = self.hold(nikawa)
        nikawa.process.terminate()
        self.assertEqual(nikawa.wait(), 0)
        self.assertNotIn(b" 200 ", client.receive_to_the_end())

    def test_the_pid_file_has_its_pid(self):
        file = self.world.directory / "nikawa.pid"
        nikawa = self.start("--pid-file", file)
        self.assertEqual(file.read_text().strip(), str(nikawa.process.pid))

    def test_a_socket_of_server_starter_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = "127.0.0.1:%d" % listener.getsockname()[1]
            nikawa = self.start(pass_fds=[listener.fileno()], environment={
                "SERVER_STARTER_PORT": f"{address}={listener.fileno()}"})
        self.assertEqual(address, f"127.0.0.1:{nikawa.port}")
        self.assertEqual(curl(nikawa, self.url("/hash")).status, 200)

    def test_a_socket_of_systemd_is_taken_and_readiness_is_told(self):
        path = self.world.directory / "notify"
        with socket.create_server(("127.0.0.1", 0)) as listener, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(path))
            notify.settimeout(PATIENCE)
            port = listener.getsockname()[1]
            nikawa = self.start(  # systemd passes sockets from descriptor 3 on
                wrapper=["sh", "-c", 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@" 3<&"$0"',
                         str(listener.fileno())],
                pass_fds=[listener.fileno()], environment={"NOTIFY_SOCKET": str(path)})
            self.assertIn(b"READY=1", notify.recv(4096))
        self.assertEqual(nikawa.port, port)
        self.assertEqual(curl(nikawa, self.url("/hash")).status, 200)

    def test_descriptors_of_closed_connections_are_given_back(self):
        nikawa = self.start("--keepalive-conns", 2)
        descriptors = pathlib.Path(f"/proc/{nikawa.process.pid}/fd")
        curl(nikawa, self.url("/hash"))
        before = len(os.listdir(descriptors))
        for _ in range(50):
            curl(nikawa, self.url("/hash"))
        wait_until(lambda: len(os.listdir(descriptors)) <= before + 2, "closed descriptors")
