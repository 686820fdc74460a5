"""Which settings of PHP-FPM make PHP's clients use a proxy, as docs/clients.md has it."""

import pathlib
import subprocess

from client_test import WebTest
from harness import Lines, PATIENCE, spawn
from lab import HTTP2, PROXY

CLIENTS = {
    "curl": "$h = curl_init($url); curl_setopt($h, CURLOPT_RETURNTRANSFER, true);"
            " echo curl_exec($h);",
    "guzzle": "require 'GuzzleHttp/autoload.php';"
              " echo (new GuzzleHttp\\Client)->get($url)->getBody();",
    "symfony": "require 'Symfony/Component/HttpClient/autoload.php';"
               " echo Symfony\\Component\\HttpClient\\HttpClient::create()"
               "->request('GET', $url)->getContent();",
}
ALL = set(CLIENTS)
OURS = f"env[http_proxy] = {PROXY}"

# Lines of the pool, the environment of the service, parameters of the request; who hears them.
HEARD_BY = (
    ([], {}, {}, set()),
    ([OURS], {}, {}, ALL),
    ([f"env[HTTP_PROXY] = {PROXY}"], {}, {}, set()),
    ([], {"http_proxy": PROXY}, {}, set()),
    (["clear_env = no"], {"http_proxy": PROXY}, {}, ALL),
    ([OURS, "env[no_proxy] = example.com"], {}, {}, set()),
    # A field `Proxy` of a request arrives so.
    ([], {}, {"HTTP_PROXY": PROXY}, set()),
)


class PhpFpm(WebTest):
    def test_each_client_hears_what_it_is_said_to_hear(self):
        folder = self.lab.world.folder("php-fpm")
        for pool, environment, parameters, expected in HEARD_BY:
            with self.subTest(pool=pool, environment=environment, parameters=parameters):
                with Fpm(self.lab, folder, pool, environment) as fpm:
                    self.assertEqual({client for client, code in CLIENTS.items()
                                      if f"hello from {HTTP2}" in fpm.answer(code, parameters)},
                                     expected)


class Fpm:
    """PHP-FPM with these lines in its pool, and this environment."""

    def __init__(self, lab, folder, pool, environment):
        self._lab, self._folder, self._socket = lab, folder, folder / "socket"
        settings = folder / "php-fpm.conf"
        settings.write_text("\n".join(
            ["[global]", "error_log = /dev/stderr", "[test]", f"listen = {self._socket}",
             "user = root", "pm = static", "pm.max_children = 1", *pool, ""]))
        # Debian's has its version in the name.
        binary = next(pathlib.Path("/usr/sbin").glob("php-fpm*"))
        self._process = spawn(binary, "--nodaemonize", "--allow-to-run-as-root",
                              "--fpm-config", settings, stderr=subprocess.PIPE,
                              environment=environment)

    def __enter__(self):
        Lines(self._process.stderr).wait(
            lambda lines: any("ready to handle" in line for line in lines), "start of php-fpm")
        return self

    def __exit__(self, *_):
        self._process.terminate()  # and its children
        self._process.wait(PATIENCE)
        self._process.stderr.close()

    def answer(self, code, parameters):
        """What this code, which has an URL of the origin, writes."""
        script = self._folder / "script.php"
        script.write_text(f"<?php $url = 'http://{HTTP2}/hello'; {code}")
        done = self._lab.run(
            "cgi-fcgi", "-bind", "-connect", self._socket,
            environment={"SCRIPT_FILENAME": str(script), "REQUEST_METHOD": "GET", **parameters})
        return done.stdout.decode()
