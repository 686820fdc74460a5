"""The laboratory with AWS in it: for the tests of its clients."""

import fcntl
import json
import pathlib
import shutil
import statistics
import subprocess

from lab import MARKERS, PORT, PROXY, PYTHON, ROOT, RTT, LabTest, clean_environment  # noqa: F401
from s3_server import CERTIFICATE_NAMES, NAMES, S3Server
from sigv4 import CHUNKS, CHUNKS_AND_TRAILER, UNSIGNED_AND_TRAILER, Credential  # noqa: F401

KEY = Credential("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TEMPORARY = Credential("ASIAEXAMPLE", "c2VjcmV0/of+a/TEMPORARY/key", "token/with+many==signs")
WRONG = Credential(KEY.access_key, "not/the/secret")
UNKNOWN = Credential("AKIANOTGIVEN", "somebody's")
REGION, BUCKET = "us-east-1", "photos"

# Where clients find a service, with only this changed; and with nikawa as their proxy.
SUFFIX = f"http://{{service}}.{REGION}.amazonaws.com.{MARKERS['https']}:{PORT}"
ABSOLUTE_FORM = f"http://{{service}}.{REGION}.amazonaws.com"

# Keys that a proxy might take for others.
KEYS = ["plain.txt", "a b c", "ünïcødé/Ω雪", "plus+sign", "tilde~", "percent%41%", "a//b",
        "dots/.../x", "query?=&;", "quote'\"()*!@$,:", "end/"]
PRESIGNED_KEY = "a b+c~"

PROGRAMS = pathlib.Path(__file__).resolve().parent / "aws"


def text_of_credentials(*credentials):
    """A file in the shared format of AWS."""
    lines = []
    for number, known in enumerate(credentials):
        lines += [f"[profile{number}]", f"aws_access_key_id = {known.access_key}",
                  f"aws_secret_access_key = {known.secret}"]
        lines += [f"aws_session_token = {known.token}"] if known.token else []
    return "\n".join(lines) + "\n"


def make_tree(folder):
    """Files by the names of KEYS, as far as a file system can have them; the folder, and what is
    in which file."""
    for key in KEYS:
        if "//" not in key and not key.endswith("/"):
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(key.encode() * 1000)
    return folder, {str(path.relative_to(folder)): path.read_bytes()
                    for path in folder.rglob("*") if path.is_file()}


class Way:
    """How a client is told of nikawa."""

    def __init__(self, name, endpoint, environment):
        self.name, self.endpoint, self.environment = name, endpoint, environment

    def service(self, name):
        return self.endpoint.format(service=name)

    @property
    def is_suffix(self):
        return self.endpoint == SUFFIX


def way_of_signing(presigned_url):
    return "v4 query" if "X-Amz-Signature=" in presigned_url else "v2 query"


WAYS = [Way("suffix", SUFFIX, {}),
        Way("absolute_form", ABSOLUTE_FORM, {"http_proxy": PROXY, "HTTP_PROXY": PROXY})]


class AwsTest(LabTest):
    """A class of tests with S3Server behind a nikawa that was given `KEY` and `TEMPORARY`, and
    serves both ways."""

    names = dict.fromkeys(NAMES, "203.0.113.20")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pem, key = cls.lab.world.certificates.issue(*CERTIFICATE_NAMES)
        cls.server = S3Server(cls.lab.far_socket(cls.names[NAMES[0]], 443), pem, key)
        cls.addClassCleanup(cls.server.close)
        cls.server.credentials = {known.access_key: known for known in (KEY, TEMPORARY)}
        credentials = cls.lab.world.directory / "aws-credentials"
        credentials.touch(mode=0o600)
        credentials.write_text(text_of_credentials(KEY, TEMPORARY))
        cls.nikawa = cls.lab.nikawa("--aws-credentials", credentials,
                                    "--https-for", "*.amazonaws.com")
        cls.addClassCleanup(cls.nikawa.__exit__, None)

    def setUp(self):
        self.server.store.buckets = {BUCKET: {}}
        self.server.store.uploads.clear()
        self.server.records.clear()
        self.server.errors.clear()

    @property
    def bucket(self):
        return self.server.store.buckets[BUCKET]

    def contents(self):
        return {key: stored.data for key, stored in self.bucket.items()}

    def run_client(self, way, *command, key=KEY, environment=None, fails=False):
        """Runs a client with the settings that all AWS clients read; gives what it wrote."""
        settings = {
            "AWS_ACCESS_KEY_ID": key.access_key, "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "ENDPOINT": way.endpoint, "BUCKET": BUCKET, "KEYS": json.dumps(KEYS),
            **({"AWS_SESSION_TOKEN": key.token} if key.token else {}), **way.environment}
        done = self.lab.run(*command, environment={**settings, **(environment or {})})
        output = done.stdout.decode() + done.stderr.decode()
        if (done.returncode != 0) != fails:
            self.fail(f"{command} ended with {done.returncode}\n{output}\nrefused at the origin:\n"
                      + "\n".join(self.server.refused()))
        return output if fails else done.stdout.decode()

    def assert_all_verified(self, *ways):
        """The origin found nothing wrong, and saw what is signed as `ways` say and nothing else."""
        self.assertEqual(self.server.refused(), [])
        self.assertEqual(self.server.errors, [])
        records = self.server.records
        self.assertEqual({record.how for record in records}, set(ways))
        if "v4 header" in ways:  # botocore, whom the origin asks, has another opinion of none
            self.assertEqual({record.agreed for record in records} - {None}, {True})

    def payloads(self):
        """The kinds of signatures on bodies that the origin saw."""
        return {record.payload for record in self.server.records
                if not record.payload.isalnum()}

    def assert_round_trips(self):
        """Each request of this test was sent once, and cost a round trip and what the origin took
        to verify it."""
        ids = {record.value("X-Chocon-Id") for record in self.server.records}

        def of_these(lines):
            records = [json.loads(line) for line in lines if line.startswith("{")]
            found = [record for record in records if record["chocon_req"] in ids]
            return found if len(found) >= len(ids) else None
        records = self.nikawa.stderr.wait(of_these, "access lines")
        self.assertEqual({record["attempts"] for record in records}, {1})
        small = [record["first_byte"] for record in records
                 if record["method"] in ("GET", "HEAD") and record["size"] < 20_000]
        if len(small) > 5:  # else a moment in which the machine is busy decides
            self.assertLess(statistics.median(small), 2 * RTT)

    def fetch_presigned(self, way, line):
        """PUT and GET by URLs that a client signed for anyone, and that anyone changed."""
        proxy = [] if way.is_suffix else ["--proxy", PROXY]

        def curl(url, *options):
            done = self.lab.run("curl", "-q", "-sS", "--write-out", "%{http_code}", *proxy,
                                *options, url)
            return done.stdout.decode()
        self.assertEqual(curl(line["put"], "--request", "PUT", "--data-binary", "presigned",
                              "--header", "Content-Type:"), "200")
        self.assertEqual(self.bucket[PRESIGNED_KEY].data, b"presigned")
        self.assertEqual(curl(line["get"]), "presigned200")
        self.assert_all_verified(way_of_signing(line["get"]))
        self.assertIn("SignatureDoesNotMatch", curl(line["get"].replace("/a%20b", "/a%20x")))


class ProgramTest(AwsTest):
    """A class of tests for each program in aws/: `command` is how to run it, before the name of
    what it is to do. Its tests are made of `acts`, each with the ways in which what it does is to
    be signed, and the kinds of signatures on bodies that are to be among them."""

    command = None
    acts = {}
    presigned = ()  # the ways in which its presigned URLs are signed

    def __init_subclass__(cls, **more):
        super().__init_subclass__(**more)
        for way in WAYS:
            for act, payloads in cls.acts.items():
                name = act.replace(" ", "_")
                setattr(cls, f"test_{name}_by_{way.name}", cls._test_of(way, act, payloads))
            if cls.presigned:
                setattr(cls, f"test_presigned_by_{way.name}", cls._test_of_presigned(way))

    @staticmethod
    def _test_of(way, act, payloads):
        def test(self):
            self.do(way, act)
            self.assert_all_verified("v4 header")
            if payloads is not None:
                self.assertLessEqual(payloads, self.payloads())
            self.assert_round_trips()
        return test

    @staticmethod
    def _test_of_presigned(way):
        def test(self):
            lines = [json.loads(line) for line in self.do(way, "presign").splitlines()]
            ways = {way_of_signing(line["get"]) for line in lines}
            self.assertLessEqual(set(self.presigned), ways)
            for line in lines:
                with self.subTest(url=line["get"]):
                    self.setUp()
                    self.fetch_presigned(way, line)
        return test

    def do(self, way, act, **more):
        return self.run_client(way, *self.command, *act.split(), **more)


class RefusalTests:
    """What the users of a program see when nikawa does not pass a request on: for a ProgramTest
    whose program knows the act `put`."""

    services = ("s3",)

    def test_wrong_secret(self):
        # It is found by nikawa, and told as AWS would.
        for service in self.services:
            with self.subTest(service=service):
                output = self.do(WAYS[0], f"put {service}", key=WRONG, fails=True)
                # Services that speak JSON have another word for it.
                codes = "SignatureDoesNotMatch" + (
                    "" if service == "s3" else "|InvalidSignatureException")
                self.assertRegex(output, codes)
        self.assertEqual(self.server.records, [])

    def test_unknown_key(self):
        # It is told what would make it known.
        for service in self.services:
            with self.subTest(service=service):
                output = self.do(WAYS[0], f"put {service}", key=UNKNOWN, fails=True)
                self.assertIn("--aws-credentials", output)
                self.assertIn("--https-for", output)
        self.assertEqual(self.server.records, [])

    def test_unknown_key_as_proxy(self):
        # It is the origin's to judge: the name that was signed is the true one.
        self.do(WAYS[1], "put", key=UNKNOWN, fails=True)
        self.assertEqual(["InvalidAccessKeyId" in refused for refused in self.server.refused()],
                         [True])

    def test_temporary_credentials(self):
        for way in WAYS:
            with self.subTest(way=way.name):
                self.setUp()
                self.do(way, "put", key=TEMPORARY)
                self.assert_all_verified("v4 header")
                self.assertEqual(self.bucket["key"].data, b"body")

    def test_lost_token(self):
        # Temporary credentials without their token.
        output = self.do(WAYS[0], "put", fails=True,
                         key=Credential(TEMPORARY.access_key, TEMPORARY.secret))
        self.assertRegex(output, "InvalidToken|token")
        self.assertEqual(self.server.records, [])


def node_modules():
    """Where the SDKs for JavaScript are. The first who asks has npm get them, to which the
    network of the machine is needed: so ask before there is a laboratory."""
    package, folder = PROGRAMS / "package.json", ROOT / "build/node"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "package.json"
        if not made.exists() or made.read_text() != package.read_text():
            shutil.copy(package, made)
            done = subprocess.run(
                ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock",
                 "--ignore-scripts"],
                cwd=folder, capture_output=True, text=True, env=clean_environment())
            if done.returncode != 0:
                made.unlink()
                raise AssertionError("npm: " + done.stderr)
    return str(folder / "node_modules")


class NodeProgramTest(ProgramTest):
    """The same for a program that Node runs with the SDKs for JavaScript."""

    @classmethod
    def setUpClass(cls):
        cls.modules = node_modules()
        super().setUpClass()

    def do(self, way, act, **more):
        return super().do(way, act, environment={"NODE_PATH": self.modules}, **more)
