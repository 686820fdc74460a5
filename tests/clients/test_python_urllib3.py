"""Python's urllib3: a pool that blocks at its size, retries on, a generator as body."""

from client_test import ProgramTest
from lab import PROGRAMS, PYTHON


class PythonUrllib3(ProgramTest):
    command = [PYTHON, PROGRAMS / "python_urllib3.py"]
    connections = 8  # the size of its pool
