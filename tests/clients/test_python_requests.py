"""Python's requests: a session, parallel threads, a generator as body; http_proxy."""

from client_test import ProgramTest
from lab import PROGRAMS, PYTHON


class PythonRequests(ProgramTest):
    command = [PYTHON, PROGRAMS / "python_requests.py"]
    connections = 8  # as many as there are threads
