"""ApacheBench: HTTP/1.0, with connections that are kept and without."""

import re

from client_test import ORIGINS, WebTest, accepted_connections
from lab import PROXY, suffixed, without_tls

REQUESTS, AT_ONCE = 100, 10


class ApacheBench(WebTest):
    def ab(self, *options):
        """The numbers it tells, by their names."""
        text = self.run_client("ab", "-q", "-n", REQUESTS, "-c", AT_ONCE, *options).decode()
        return {name: int(value) for name, value in re.findall(r"^([\w -]+): +(\d+)$", text, re.M)}

    def check(self, kind, *where):
        origin, protocol = ORIGINS[kind]
        for options, kept in (([], 0), (["-k"], REQUESTS)):
            with self.subTest(options=options):
                before, connections = self.warm_up(origin), accepted_connections()
                told = self.ab(*options, *where)
                self.assertEqual((told["Complete requests"], told["Failed requests"],
                                  told.get("Keep-Alive requests", 0)), (REQUESTS, 0, kept))
                self.assertNotIn("Non-2xx responses", told)
                if kept:
                    self.assertEqual(accepted_connections() - connections, AT_ONCE)
                records = self.nikawa.access_log(before + REQUESTS)[before:]
                self.assertEqual(len(records), REQUESTS)
                self.assert_records(origin, protocol, records, ["/hello"])
        self.assert_sessions(AT_ONCE)

    def test_by_suffix(self):
        for kind, (origin, _) in ORIGINS.items():
            with self.subTest(kind=kind):
                self.check(kind, suffixed(origin) + "/hello")

    def test_by_absolute_form(self):
        for kind, (origin, _) in ORIGINS.items():
            with self.subTest(kind=kind):
                self.check(kind, "-X", PROXY.removeprefix("http://"),
                           without_tls(origin) + "/hello")
