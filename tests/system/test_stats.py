"""What nikawa tells of itself: chocon's paths, for its own monitoring."""

import json

from harness import SystemTest, curl, wait_until
from origins import Nginx

CHOCONS_STATUSES = ["200", "400", "401", "403", "404", "500", "501", "502", "503", "504"]


class Stats(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = Nginx(cls.world)
        cls.addClassCleanup(cls.nginx.close)

    def read(self, nikawa, path):
        reply = curl(nikawa, nikawa.url + path)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.field("Content-Type"), ["application/json"])
        return json.loads(reply.body)

    def origin(self, nikawa, name):
        """What the page says of one origin; nothing if it is not there."""
        wanted = "https://" + self.nginx.authority(name)
        origins = self.read(nikawa, "/.api/stats")["origins"]
        return next((origin for origin in origins if origin["origin"] == wanted), None)

    def test_http_stats_have_the_shape_of_chocons(self):
        nikawa = self.start("--spfactor", 1)
        for path in ("/hello", "/hello", "/missing"):
            curl(nikawa, self.nginx.url("h2.test", path))
        stats = self.read(nikawa, "/.api/http-stats")
        self.assertEqual(list(stats), ["request", "response"])
        self.assertEqual(stats["request"]["count"], 3)
        self.assertEqual(list(stats["request"]["status_count"]), CHOCONS_STATUSES)
        self.assertEqual(stats["request"]["status_count"]["200"], 2)
        self.assertEqual(stats["request"]["status_count"]["404"], 1)
        response = stats["response"]
        self.assertEqual(list(response["percentiled_time"]), ["90", "95", "99"])
        self.assertGreater(response["min_time"], 0)
        self.assertLessEqual(response["min_time"], response["average_time"])
        self.assertLessEqual(response["average_time"], response["max_time"])
        self.assertEqual(response["percentiled_time"]["99"], response["max_time"])

    def test_stats_tell_how_it_stands_with_each_origin(self):
        nikawa = self.start()
        for _ in range(4):
            curl(nikawa, self.nginx.url("h2.test", "/hello"))
        curl(nikawa, self.nginx.url("h1.test", "/hello"))
        stats = self.read(nikawa, "/.api/stats")
        self.assertRegex(stats["version"], r"^\d+\.\d+\.\d+$")
        self.assertGreater(stats["memory_resident"], 1_000_000)
        self.assertGreaterEqual(stats["uptime_seconds"], 0)
        names = [origin["origin"] for origin in stats["origins"]]
        self.assertEqual(names, sorted(names))

        h2 = self.origin(nikawa, "h2.test")
        self.assertEqual((h2["protocol"], h2["kept_warm"]), ("h2", True))
        self.assertGreaterEqual(h2["sessions"], 1)
        self.assertEqual((h2["exchanges"], h2["warm"], h2["warm_share"]), (4, 3, 0.75))
        self.assertEqual(h2["waited"], {"first_use": 1})
        self.assertEqual(h2["dials"]["first_use"], 1)
        self.assertEqual((h2["failed_dials"], h2["waiting"], h2["streams"]), (0, 0, 0))
        self.assertGreater(h2["dial_ms"], 0)
        self.assertEqual(self.origin(nikawa, "h1.test")["protocol"], "http/1.1")

    def test_a_failed_dial_is_counted(self):
        nikawa = self.start()
        self.assertEqual(curl(nikawa, self.nginx.url("self-signed.test", "/hello")).status, 502)
        origin = self.origin(nikawa, "self-signed.test")
        self.assertGreaterEqual(origin["failed_dials"], 1)
        self.assertEqual(origin["sessions"], 0)

    def test_the_log_says_why_an_exchange_waited(self):
        nikawa = self.start()
        for _ in range(2):
            curl(nikawa, self.nginx.url("h2.test", "/hello"))
        cold, warm = nikawa.access_log(2)
        self.assertEqual(cold["cold"], "first_use")
        self.assertNotIn("cold", warm)
        self.assertLess(warm["wait"], 0.001)

    def test_the_origins_own_pages_stay_reachable(self):
        nikawa = self.start()
        reply = curl(nikawa, self.nginx.url("h2.test", "/.api/stats"))
        self.assertEqual(reply.status, 404)  # nginx's, which has no such page
        self.assertEqual(self.nginx.log()[-1]["target"], "/.api/stats")
        upstream = self.start("--upstream", "https://" + self.nginx.authority("h2.test"))
        self.assertIn("origins", self.read(upstream, "/.api/stats"))

    def test_pages_are_read_only_and_logged(self):
        nikawa = self.start()
        refused = curl(nikawa, nikawa.url + "/.api/stats", "-X", "POST")
        self.assertEqual((refused.status, refused.field("Allow")), (405, ["GET, HEAD"]))
        self.assertIn("error=http_request_error", refused.field("Proxy-Status")[0])
        self.assertIn(refused.field("X-Chocon-Id")[0], refused.body.decode())
        self.assertEqual(len(refused.field("Date")), 1)
        head = curl(nikawa, nikawa.url + "/.api/stats", "-I")
        self.assertEqual((head.status, len(head.field("Date"))), (200, 1))
        first, second = nikawa.access_log(2)
        self.assertEqual((first["uri"], first["status"]), ("/.api/stats", 405))
        self.assertEqual(first["error"], "bad_method")
        self.assertEqual((second["method"], second["size"]), ("HEAD", 0))

    def test_all_threads_are_counted(self):
        nikawa = self.start("--threads", 3)
        for _ in range(5):
            curl(nikawa, self.nginx.url("h2.test", "/hello"))
        wait_until(lambda: self.origin(nikawa, "h2.test")["exchanges"] == 5, "five exchanges")
        self.assertEqual(self.read(nikawa, "/.api/stats")["threads"], 3)
