"""PHP's ext-curl: handles, parallel ones, uploads of known and unknown length."""

from client_test import ProgramTest
from lab import PROGRAMS


class PhpCurl(ProgramTest):
    command = ["php", PROGRAMS / "php_curl.php"]
    connections = 16  # one for each handle, and those of curl_multi twice
