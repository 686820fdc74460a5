"""The AWS CLI, with --endpoint-url, or http_proxy and an endpoint without TLS."""

import os

from aws_lab import BUCKET, UNKNOWN, WAYS, WRONG, AwsTest, make_tree

AWS = "/usr/bin/aws"
DATA = os.urandom(20 << 20)


class Cli(AwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = cls.lab.world.folder("cli")
        cls.config = cls.folder / "config"
        (cls.folder / "large").write_bytes(DATA)

    def aws(self, way, service, *arguments, addressing="virtual", **more):
        self.config.write_text(f"[default]\ns3 =\n  addressing_style = {addressing}\n"
                               "retry_mode = standard\nmax_attempts = 1\n")
        endpoint = way.service("s3" if service == "s3api" else service)
        return self.run_client(way, AWS, "--endpoint-url", endpoint, service, *arguments,
                               environment={"AWS_CONFIG_FILE": str(self.config)},
                               **more)

    def test_files(self):
        tree, files = make_tree(self.folder / "tree")
        for way, addressing in zip(WAYS, ("virtual", "path")):
            with self.subTest(way=way.name):
                self.setUp()
                self.aws(way, "s3", "cp", "--recursive", tree, f"s3://{BUCKET}/",
                         addressing=addressing)
                self.assertEqual(self.contents(), files)
                self.assert_all_verified("v4 header")
                self.assert_round_trips()

    def test_large(self):
        for way in WAYS:
            with self.subTest(way=way.name):
                self.setUp()
                self.aws(way, "s3", "cp", self.folder / "large", f"s3://{BUCKET}/large")
                self.assertEqual(self.bucket["large"].data, DATA)
                self.aws(way, "s3", "cp", f"s3://{BUCKET}/large", self.folder / "back")
                self.assertEqual((self.folder / "back").read_bytes(), DATA)
                listed = self.aws(way, "s3", "ls", f"s3://{BUCKET}/")
                self.assertRegex(listed, rf"{len(DATA)} large\n")
                self.assert_all_verified("v4 header")

    def test_presigned(self):
        for way in WAYS:
            with self.subTest(way=way.name):
                self.setUp()
                self.aws(way, "s3api", "put-object", "--bucket", BUCKET, "--key", "a b",
                         "--body", self.config)
                url = self.aws(way, "s3", "presign", f"s3://{BUCKET}/a b").strip()
                got = self.run_client(way, "curl", "-q", "-sS", "--fail", url)
                self.assertEqual(got.encode(), self.bucket["a b"].data)
                self.assert_all_verified("v4 header", "v4 query")

    def test_services(self):
        for way in WAYS:
            with self.subTest(way=way.name):
                self.setUp()
                who = self.aws(way, "sts", "get-caller-identity", "--query", "Account")
                self.assertEqual(who.strip(), '"123456789012"')
                self.aws(way, "dynamodb", "get-item", "--table-name", "table",
                         "--key", '{"id": {"S": "ünïque"}}')
                self.assert_all_verified("v4 header")

    def test_refused(self):
        for key, said in ((WRONG, "SignatureDoesNotMatch"), (UNKNOWN, "--aws-credentials")):
            output = self.aws(WAYS[0], "s3", "cp", self.config, f"s3://{BUCKET}/x", key=key,
                              fails=True)
            self.assertIn(said, output)
        self.assertEqual(self.server.records, [])
