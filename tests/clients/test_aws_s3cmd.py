"""s3cmd, with host_base and host_bucket, or proxy_host."""

import os

from aws_lab import BUCKET, UNKNOWN, WAYS, WRONG, AwsTest, make_tree
from lab import PORT

DATA = os.urandom(20 << 20)


class S3cmd(AwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = cls.lab.world.folder("s3cmd")
        (cls.folder / "large").write_bytes(DATA)

    def s3cmd(self, way, *arguments, signature_v2=False, **more):
        host = way.service("s3").partition("://")[2]
        proxy = "" if way.is_suffix else f"proxy_host = 127.0.0.1\nproxy_port = {PORT}\n"
        config = self.folder / "config"
        config.write_text(
            f"[default]\nhost_base = {host}\nhost_bucket = %(bucket)s.{host}\nuse_https = False\n"
            f"signature_v2 = {signature_v2}\nmax_retries = 1\n{proxy}")
        return self.run_client(way, "s3cmd", "--config", config, "--no-progress", *arguments,
                               **more)

    def test_files(self):
        tree, files = make_tree(self.folder / "tree")
        for way in WAYS:
            for version, how in ((False, "v4 header"), (True, "v2 header")):
                with self.subTest(way=way.name, how=how):
                    self.setUp()
                    self.s3cmd(way, "sync", f"{tree}/", f"s3://{BUCKET}/", signature_v2=version)
                    self.assertEqual(self.contents(), files)
                    listed = self.s3cmd(way, "ls", "--recursive", f"s3://{BUCKET}",
                                        signature_v2=version)
                    self.assertEqual(len(listed.splitlines()), len(files))
                    self.assert_all_verified(how)
                    self.assert_round_trips()

    def test_large(self):
        for way in WAYS:
            with self.subTest(way=way.name):
                self.setUp()
                self.s3cmd(way, "--multipart-chunk-size-mb=5", "put", self.folder / "large",
                           f"s3://{BUCKET}/large")
                self.assertEqual(self.bucket["large"].data, DATA)
                self.s3cmd(way, "--force", "get", f"s3://{BUCKET}/large", self.folder / "back")
                self.assertEqual((self.folder / "back").read_bytes(), DATA)
                self.assert_all_verified("v4 header")

    def test_presigned(self):
        for way in WAYS:
            with self.subTest(way=way.name):
                self.setUp()
                self.s3cmd(way, "put", self.folder / "config", f"s3://{BUCKET}/a b")
                url = self.s3cmd(way, "signurl", f"s3://{BUCKET}/a b", "+60").strip()
                got = self.run_client(way, "curl", "-q", "-sS", "--fail", url)
                self.assertEqual(got.encode(), self.bucket["a b"].data)
                self.assert_all_verified("v4 header", "v2 query")

    def test_refused(self):
        for key, said in ((WRONG, "SignatureDoesNotMatch"), (UNKNOWN, "--aws-credentials")):
            output = self.s3cmd(WAYS[0], "put", self.folder / "config", f"s3://{BUCKET}/x",
                                key=key, fails=True)
            self.assertIn(said, output)
        self.assertEqual(self.server.records, [])
