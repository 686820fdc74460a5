"""wget, by its command line."""

import json

from client_test import LARGE, ORIGINS, UPLOAD, WebTest, accepted_connections
from harness import sha256
from lab import HTTP2, PROXY, suffixed, without_tls


class Wget(WebTest):
    def wget(self, *options, proxy="", code=0):
        environment = {"http_proxy": proxy} if proxy else None
        return self.run_client("wget", "-nv", "--tries=1", *options, code=code,
                               environment=environment)

    def check(self, kind, base, proxy=""):
        origin, protocol = ORIGINS[kind]
        before = self.warm_up(origin)
        saved = self.lab.world.directory / f"saved-{kind}-{bool(proxy)}"
        self.wget("-O", saved, base + "/large", proxy=proxy)
        self.assertEqual(sha256(saved.read_bytes()), sha256(LARGE))
        with open(saved, "r+b") as file:
            file.truncate(100_000)
        self.wget("-c", "-O", saved, base + "/large", proxy=proxy)  # the rest, by a range
        self.assertEqual(sha256(saved.read_bytes()), sha256(LARGE))
        self.wget("--spider", base + "/large", proxy=proxy)
        for method, option in (("POST", "--post-file"), ("PUT", "--body-file")):
            how = [] if method == "POST" else ["--method=PUT"]
            text = self.wget("-O", "-", *how, f"{option}={self.upload}", base + "/upload",
                             proxy=proxy)
            echo = json.loads(text)
            self.assertEqual((echo["method"], echo["sha256"]), (method, sha256(UPLOAD)))
        text = self.wget("-O", "-", base + "/moved", proxy=proxy).decode()
        self.assertEqual(text, "hello from " + origin.split("://")[1])
        records = self.nikawa.access_log(before + 7)[before:]
        self.assertEqual([record["status"] for record in records],
                         [200, 206, 200, 200, 200, 302, 200])
        self.assert_records(origin, protocol, records)

    def test_by_suffix(self):
        for kind, (origin, _) in ORIGINS.items():
            with self.subTest(kind=kind):
                self.check(kind, suffixed(origin))

    def test_by_absolute_form(self):
        for kind, (origin, _) in ORIGINS.items():
            with self.subTest(kind=kind):
                self.check(kind, without_tls(origin), PROXY)

    def test_several_urls_are_asked_for_on_one_connection(self):
        for base, proxy in ((suffixed("https://" + HTTP2), ""), ("http://" + HTTP2, PROXY)):
            with self.subTest(proxy=proxy):
                connections = accepted_connections()
                text = self.wget("-O", "-", *[base + "/hello"] * 5, proxy=proxy)
                self.assertEqual(text.decode(), f"hello from {HTTP2}" * 5)
                self.assertEqual(accepted_connections() - connections, 1)
