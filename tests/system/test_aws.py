"""Requests to AWS that are signed for the suffixed Host: boto3 on one side, on the other a service
that verifies by botocore what was signed for its own name."""

import functools
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import unittest

from harness import Lines, RawClient, SystemTest, clean_environment, run_nikawa, spawn

PYTHON = "/usr/bin/python3"  # whose modules are the distribution's
HERE = pathlib.Path(__file__).resolve().parent

KEY = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
OTHER_KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
MACHINE_KEY = ("ASIAEXAMPLE", "a secret of the machine", "the/token==")

S3 = "s3.eu-west-1.aws.test"


def has_boto():
    return subprocess.run([PYTHON, "-c", "import boto3"], capture_output=True).returncode == 0


def profile(name, key):
    return f"[{name}]\naws_access_key_id = {key[0]}\naws_secret_access_key = {key[1]}\n"


class Service:
    def __init__(self, world):
        names = (S3, "*." + S3, "*.eu-west-1.aws.test")
        pem, key = world.certificates.issue(*names)
        self._process = spawn(PYTHON, "-B", HERE / "aws_service.py", pem, key,
                              stdout=subprocess.PIPE)
        self.lines = Lines(self._process.stdout)
        self.port = int(self.lines.wait(lambda lines: lines[:1], "port of the service")[0])

    def url(self, name, suffix=".ccnproxy-https"):
        return f"http://{name}{suffix}:{self.port}"

    def close(self):
        self._process.kill()
        self._process.wait()


