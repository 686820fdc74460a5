"""How nikawa starts where it cannot, ends while it is busy, and lives while clocks jump."""

import glob
import json
import os
import signal
import socket
import subprocess
import time
import unittest

from harness import (IS_SANITIZED, NIKAWA, PATIENCE, RawClient, SystemTest, accepts,
                     clean_environment, curl, run_nikawa, sha256, wait_until)
from origins import Nginx, ScriptedOrigin


class FailedStarts(SystemTest):
    def setUp(self):
        self.folder = self.world.folder(self.id())

    def assert_refused(self, done, code, words):
        self.assertEqual(done.returncode, code, done.stderr)
        lines = [line for line in done.stderr.splitlines() if line != "Try 'nikawa --help'."]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertIn(words, lines[0])
        self.assertEqual(done.stdout, "")

    def test_one_line_says_why_and_nothing_is_left_behind(self):
        directory, text = self.folder / "directory", self.folder / "text"
        directory.mkdir()
        text.write_text("no certificate\n")
        before = sorted(os.listdir(self.folder))
        pid_file, logs = self.folder / "nikawa.pid", self.folder / "logs"
        with socket.create_server(("127.0.0.1", 0)) as other:
            busy = other.getsockname()[1]
            rows = [
                (1, ["--port", busy], {}, "in use"),
                (2, ["--config", self.folder / "missing"], {}, "cannot be read: No such file"),
                (2, ["--config", directory], {}, "cannot be read: Is a directory"),
                (2, ["--ca-file", text], {}, "holds no certificate"),
                (2, ["--access-log-dir", text / "logs"], {}, "is not a directory"),
                (2, ["--pid-file", self.folder / "missing" / "pid"], {}, "No such file"),
                (2, ["--pid-file", directory], {}, "is a directory"),
                (1, ["--pid-file", self.folder / ("n" * 255)], {}, "cannot be written: File name"),
                (2, ["--state-file", self.folder / "missing" / "state"], {}, "No such file"),
                (1, [], {"SERVER_STARTER_PORT": "127.0.0.1:1=99"}, "Bad file descriptor"),
                (1, [], {"SERVER_STARTER_PORT": "127.0.0.1:1"}, "host:port=descriptor"),
                (1, [], {"SERVER_STARTER_PORT": "127.0.0.1:1=0"}, "is not a socket"),
            ]
            for code, options, environment, words in rows:
                with self.subTest(words, options=options):
                    extra = [] if "--pid-file" in options else ["--pid-file", pid_file]
                    extra += [] if "--access-log-dir" in options or code == 1 \
                        else ["--access-log-dir", logs]
                    done = run_nikawa("--listen", "127.0.0.1", "--port", 0, *extra, *options,
                                      environment=environment)
                    self.assert_refused(done, code, words)
                    self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_a_descriptor_that_does_not_listen_is_named(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as deaf:
            deaf.bind(("127.0.0.1", 0))
            done = subprocess.run(
                [NIKAWA], pass_fds=[deaf.fileno()], capture_output=True, text=True,
                stdin=subprocess.DEVNULL, timeout=PATIENCE, env=clean_environment(
                    SERVER_STARTER_PORT=f"127.0.0.1:1={deaf.fileno()}"))
            self.assert_refused(done, 1, f"127.0.0.1:1={deaf.fileno()} does not listen")

    def test_a_second_start_by_mistake_leaves_the_first_its_pid_file(self):
        pid_file = self.folder / "nikawa.pid"
        first = self.start("--pid-file", pid_file)
        second = run_nikawa("--listen", "127.0.0.1", "--port", first.port, "--pid-file", pid_file)
        self.assert_refused(second, 1, "in use")
        self.assertEqual(pid_file.read_text().strip(), str(first.process.pid))


class Draining(SystemTest):
    UPLOAD = b"u" * 200_000  # more than is read before there is a stream

    def test_fifty_slow_exchanges_end_well(self):
        application = ScriptedOrigin()
        self.addCleanup(application.close)
        secure = ScriptedOrigin(self.world.certificates.issue("origin.test"))
        self.addCleanup(secure.close)
        nginx = Nginx(self.world, application.port)
        self.addCleanup(nginx.close)
        nikawa = self.start()
        urls = [secure.url("origin.test", ""), nginx.url("h2.test", "/app")]
        clients = [self.begin(nikawa, urls[i % 2], ("held", "halves", "hash")[i // 2 % 3])
                   for i in range(50)]
        wait_until(lambda: self.streams(nikawa) == 50, "50 requests under way")

        nikawa.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not accepts(f"127.0.0.1:{nikawa.port}"), "the listening socket to close")
        self.assertIsNone(nikawa.process.poll())
        application.release.set()
        secure.release.set()
        for client, path in clients:
            if path == "hash":
                client.socket.sendall(self.UPLOAD[len(self.UPLOAD) // 2:])
        for client, path in clients:
            head, _, body = client.receive_to_the_end().partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 200 "), (path, head))
            if path == "hash":
                self.assertEqual(json.loads(body)["sha256"], sha256(self.UPLOAD))
            else:
                self.assertEqual(body, b"released" if path == "held" else b"h" * 200_000)
        self.assertEqual(nikawa.wait(), 0)
        records = nikawa.access_log(51)
        self.assertEqual([record for record in records if record.get("error")], [])
        self.assertEqual({record["proto"] for record in records if record["origin"]},
                         {"h2", "http/1.1"})

    def begin(self, nikawa, url, path):
        """A client whose exchange does not end by itself: it has sent half of its body, or its
        origin holds back the response, or half of it."""
        client = RawClient(nikawa)
        self.addCleanup(client.socket.close)
        client.socket.settimeout(PATIENCE)
        _, _, host, *folder = url.split("/")
        target = "/" + "/".join([*filter(None, folder), path])
        head = f"{'POST' if path == 'hash' else 'GET'} {target} HTTP/1.1\r\nHost: {host}\r\n"
        if path != "hash":
            client.send(head + "\r\n")
        else:
            client.send(head + f"Content-Length: {len(self.UPLOAD)}\r\n\r\n")
            client.socket.sendall(self.UPLOAD[:len(self.UPLOAD) // 2])
        return client, path

    @staticmethod
    def streams(nikawa):
        origins = json.loads(curl(nikawa, "http://us/.api/stats").body)["origins"]
        return sum(origin["streams"] for origin in origins)


FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)


@unittest.skipIf(IS_SANITIZED, "two libraries cannot both come first")
@unittest.skipUnless(FAKETIME, "needs the package libfaketime")
class ClockJumps(SystemTest):
    """The wall clock goes hours ahead and back, and nothing depends on it but what it is told."""

    def setUp(self):
        self.folder = self.world.folder(self.id())
        self.clock = self.folder / "clock"
        self.jump("+0")

    def jump(self, offset):
        fresh = self.folder / "fresh"
        fresh.write_text(offset + "\n")
        os.replace(fresh, self.clock)

    def test_no_wait_ends_and_none_is_longer(self):
        origin = ScriptedOrigin(self.world.certificates.issue("origin.test"))
        self.addCleanup(origin.close)
        logs = self.folder / "logs"
        nikawa = self.start(
            "--access-log-dir", logs, "--proxy-read-timeout", "10m", "--client-idle-timeout", "10m",
            "--keepalive-timeout", "1h", "--state-file", self.folder / "state.json",
            environment={"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                         "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"})
        host = origin.url("origin.test", "/").split("/")[2]
        ids = []
        with RawClient(nikawa) as idle:
            idle.send(f"GET /hash HTTP/1.1\r\nHost: {host}\r\n\r\n").receive_until(b"sha256")
            for offset in ("+5h", "-7h", "+30h", "+0"):
                with self.subTest(offset), RawClient(nikawa) as client:
                    origin.release.clear()
                    client.send(f"GET /held HTTP/1.1\r\nHost: {host}\r\n\r\n")
                    self.assertTrue(origin.arrived.acquire(timeout=PATIENCE))
                    self.jump(offset)
                    # Whatever waited by the wall clock would have ended by the time this has.
                    reply = curl(nikawa, f"http://{host}/hash")
                    self.assertEqual(reply.status, 200)
                    ids.append(reply.field("X-Chocon-Id")[0])
                    self.assertFalse(origin.hung_up.is_set())
                    origin.release.set()
                    self.assertIn(b"released", client.receive_until(b"released"))
            idle.send(f"GET /hash HTTP/1.1\r\nHost: {host}\r\n\r\n")
            self.assertTrue(idle.receive_until(b"sha256").startswith(b"HTTP/1.1 200 "))
        nikawa.process.terminate()
        self.assertEqual(nikawa.wait(), 0)

        records = [json.loads(line) for file in logs.glob("access_log.*")
                   for line in file.read_text().splitlines()]
        self.assertEqual(len(records), 10)
        self.assertEqual([r for r in records if r["status"] != 200 or r.get("error")], [])
        self.assertTrue(all(0 <= record["ptime"] < PATIENCE for record in records), records)
        self.assertEqual(len(set(ids)), len(ids))
        hours = {round((time.mktime(time.strptime(record["time"][:19], "%Y/%m/%d %H:%M:%S"))
                        - time.time()) / 3600) for record in records}
        self.assertLessEqual({-7, 0, 5, 30}, hours)  # the clock did jump
