"""Node's http.request with an Agent that keeps connections."""

from client_test import ProgramTest
from lab import PROGRAMS


class NodeHttp(ProgramTest):
    command = ["node", PROGRAMS / "node_http.mjs"]
    tunnels = False
    connections = 8  # maxSockets
