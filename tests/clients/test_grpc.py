"""gRPC by Python: HTTP/2 without TLS to nikawa, one connection for all calls."""

from client_test import WebTest, accepted_connections
from harness import accepts, spawn, wait_until
from lab import MARKERS, PORT, PROGRAMS, PROXY, PYTHON, RTT

NAME, ADDRESS = "grpc.example.com", "203.0.113.30:443"


class Grpc(WebTest):
    names = {NAME: ADDRESS.split(":")[0]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pair = cls.lab.world.certificates.issue(NAME)
        server = spawn(*cls.lab.distance.far.command(
            PYTHON, "-B", PROGRAMS / "grpc_server.py", ADDRESS, *pair))
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.kill)
        wait_until(lambda: accepts(ADDRESS), "the gRPC server")

    def test_calls_of_all_kinds_at_once_and_in_both_directions(self):
        connections = accepted_connections()
        for environment in ({}, {"http_proxy": PROXY, "no_grpc_proxy": MARKERS["https"]}):
            self.run_client(PYTHON, "-B", PROGRAMS / "grpc_client.py",
                            f"{NAME}.{MARKERS['https']}:{PORT}", environment=environment)
        self.assertEqual(accepted_connections() - connections, 2)
        records = self.nikawa.access_log(120)
        self.assertEqual([record.get("error") for record in records], [None] * 120)
        # One, the very first, waited for its connection to be made.
        self.assertEqual([record.get("cold") for record in records],
                         ["first_use"] + [None] * 119)
        talks = [record["first_byte"] for record in records if record["uri"].endswith("/Talk")]
        self.assertEqual(len(talks), 2)
        self.assertLess(min(talks), 2 * RTT)
