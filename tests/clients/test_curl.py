"""curl, by its command line."""

import json

from client_test import ACTS, LARGE, ORIGINS, UPLOAD, Act, WebTest, accepted_connections
from harness import sha256
from lab import HTTP1, HTTP2, PORT, PROXY, SPLIT, suffixed, without_tls

CANNOT_RESOLVE = 6  # curl's exit code: the client looked up the origin's own name

# The options with which curl does an act; FILE is the upload.
COMMANDS = {
    "get": [],
    "post": ["-d", "name=value&other=%20"],
    "upload": ["-T", "FILE"],
    "streamed": ["-T", "FILE", "-H", "Transfer-Encoding: chunked"],
    "expecting": ["--data-binary", "@FILE", "-H", "Expect: 100-continue"],
    "not-expecting": ["--data-binary", "@FILE", "-H", "Expect:"],
    "download": [],
    "compressed": ["--compressed"],
    "range": ["-r", "100-199"],
    "moved": ["-L"],
    "http1.0": ["--http1.0"],
    "delete": ["-X", "DELETE"],
}

CURL_ACTS = {
    **ACTS,
    "expecting": Act("POST", "/expecting", sent=UPLOAD),
    "not-expecting": Act("POST", "/not-expecting", sent=UPLOAD),
    "compressed": Act("GET", "/large", answer=LARGE),
    "http1.0": Act("GET", "/http1.0"),
    "delete": Act("DELETE", "/delete"),
}


def only(*acts):
    return {act: COMMANDS[act] for act in acts}


class Curl(WebTest):
    def curl(self, *options, code=0, environment=None):
        return self.run_client("curl", "-q", "-sS", *options, code=code, environment=environment)

    def do_acts(self, origin, base, options=(), environment=None, is_pooled=True,
                commands=COMMANDS):
        """Each by a curl of its own; gives how many requests that were."""
        for act, of_act in commands.items():
            wanted = CURL_ACTS[act]
            with self.subTest(act=act):
                chosen = [option.replace("FILE", str(self.upload)) for option in of_act]
                text = self.curl(*chosen, *options, "-w", "\n%{response_code}",
                                 base + wanted.target, environment=environment)
                body, _, status = text.rpartition(b"\n")
                self.assert_answer(
                    {"status": int(status), "bytes": len(body), "sha256": sha256(body),
                     "body": body.decode(), "length": wanted.length},
                    wanted, origin.split("://")[1], is_pooled)
        return sum(CURL_ACTS[act].requests for act in commands)

    def check(self, origin, protocol, base, *options, **more):
        before = self.warm_up(origin)
        requests = self.do_acts(origin, base, options, **more)
        records = self.nikawa.access_log(before + requests)[before:]
        self.assertEqual(len(records), requests)
        self.assert_records(origin, protocol, records)

    def test_by_suffix(self):
        for kind, (origin, protocol) in ORIGINS.items():
            with self.subTest(kind=kind):
                self.check(origin, protocol, suffixed(origin))

    def test_by_absolute_form(self):
        for kind, (origin, protocol) in ORIGINS.items():
            with self.subTest(kind=kind):
                self.check(origin, protocol, without_tls(origin), "-x", PROXY)

    def test_by_absolute_form_with_the_suffix(self):
        self.check("https://" + HTTP2, "h2", f"http://{HTTP2}.ccnproxy-https", "-x", PROXY,
                   commands=only("get", "upload"))

    def test_by_the_true_name_where_dns_says_that_it_is_us(self):
        self.check("https://" + SPLIT, "h2", f"http://{SPLIT}:{PORT}",
                   commands=only("get", "upload"))

    def test_over_http2_without_tls(self):
        # By a second request on such a connection curl 7.88 fails, whatever the server.
        commands = only(*(act for act in COMMANDS if act not in ("http1.0", "moved")))
        for host, protocol in ((HTTP2, "h2"), (HTTP1, "http/1.1")):
            with self.subTest(host=host):
                origin = "https://" + host
                self.check(origin, protocol, suffixed(origin), "--http2-prior-knowledge",
                           commands=commands)

    def test_by_tunnel(self):
        origin = "https://" + HTTP2
        self.do_acts(origin, origin, environment={"https_proxy": PROXY}, is_pooled=False)

    def test_head(self):
        text = self.curl("-I", suffixed("https://" + HTTP2) + "/large").decode()
        self.assertIn(f"\nContent-Length: {len(LARGE)}\r\n", text)

    def test_a_body_is_asked_for_before_it_is_sent(self):
        done = self.lab.run("curl", "-q", "-sSv", "-T", self.upload,
                            suffixed("https://" + HTTP2) + "/upload")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"< HTTP/1.1 100 Continue", done.stderr)

    def test_several_urls_are_asked_for_on_one_connection(self):
        connections = accepted_connections()
        text = self.curl(*[suffixed("https://" + HTTP2) + "/hello"] * 5)
        self.assertEqual(text.decode(), f"hello from {HTTP2}" * 5)
        self.assertEqual(accepted_connections() - connections, 1)

    def test_parallel_transfers(self):
        urls = suffixed("https://" + HTTP2) + "/parallel?n=[0-19]"
        text = self.curl("--parallel", "--parallel-immediate", urls).decode()
        self.assertEqual(text.count('"method": "GET"'), 20)

    def test_a_redirect_to_the_origins_own_url_is_passed_on_and_leads_past_us(self):
        base = suffixed("https://" + HTTP2)
        where = self.curl("-o", "/dev/null", "-w", "%{redirect_url}", base + "/moved-far")
        self.assertEqual(where.decode(), f"https://{HTTP2}/hello")
        self.curl("-L", base + "/moved-far", code=CANNOT_RESOLVE)
        text = self.curl("-L", base + "/moved-far", environment={"https_proxy": PROXY})
        self.assertEqual(text.decode(), f"hello from {HTTP2}")

    def test_cookies_that_come_back(self):
        for base, options, expected in (
                (suffixed("https://" + HTTP2), [], "own=1"),
                (without_tls("https://" + HTTP2), ["-x", PROXY], "of-domain=1; own=1")):
            with self.subTest(base=base):
                text = self.curl("-b", "", *options, base + "/cookies", base + "/seen")
                fields = dict(json.loads(text)["fields"])
                self.assertEqual("; ".join(sorted(fields["cookie"].split("; "))), expected)
