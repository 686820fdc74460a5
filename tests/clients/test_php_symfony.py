"""Symfony's HttpClient over ext-curl: lazy responses, bodies of known and unknown length,
`proxy`."""

from client_test import ProgramTest
from lab import PROGRAMS


class PhpSymfony(ProgramTest):
    command = ["php", PROGRAMS / "php_symfony.php"]
    connections = 16
