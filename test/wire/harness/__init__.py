"""What the wire tests share: a server to test, a raw client, a base class."""

from . import not_yet
from .case import WireCase
from .client import Closed, RawClient, connect_line, hmsg, hpub, msg, pub
from .server import DEADLINE, Server, Timeout, free_port, run_binary, server_binary, wait_until

__all__ = ["DEADLINE", "Closed", "RawClient", "Server", "Timeout", "WireCase", "connect_line", "free_port", "hmsg",
           "hpub", "msg", "not_yet", "pub", "run_binary", "server_binary", "wait_until"]
