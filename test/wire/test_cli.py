"""Flags: version, help, -t, what is refused and with which exit code."""

import os
import shutil
import tempfile
import unittest

from harness import run_binary, server_binary
from harness.server import is_troupe

USAGE_WORDS = ("Usage:", "Server Options:", "-a, --addr, --net <host>", "-p, --port <port>", "-P, --pid <file>",
               "-m, --http_port <port>", "-c, --config <file>", "-t ", "-sl,--signal <signal>[=<pid>]",
               "--client_advertise <string>", "--ports_file_dir <dir>", "Logging Options:", "-l, --log <file>",
               "-T, --logtime", "-D, --debug", "-V, --trace", "JetStream Options:", "-js, --jetstream", "-sd, --store_dir",
               "Authorization Options:", "--user <user>", "--pass <password>", "--auth <token>", "TLS Options:", "--tls",
               "--tlscert <file>", "--tlskey <file>", "--tlsverify", "--tlscacert <file>", "Cluster Options:",
               "--routes <rurl-1, rurl-2>", "--cluster <cluster-url>", "--cluster_name <string>", "--no_advertise <bool>",
               "Profiling Options:", "Common Options:", "-h, --help", "-v, --version", "--help_tls")


class Cli(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="wire-cli-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def file(self, text, name="a.conf"):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run_it(self, *args):
        done = run_binary(*args, cwd=self.dir)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_version(self):
        for flag in ("-v", "--version", "-version", "version"):
            with self.subTest(flag=flag):
                code, out, err = self.run_it(flag)
                self.assertEqual((code, err), (0, ""))
                self.assertRegex(out.splitlines()[0], r"^nats-server: v\d+\.\d+\.\d+")

    def test_help(self):
        first = None
        for flag in ("-h", "--help", "help"):
            with self.subTest(flag=flag):
                code, out, err = self.run_it(flag)
                self.assertEqual((code, err), (0, ""))
                for word in USAGE_WORDS:
                    self.assertIn(word, out)
                first = first or out
                self.assertEqual(out, first)

    def test_help_tls(self):
        code, out, err = self.run_it("--help_tls")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("TLS configuration is specified in the tls section of a configuration file", out)

    def test_unknown_flag(self):
        """Go's flag package says what is wrong, shows the usage, and the server ends with 0."""
        for flag, name in (("--nope", "nope"), ("-nope", "nope"), ("--nope=1", "nope")):
            with self.subTest(flag=flag):
                code, out, err = self.run_it(flag)
                self.assertEqual(code, 0)
                self.assertEqual(err, f"flag provided but not defined: -{name}\n")
                self.assertIn("Usage:", out)

    def test_bad_flag_values(self):
        for args, text in ((("-p", "abc"), 'invalid value "abc" for flag -p: parse error\n'),
                           (("-p",), "flag needs an argument: -p\n"),
                           (("-V=maybe",), 'invalid boolean value "maybe" for -V: parse error\n')):
            with self.subTest(args=args):
                code, out, err = self.run_it(*args)
                self.assertEqual((code, err), (0, text))
                self.assertIn("Usage:", out)

    def test_words(self):
        code, out, err = self.run_it("bogus")
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err, r'^\S+: unrecognized command: "bogus"\n$')

    def test_t_valid(self):
        path = self.file("port: 4333\n")
        for args in (("-t", "-c", path), ("-c", path, "-t"), ("--config", path, "-t"), ("-t", f"-c={path}")):
            code, out, err = self.run_it(*args)
            self.assertEqual((code, out), (0, ""))
            self.assertRegex(err, rf"^\S+: configuration file {path} is valid "
                                  r"\(sha256:5942f6739f1572892ba80b954eee212713f172258629e16936dfeeae8e2eb80d\)\n$")

    def test_t_without_file(self):
        code, out, err = self.run_it("-t")
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err, r"^\S+: must specify \[-c, --config\] option to check configuration file syntax\n$")

    def test_unknown_fields(self):
        path = self.file("port: 4333\nfoo: bar\nbaz: 1\n")
        for args in (("-t", "-c", path), ("-c", path)):
            code, out, err = self.run_it(*args)
            self.assertEqual((code, out), (1, ""))
            self.assertTrue(err.endswith("\n\n"), err)
            lines = err.split(": ", 1)[1].splitlines()  # after the program's name, in any order
            self.assertEqual(sorted(lines), ["", f'{path}:2:1: unknown field "foo"', f'{path}:3:1: unknown field "baz"'])

    def test_t_checks_what_a_start_checks(self):
        """Troupe names all of it, the Go server the first."""
        path = self.file("max_payload: 20\nmax_pending: 10\n")
        code, out, err = self.run_it("-t", "-c", path)
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err, r"^\S+: max_payload \(20\) cannot be higher than max_pending \(10\)\n$")
        code, _, err = self.run_it("-t", "-c", self.file("lame_duck_grace_period: '200s'\nno_auth_user: x\n"))
        self.assertEqual(code, 1)
        problems = ("lame duck grace period (3m20s) should be strictly lower than lame duck duration (2m0s)",
                    'no_auth_user: "x" present, but users/nkeys are not defined')
        self.assertTrue(all(p in err for p in problems) if is_troupe(server_binary()) else any(p in err for p in problems), err)

    def test_flags_are_part_of_the_check(self):
        """A server that would start with these flags passes, and the other way round."""
        code, _, _ = self.run_it("-t", "-c", self.file("port: 4333\n"), "-n", "two words")
        self.assertEqual(code, 1)

    def test_reload_is_checked(self):
        now = self.file("port: 4333\nserver_name: a\n")
        for text, code, last in (
                ("port: 4333\nserver_name: a\ndebug: true\n", 0, "configuration file {} can be reloaded\n"),
                ("port: 4333\nserver_name: b\n", 3, "config reload not supported for ServerName: old=a, new=b\n"),
                ("port: 4333\nserver_name: a\nmax_pending: 1\n", 1, "cannot be higher than max_pending (1)\n"),
                ("foo: 1\n", 1, '{}:1:0: unknown field "foo"\n\n')):
            with self.subTest(text=text):
                path = self.file(text, "b.conf")
                done, out, err = self.run_it("-t", "-c", now, "--test_reload", path)
                self.assertEqual((done, out), (code, ""))
                self.assertTrue(err.endswith(last.format(path)), err)
        path = self.file("port: 5333\nserver_name: a\n", "b.conf")
        self.assertEqual(self.run_it("-t", "-c", now, "-p", "4444", "--test_reload", path)[0], 0)
        code, _, err = self.run_it("-c", now, "--test_reload", path)
        self.assertEqual(code, 1)
        self.assertRegex(err, r"^\S+: --test_reload can only be used together with -t\n$")

    def test_parse_error(self):
        code, _, err = self.run_it("-t", "-c", self.file("port: {\n"))
        self.assertEqual(code, 1)
        self.assertRegex(err, r"^\S+: Parse error on line 2: 'Unexpected EOF processing map\.'\n$")

    def test_missing_file(self):
        path = os.path.join(self.dir, "nothing.conf")
        code, _, err = self.run_it("-c", path)
        self.assertEqual(code, 1)
        self.assertRegex(err, rf"^\S+: open {path}: no such file or directory\n$")


if __name__ == "__main__":
    unittest.main()
