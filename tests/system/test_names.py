"""The way applications use nikawa: by a name, from PHP and curl, through DNS, at port 3000.

Runs in a network namespace of its own, in which the well-known ports are free and names are those
of a dnsmasq: `*.ccnproxy-https` is nikawa, `h2.test` and `h1.test` are nginx at port 443.
"""

import subprocess
import unittest

import own_network
from harness import PATIENCE, Nikawa, World, clean_environment, spawn, wait_until
from origins import Nginx

PHP_CURL = """
$handle = curl_init($argv[1]);
curl_setopt($handle, CURLOPT_RETURNTRANSFER, true);
for ($turn = 0; $turn < 3; $turn++) {
    echo curl_exec($handle), " ", curl_getinfo($handle, CURLINFO_RESPONSE_CODE), "\\n";
}
curl_setopt($handle, CURLOPT_POSTFIELDS, str_repeat("x", 100000));
curl_exec($handle);
echo curl_getinfo($handle, CURLINFO_RESPONSE_CODE), "\\n";
"""

PHP_STREAM = """
echo file_get_contents($argv[1]), " ", $http_response_header[0], "\\n";
"""


def setUpModule():
    own_network.enter()


class ThroughNames(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.dns = spawn(
            "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            "--listen-address=127.0.0.1", "--bind-interfaces",
            "--address=/ccnproxy-https/127.0.0.1", "--address=/h2.test/127.0.0.1",
            "--address=/h1.test/127.0.0.2", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(cls.dns.wait, PATIENCE)
        cls.addClassCleanup(cls.dns.terminate)
        cls.nginx = Nginx(cls.world, addresses=["127.0.0.1:443", "127.0.0.2:443", "127.0.0.1:80"])
        cls.addClassCleanup(cls.nginx.close)
        wait_until(lambda: cls.dns.poll() is None and cls.resolves("h2.test"), "dnsmasq")
        cls.nikawa = Nikawa("--ca-file", cls.world.certificates.ca, "--allow-target", "loopback")
        cls.addClassCleanup(cls.nikawa.__exit__, None)

    @staticmethod
    def resolves(name):
        return subprocess.run(["getent", "hosts", name], capture_output=True).returncode == 0

    def setUp(self):
        self.nginx.forget()

    def run_client(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE,
                              stdin=subprocess.DEVNULL, env=clean_environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_curl_reaches_port_443_of_the_origin(self):
        for name, protocol in (("h2.test", "HTTP/2.0"), ("h1.test", "HTTP/1.1")):
            with self.subTest(name=name):
                self.nginx.forget()
                text = self.run_client("curl", "-sS", f"http://{name}.ccnproxy-https:3000/hello")
                self.assertEqual(text, f"hello from {name}")
                (seen,) = self.nginx.log()
                self.assertEqual((seen["host"], seen["protocol"]), (name, protocol))

    def test_php_curl_is_served(self):
        text = self.run_client("php", "-r", PHP_CURL, "http://h2.test.ccnproxy-https:3000/hello")
        self.assertEqual(text.splitlines(), ["hello from h2.test 200"] * 3 + ["200"])
        self.assertEqual(len({seen["connection"] for seen in self.nginx.log(4)}), 1)

    def test_php_streams_are_served(self):
        text = self.run_client("php", "-r", PHP_STREAM, "http://h1.test.ccnproxy-https:3000/hello")
        self.assertRegex(text, r"^hello from h1.test HTTP/1.[01] 200 OK$")

    def test_hundreds_of_connections_of_php_are_one_to_the_origin(self):
        script = 'for ($i = 0; $i < 800; $i++) { file_get_contents($argv[1]); }'
        self.run_client("php", "-r", script, "http://h2.test.ccnproxy-https:3000/hello")
        self.assertEqual(len({seen["connection"] for seen in self.nginx.log(800)}), 1)
