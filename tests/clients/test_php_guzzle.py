"""Guzzle over ext-curl, which the AWS SDK for PHP and Laravel use as well: requests one after
another and in a pool, bodies of known and unknown length, `proxy`."""

from client_test import ProgramTest
from lab import PROGRAMS


class PhpGuzzle(ProgramTest):
    command = ["php", PROGRAMS / "php_guzzle.php"]
    connections = 16  # the pool and the client before it keep their own
