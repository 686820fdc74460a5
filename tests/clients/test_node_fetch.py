"""Node's fetch, which has no setting for a proxy, and with the one of undici."""

from aws_lab import node_modules
from client_test import ProgramTest
from lab import PROGRAMS


class NodeFetch(ProgramTest):
    @classmethod
    def setUpClass(cls):
        cls.command = ["env", "NODE_PATH=" + node_modules(), "node", PROGRAMS / "node_fetch.mjs"]
        super().setUpClass()
