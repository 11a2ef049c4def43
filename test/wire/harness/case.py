"""Base class of the wire tests: one server per test class, checked to be alive and well at the end."""

import unittest

from . import not_yet, server
from .client import RawClient
from .server import Server


class WireCase(unittest.TestCase):
    """`config`, `args` and `monitor` describe the class's server; `serve = False` for tests that start their own."""

    serve = True
    config = None
    args = ()
    monitor = False

    server = None
    refused = None
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = cls.refused = None
        if not cls.serve:
            return
        try:
            cls.server = Server(*cls.args, config=cls.config, monitor=cls.monitor)
        except AssertionError as e:
            cls.refused = e  # for each test to fail with, expectedly or not
        else:
            cls.addClassCleanup(cls.server.stop)

    def run(self, result=None):
        if self.refused:
            setattr(self, self._testMethodName, self.fail_refused)
        if not getattr(self, "__unittest_expecting_failure__", False):
            return super().run(result)
        with server.patience(not_yet.PATIENCE):
            return super().run(result)

    def fail_refused(self):
        raise AssertionError(f"no server for this class: {self.refused}")

    def tearDown(self):
        if self.server and not self.server.alive():
            self.fail(f"the server died\n{self.server.log()[-4000:]}")

    def raw(self, server=None, **options):
        """A socket on which nothing was read or sent yet."""
        c = RawClient((server or self.server).port, **options)
        self.addCleanup(c.close)
        return c

    def client(self, server=None, deadline=None, auto_pong=True, rcvbuf=None, **options):
        """A connected client; options are CONNECT fields."""
        kwargs = {"auto_pong": auto_pong, "rcvbuf": rcvbuf}
        if deadline is not None:
            kwargs["deadline"] = deadline
        return self.raw(server, **kwargs).connect(**options)

    def start(self, *args, **kwargs):
        """A further server, stopped (and checked) at the end of the test."""
        server = Server(*args, **kwargs)
        self.addCleanup(server.stop)
        return server
