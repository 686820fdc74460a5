"""What the command line, the environment and the configuration file mean to the binary."""

import socket

from harness import SystemTest, curl, run_nikawa
from origins import ScriptedOrigin


class CommandLine(SystemTest):
    def test_prints_its_version(self):
        for option in ("--version", "-v"):
            done = run_nikawa(option)
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout, r"nikawa \d+\.\d+\.\d+")
            self.assertEqual(done.stderr, "")

    def test_help_names_the_options(self):
        done = run_nikawa("--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--listen", "--port", "--access-log-dir", "--keepalive-conns", "--upstream",
                       "--shutdown-timeout", "--ca-file", "--config", "--check", "--demo"):
            self.assertIn(option, done.stdout)

    def test_a_wrong_value_names_the_option_and_the_value_and_exits_2(self):
        rows = [
            ("--port", "70000"),
            ("--port", "http"),
            ("--read-timeout", "soon"),
            ("--access-log-format", "xml"),
            ("--keepalive-conns", "-3"),
            ("--upstream", "gopher://example.com/"),
            ("--listen", "nowhere.example"),
            ("--ca-file", "/does/not/exist.pem"),
        ]
        for option, value in rows:
            with self.subTest(option=option, value=value):
                done = run_nikawa(option, value)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertIn(option, done.stderr)
                self.assertIn(value, done.stderr)
                self.assertNotIn("listening", done.stderr)

    def test_an_unknown_option_is_named(self):
        done = run_nikawa("--prot", "3000")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--prot", done.stderr)

    def test_a_port_in_use_is_one_clear_line(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            done = run_nikawa("--listen", "127.0.0.1", "--port", port)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(f"127.0.0.1:{port}", done.stderr)
        self.assertIn("in use", done.stderr)

    def test_check_neither_listens_nor_complains_of_what_is_right(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            done = run_nikawa("--check", "--port", other.getsockname()[1])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_check_says_what_is_wrong_in_a_file(self):
        file = self.world.directory / "wrong.conf"
        file.write_text('proxy-read-timeout = "whenever"\n')
        done = run_nikawa("--config", file, "--check")
        self.assertEqual(done.returncode, 2)
        self.assertIn("proxy-read-timeout", done.stderr)
        self.assertIn("whenever", done.stderr)

    def test_a_key_that_is_no_option_is_refused(self):
        file = self.world.directory / "unknown.conf"
        file.write_text('read-timeuot = "30s"\n')
        done = run_nikawa("--config", file, "--check")
        self.assertEqual(done.returncode, 2)
        self.assertIn("read-timeuot", done.stderr)

    def test_what_is_wrong_is_named_with_its_place(self):
        file = self.world.directory / "place.conf"
        file.write_text("port = 0\nca-file = /nope\n")
        for options, environment, place in (
                (("--config", file), {}, f"{file}:2: ca-file = /nope: cannot be read"),
                ((), {"NIKAWA_CONFIG": "/nope"}, "NIKAWA_CONFIG=/nope: cannot be read"),
                ((), {"NIKAWA_CA_FILE": "/nope"}, "NIKAWA_CA_FILE=/nope: cannot be read"),
                (("--allow-target=",), {}, "--allow-target=: must be "),
                ((), {"NIKAWA_ALLOW_PORT": "x"}, "NIKAWA_ALLOW_PORT=x: must be ")):
            with self.subTest(place=place):
                done = run_nikawa(*options, environment=environment)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertTrue(done.stderr.startswith("nikawa: " + place), done.stderr)

    def test_a_variable_that_is_no_options_is_warned_about(self):
        nikawa = self.start(environment={"NIKAWA_REED_TIMEOUT": "10s", "NIKAWA_READ_TIMEOUT": "10s",
                                         "NIKAWA_SERVICE_HOST": "10.0.0.1"})
        warnings = [line for line in nikawa.stderr.all() if "[warning]" in line]
        self.assertEqual(len(warnings), 1, warnings)
        self.assertIn("NIKAWA_REED_TIMEOUT has no effect", warnings[0])
        self.assertIn("did you mean NIKAWA_READ_TIMEOUT?", warnings[0])

    def test_a_directory_for_the_log_is_made_where_it_is_missing(self):
        for name in ("logs", "more/a/b"):
            with self.subTest(name=name):
                self.start("--access-log-dir", name, cwd=self.world.directory)
                self.assertTrue((self.world.directory / name / "current").is_symlink())

    def test_keys_for_aws_are_counted_at_the_start(self):
        file = self.world.directory / "aws"
        key = "aws_access_key_id = {}\naws_secret_access_key = x\n"
        text = "[default]\n" + key.format("AKIAIOSFODNN7EXAMPLE")
        for said in ("1 key in", "2 keys in"):
            file.write_text(text)
            file.chmod(0o600)
            nikawa = self.start("--aws-credentials", file)
            self.assertTrue(any(said in line for line in nikawa.stderr.all()), said)
            text += "[other]\n" + key.format("AKIDEXAMPLE")

    def test_command_line_goes_before_environment_before_file(self):
        origin = ScriptedOrigin()
        self.addCleanup(origin.close)
        file = self.world.directory / "nikawa.conf"
        file.write_text('request-id-field = "X-From-File"\nvia-name = "from-file"\n'
                        'access-log-format = "ltsv"\n')
        nikawa = self.start("--config", file, "--access-log-format", "json", environment={
            "NIKAWA_VIA_NAME": "from-environment", "NIKAWA_ACCESS_LOG_FORMAT": "ltsv"})
        reply = curl(nikawa, origin.url("a.test", "/hash", "ccnproxy"))
        self.assertEqual(len(reply.field("X-From-File")), 1)
        self.assertIn("from-environment", reply.field("Via")[-1])
        nikawa.access_log()  # is JSON
