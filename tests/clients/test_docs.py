"""The snippets of docs/clients.md do what the page says."""

from client_test import WebTest
from lab import HTTP2, PYTHON
from snippets import snippets

# By the language of a snippet, the file it is put into and how that is run.
PROGRAMS = {
    "php": ("snippet.php", ["php"]),
    "python": ("snippet.py", [PYTHON, "-B"]),
    "js": ("snippet.mjs", ["node"]),
    "go": ("snippet.go", ["go", "run"]),
    "sh": ("snippet.sh", ["sh", "-e"]),
}


class Snippets(WebTest):
    def test_all_reach_the_origin_in_one_round_trip(self):
        ours = [snippet for snippet in snippets() if snippet.section != "AWS"]
        self.assertEqual({snippet.language for snippet in ours}, set(PROGRAMS))
        for snippet in ours:
            with self.subTest(line=snippet.line):
                self.check(snippet)

    def check(self, snippet):
        name, command = PROGRAMS[snippet.language]
        file = self.lab.world.directory / name
        file.write_text(snippet.code)
        before = self.warm_up("https://" + HTTP2)
        text = self.run_client(*command, file).decode()
        end = self.warm_up("https://" + HTTP2) - 1
        records = self.nikawa.access_log(end)[before:end]
        self.assertGreaterEqual(len(records), 1)
        self.assertLessEqual({record["uri"] for record in records}, {"/v1/users"})
        self.assert_records("https://" + HTTP2, "h2", records)
        self.assertTrue("/v1/users/hash" in text or "Complete requests:" in text, text)
