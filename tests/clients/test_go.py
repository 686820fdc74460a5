"""Go's net/http: one client, parallel goroutines, a reader as body; http_proxy."""

from client_test import ProgramTest
from lab import PROGRAMS


class GoHttp(ProgramTest):
    connections = 9  # one more than at once: the first that is free is taken, dialled for or not

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.command = [cls.lab.built_by_go(PROGRAMS / "go_client.go")]
