"""The snippets of docs/clients.md about AWS do what the page says."""

import os

from aws_lab import PYTHON, WAYS, AwsTest, node_modules
from snippets import snippets

# By the language of a snippet, the file it is put into and how that is run.
PROGRAMS = {
    "python": ("snippet.py", [PYTHON, "-B"]),
    "js": ("snippet.mjs", ["node"]),
    "ruby": ("snippet.rb", ["ruby"]),
    "go": ("snippet.go", ["go", "run"]),
    "sh": ("snippet.sh", ["sh", "-e"]),
    "ini": (".s3cfg", ["s3cmd", "ls", "s3://photos", "--config"]),
}
OURS = [snippet for snippet in snippets() if snippet.section == "AWS"]


class AwsSnippets(AwsTest):
    @classmethod
    def setUpClass(cls):
        cls.modules = node_modules()
        super().setUpClass()

    def test_all_are_verified_by_the_origin(self):
        self.assertEqual({snippet.language for snippet in OURS}, set(PROGRAMS))
        folder = self.lab.world.folder("snippets")
        os.symlink(self.modules, folder / "node_modules")
        programs = self.lab.world.folder("programs")
        os.symlink("/usr/bin/aws", programs / "aws")
        environment = {"GOPATH": "/usr/share/gocode", "AWS_CA_BUNDLE": "",
                       "PATH": f"{programs}:{os.environ['PATH']}"}
        for snippet in OURS:
            with self.subTest(line=snippet.line):
                self.setUp()
                name, command = PROGRAMS[snippet.language]
                (folder / name).write_text(snippet.code)
                # The first way adds nothing to the environment.
                self.run_client(WAYS[0], *command, folder / name, environment=environment)
                self.assert_all_verified("v4 header")
                self.assertTrue(self.server.records)