class Boto:
    """boto3 in a process of its own."""

    def __init__(self):
        self._process = subprocess.Popen(
            [PYTHON, "-B", HERE / "aws_calls.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=clean_environment(AWS_EC2_METADATA_DISABLED="true"))

    def __call__(self, nikawa, service, call, endpoint, key=KEY, config=None, data=None,
                 suffix="", **arguments):
        asked = {"port": nikawa.port, "service": service, "call": call, "endpoint": endpoint, "key": key,
                 "config": config or {}, "data": data, "suffix": suffix, "arguments": arguments}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"boto3 has ended at {call}")
        return json.loads(line)

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


class Metadata:
    """The endpoints at which machines and containers find their credential."""

    def __init__(self):
        asked = self.asked = []
        credential = json.dumps({
            "Code": "Success", "AccessKeyId": MACHINE_KEY[0], "SecretAccessKey": MACHINE_KEY[1],
            "Token": MACHINE_KEY[2],
            "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))})
        role = "/latest/meta-data/iam/security-credentials/"

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                asked.append(f"{self.command} {self.path}")
                token = self.headers.get("X-aws-ec2-metadata-token")
                if self.command == "PUT" and self.path == "/latest/api/token":
                    return "a token"
                if token == "a token" and self.path in (role, role + "a-role"):
                    return "a-role" if self.path == role else credential
                if self.path == "/v2/creds" and self.headers.get("Authorization") == "let me in":
                    return credential
                return None

            def do_GET(self):
                body = self.answer()
                self.send_response(401 if body is None else 200)
                self.end_headers()
                self.wfile.write((body or "").encode())

            do_PUT = do_GET

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class ChunkedUpload:
    """A PUT whose chunks are signed, as the documents of S3 have it."""

    def __init__(self, host, path, chunks):
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{now[:8]}/eu-west-1/s3/aws4_request"
        key = ("AWS4" + KEY[1]).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), "sha256").digest()

        def sign(*lines):
            return hmac.new(key, "\n".join(lines).encode(), "sha256").hexdigest()

        def digest(data):
            return hashlib.sha256(data).hexdigest()

        payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        fields = {"host": host, "x-amz-content-sha256": payload, "x-amz-date": now,
                  "x-amz-decoded-content-length": str(sum(map(len, chunks)))}
        canonical = "\n".join(["PUT", path, "", *(f"{name}:{value}" for name, value in
                                                  fields.items()), "", ";".join(fields), payload])
        previous = sign("AWS4-HMAC-SHA256", now, scope, digest(canonical.encode()))
        fields["authorization"] = (f"AWS4-HMAC-SHA256 Credential={KEY[0]}/{scope},"
                                   f"SignedHeaders={';'.join(fields)},Signature={previous}")
        self.body = b""
        for chunk in [*chunks, b""]:
            previous = sign("AWS4-HMAC-SHA256-PAYLOAD", now, scope, previous, digest(b""),
                            digest(chunk))
            self.body += (f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk +
                          b"\r\n")
        fields["content-length"] = str(len(self.body))
        self.head = f"PUT {path} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"


@unittest.skipUnless(has_boto(), "there is no boto3 (package python3-boto3)")
class AwsTest(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service = Service(cls.world)
        cls.addClassCleanup(cls.service.close)
        cls.boto3 = Boto()
        cls.addClassCleanup(cls.boto3.close)

    def credentials(self, text, mode=0o600):
        path = self.world.directory / (self.id().rsplit(".", 1)[-1] + ".credentials")
        path.write_text(text)
        path.chmod(mode)
        return path

    def start_with_key(self, *options):
        file = self.credentials(profile("default", KEY))
        nikawa = self.start("--aws-credentials", file, *options)
        return nikawa, self.boto(nikawa)

    def boto(self, nikawa):
        return functools.partial(self.boto3, nikawa)

    def assert_result(self, got, **expected):
        self.assertNotIn("error", got, self.service.lines.all()[-3:])
        self.assertLessEqual(expected.items(), got["result"].items(), got)

    def put_and_get(self, boto, endpoint, **more):
        self.assertEqual(boto("s3", "put_object", endpoint, Bucket="bucket", Key="a key/&=+~é",
                              Body="some bytes", **more).get("error"), None)
        self.assert_result(boto("s3", "get_object", endpoint, Bucket="bucket", Key="a key/&=+~é",
                                **more), Body="some bytes")

    def test_boto3_works_with_only_its_endpoint_changed(self):
        nikawa, boto = self.start_with_key()
        s3 = self.service.url(S3)
        for style in ("path", "virtual"):
            self.put_and_get(boto, s3, config={"s3": {"addressing_style": style}})
        self.assertIn("result", boto("s3", "head_object", s3, Bucket="bucket", Key="a key/&=+~é"))
        listed = boto("s3", "list_objects_v2", s3, Bucket="bucket", Prefix="a b", Delimiter="/")
        self.assertEqual(listed["result"]["KeyCount"], 1)
        large = "0123456789abcdef" * 65536
        self.assertIn("result", boto("s3", "put_object", s3, Bucket="bucket", Key="large",
                                     Body=large))
        self.assert_result(boto("s3", "get_object", s3, Bucket="bucket", Key="large"), Body=large)

        self.assert_result(boto("sqs", "list_queues", self.service.url("sqs.eu-west-1.aws.test")),
                           QueueUrls=["q"])
        self.assert_result(boto("sts", "get_caller_identity",
                                self.service.url("sts.eu-west-1.aws.test")), Account="1234")
        self.assert_result(boto("dynamodb", "list_tables",
                                self.service.url("dynamodb.eu-west-1.aws.test"),
                                ExclusiveStartTableName="aTable"), TableNames=["aTable"])
        for record in nikawa.access_log(9):
            self.assertEqual(record["status"], 200, record)
            self.assertNotIn("?", record["uri"])

    def test_presigned_urls_work_for_who_has_no_key(self):
        nikawa, boto = self.start_with_key()
        config = {"signature_version": "s3v4", "s3": {"addressing_style": "virtual"}}
        for method, data in (("put_object", "by URL"), ("get_object", None)):
            got = boto("s3", "presigned", self.service.url(S3), config=config, data=data,
                       ClientMethod=method, Params={"Bucket": "bucket", "Key": "presigned"})
            self.assertEqual(got, {"result": "" if data else "by URL"})
        self.assertNotIn("X-Amz", "\n".join(nikawa.stderr.all()))

    def test_a_url_presigned_for_the_true_name_works_under_a_suffix(self):
        _, boto = self.start_with_key()
        config = {"signature_version": "s3v4", "s3": {"addressing_style": "path"}}
        true_url = self.service.url(S3, suffix="")
        self.put_and_get(boto, self.service.url(S3), config=config)
        arguments = {"config": config, "suffix": ".ccnproxy-https", "ClientMethod": "get_object",
                     "Params": {"Bucket": "bucket", "Key": "a key/&=+~é"}}
        self.assertEqual(boto("s3", "presigned", true_url, **arguments), {"result": "some bytes"})
        got = boto("s3", "presigned", true_url, key=(KEY[0], "guessed"), **arguments)
        self.assertEqual(got["status"], 403)
        self.assertIn("SignatureDoesNotMatch", got["error"])

    def test_a_request_is_refused_by_its_head_before_its_body_is_asked_for(self):
        nikawa, _ = self.start_with_key()
        head = (f"POST / HTTP/1.1\r\nHost: sts.eu-west-1.aws.test.ccnproxy-https\r\n"
                "X-Amz-Date: 20130524T000000Z\r\nExpect: 100-continue\r\nContent-Length: 9\r\n"
                f"Authorization: AWS4-HMAC-SHA256 Credential={KEY[0]}/20130524/eu-west-1/sts/"
                f"aws4_request, SignedHeaders=host;x-amz-date, Signature={'0' * 64}\r\n\r\n")
        with RawClient(nikawa) as client:
            answer = client.send(head).receive_until(b"\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 403 "), answer)

    def test_chunks_are_signed_anew(self):
        nikawa, boto = self.start_with_key()
        chunks = [os.urandom(65536), os.urandom(65536), b"the rest"]
        host = f"{S3}.ccnproxy-https:{self.service.port}"
        upload = ChunkedUpload(host, "/bucket/chunks", chunks)
        with RawClient(nikawa) as client:
            client.send(upload.head)
            for at in range(0, len(upload.body), 10000):
                client.socket.sendall(upload.body[at:at + 10000])
            self.assertTrue(client.receive_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 "),
                            self.service.lines.all())
        self.assert_result(boto("s3", "get_object", self.service.url(S3), Bucket="bucket",
                                Key="chunks"), Body=b"".join(chunks).decode("latin-1"))

        bad = bytearray(upload.body)
        bad[-300] ^= 1
        with RawClient(nikawa) as client:
            client.send(upload.head).socket.sendall(bad)
            answer = client.receive_until(b"</Error>")
        self.assertTrue(answer.startswith(b"HTTP/1.1 403 "), answer)
        self.assertIn(b"<Code>SignatureDoesNotMatch</Code>", answer)

    def test_unknown_keys_are_refused_at_once_in_the_shape_of_the_service(self):
        nikawa, boto = self.start_with_key()
        got = boto("s3", "put_object", self.service.url(S3), key=OTHER_KEY, Bucket="bucket",
                   Key="never", Body="x" * 100000)
        self.assertEqual((got["status"], got["error"]["Code"]), (403, "InvalidAccessKeyId"), got)
        for setting in ("--aws-credentials", "--aws-metadata", "--https-for", OTHER_KEY[0]):
            self.assertIn(setting, got["error"]["Message"])
        (record,) = nikawa.access_log(1)
        self.assertEqual((record["error"], record["attempts"]), ("signature_refused", 0))
        self.assertEqual(got["request_id"], record["chocon_req"])
        self.assertEqual(record["request_size"], 0)

        for service, call, code in (("sqs", "list_queues", "InvalidClientTokenId"),
                                    ("sts", "get_caller_identity", "InvalidClientTokenId"),
                                    ("dynamodb", "list_tables", "UnrecognizedClientException")):
            got = boto(service, call, self.service.url(service + ".eu-west-1.aws.test"),
                       key=OTHER_KEY)
            self.assertEqual((got["status"], got["error"]["Code"]), (403, code), got)
            self.assertTrue(got["request_id"], got)
        got = boto("s3", "head_object", self.service.url(S3), key=OTHER_KEY, Bucket="bucket",
                   Key="never")
        self.assertEqual(got["error"]["Code"], "403", got)

    def test_other_secrets_and_too_large_bodies_are_refused(self):
        _, boto = self.start_with_key("--aws-max-body", "64k")
        got = boto("s3", "list_objects_v2", self.service.url(S3), key=(KEY[0], "guessed"),
                   Bucket="bucket")
        self.assertEqual((got["status"], got["error"]["Code"]), (403, "SignatureDoesNotMatch"))
        got = boto("dynamodb", "list_tables", self.service.url("dynamodb.eu-west-1.aws.test"),
                   config={"parameter_validation": False}, ExclusiveStartTableName="x" * 65536)
        self.assertEqual(got["status"], 413, got)
        self.assertIn("--aws-max-body", got["error"]["Message"])

    def test_the_file_is_read_again_on_sighup(self):
        nikawa, boto = self.start_with_key()
        endpoint = self.service.url(S3)
        self.assertIn("error", boto("s3", "list_objects_v2", endpoint, key=OTHER_KEY,
                                    Bucket="bucket"))
        both = profile("default", KEY) + profile("other", OTHER_KEY)
        for content, mode, said in ((both, 0o600, "2 keys"),
                                    ("", 0o600, "holds no profile"),
                                    (both, 0o644, "must not be open to its group or others")):
            self.credentials(content, mode)
            nikawa.process.send_signal(signal.SIGHUP)
            nikawa.stderr.wait(lambda lines: any(said in line for line in lines), said)
            for key in (KEY, OTHER_KEY):
                self.put_and_get(boto, endpoint, key=key)

    def test_a_file_that_others_may_read_prevents_the_start(self):
        text = profile("default", KEY)
        for content, mode, said in ((text, 0o644, "chmod 600"), (text, 0o640, "chmod 600"),
                                    ("[default\n", 0o600, "line 1"),
                                    ("[default]\n", 0o600, "holds no profile"),
                                    (text + profile("b", (KEY[0], "s")), 0o600, "line 6")):
            path = self.credentials(content, mode)
            for check in ((), ("--check",)):
                done = run_nikawa("--port", 0, "--aws-credentials", path, *check)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(f"--aws-credentials={path}: ", done.stderr)
                self.assertIn(said, done.stderr)
                self.assertNotIn(KEY[1], done.stderr)
        self.assertEqual(run_nikawa("--aws-credentials", self.credentials(text),
                                    "--check").returncode, 0)

    def test_whatever_a_message_holds_is_one_line_of_the_diagnostic_log(self):
        path = self.world.directory / "aws\n[error] keys\x1b[2J"
        path.write_text(profile("default", KEY))
        path.chmod(0o600)
        nikawa = self.start("--aws-credentials", path)
        told = [line for line in nikawa.stderr.all() if "AWS credentials" in line]
        self.assertEqual(len(told), 1, told)
        self.assertTrue(told[0].endswith(r" 1 key in " + str(self.world.directory) +
                                         r"/aws\x0a[error] keys\x1b[2J"), told)

    def assert_serves_by_metadata(self, kind, **environment):
        nikawa = self.start("--aws-metadata", kind, environment=environment)
        self.put_and_get(self.boto(nikawa), self.service.url(S3), key=MACHINE_KEY)
        said = nikawa.stderr.all()
        self.assertEqual(len([line for line in said if "AWS metadata" in line]), 1, said)
        for secret in MACHINE_KEY[1:]:
            self.assertNotIn(secret, "\n".join(said))
        return nikawa

    def test_the_key_of_a_machine_comes_from_its_metadata(self):
        metadata = Metadata()
        self.addCleanup(metadata.close)
        nikawa = self.assert_serves_by_metadata("ec2",
                                                AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url)
        self.assertEqual(len(metadata.asked), 3)
        self.assertIn("error", self.boto(nikawa)(
            "s3", "list_objects_v2", self.service.url(S3), Bucket="bucket",
            key=(*MACHINE_KEY[:2], "another token")))

    def test_the_key_of_a_container_comes_from_its_endpoint(self):
        metadata = Metadata()
        self.addCleanup(metadata.close)
        token = self.world.directory / "container.token"
        token.write_text("let me in\n")
        self.assert_serves_by_metadata(
            "ecs", AWS_CONTAINER_CREDENTIALS_FULL_URI=metadata.url + "/v2/creds",
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(token))
        done = run_nikawa("--aws-metadata", "ecs", "--check")
        self.assertEqual(done.returncode, 2)
        self.assertIn("AWS_CONTAINER_CREDENTIALS_FULL_URI", done.stderr)

    def test_an_endpoint_that_fails_is_told_once_and_delays_nobody_for_long(self):
        nikawa = self.start("--aws-metadata", "ec2", environment={
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"})
        boto = self.boto(nikawa)
        for _ in range(3):
            got = boto("s3", "list_objects_v2", self.service.url(S3), key=MACHINE_KEY,
                       Bucket="bucket")
            self.assertEqual(got["error"]["Code"], "InvalidAccessKeyId")
        for record in nikawa.access_log(3):
            self.assertLess(record["ptime"], 2)
        told = [line for line in nikawa.stderr.all() if "AWS metadata" in line]
        self.assertEqual(len(told), 1, told)
        self.assertIn("[warning]", told[0])


if __name__ == "__main__":
    unittest.main()
