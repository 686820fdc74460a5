"""Node's fetch, which has no setting for a proxy."""

from client_test import ProgramTest
from lab import PROGRAMS


class NodeFetch(ProgramTest):
    command = ["node", PROGRAMS / "node_fetch.mjs"]
    knows_proxies = False
