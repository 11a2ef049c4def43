"""The Python client (nats-py) against a server under test. Servers come from the wire tests' harness."""

import asyncio
import signal
import unittest

import nats
from harness import Server, free_port
from nats import errors

LIMIT = 10


async def within(awaitable, what):
    try:
        return await asyncio.wait_for(awaitable, LIMIT)
    except (asyncio.TimeoutError, errors.TimeoutError):
        raise AssertionError(f"deadline: {what}") from None


async def barrier(nc):
    """All that was sent before is processed. This client writes the PING of a flush ahead of what it still buffers, so
    the first flush only empties the buffer and the second one is the barrier."""
    await within(nc.flush(LIMIT), "the flush")
    await within(nc.flush(LIMIT), "the flush")


class Client(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    async def connect(self, server=None, **options):
        settings = {"allow_reconnect": False, "error_cb": self.note}
        settings.update(options)
        nc = await nats.connect(f"nats://127.0.0.1:{(server or self.server).port}", **settings)
        self.addAsyncCleanup(self.close, nc)
        return nc

    async def note(self, error):
        self.noted.append(str(error))

    async def close(self, nc):
        if not nc.is_closed:
            await nc.close()

    def setUp(self):
        self.noted = []

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)  # the debug mode of unittest is slow

    def started(self, *args, **kwargs):
        server = Server(*args, **kwargs)
        self.addCleanup(server.kill)
        return server

    async def test_publish_subscribe(self):
        a, b = await self.connect(), await self.connect()
        sub = await a.subscribe("foo")
        await barrier(a)
        await b.publish("foo", b"hello")
        await b.publish("foo", b"", reply="back")
        await b.publish("foo", bytes(range(256)))
        got = [await sub.next_msg(LIMIT) for _ in range(3)]
        self.assertEqual([(m.subject, m.reply, m.data) for m in got],
                         [("foo", "", b"hello"), ("foo", "back", b""), ("foo", "", bytes(range(256)))])

    async def test_many_in_order(self):
        a, b = await self.connect(), await self.connect()
        sub = await a.subscribe("order", pending_msgs_limit=-1)
        await barrier(a)
        for i in range(3000):
            await b.publish("order", str(i).encode())
        await barrier(b)
        for i in range(3000):
            self.assertEqual((await sub.next_msg(LIMIT)).data, str(i).encode())

    async def test_wildcards(self):
        nc = await self.connect()
        seen = {p: [] for p in ("w.*", "w.>", "*.x", "w.x")}
        subs = {p: await nc.subscribe(p) for p in seen}
        for subject in ("w.x", "w.y", "w.y.z", "v.x", "w"):
            await nc.publish(subject)
        await barrier(nc)
        for pattern, sub in subs.items():
            while sub.pending_msgs:
                seen[pattern].append((await sub.next_msg(LIMIT)).subject)
        self.assertEqual(seen, {"w.*": ["w.x", "w.y"], "w.>": ["w.x", "w.y", "w.y.z"], "*.x": ["w.x", "v.x"], "w.x": ["w.x"]})

    async def test_queue(self):
        p = await self.connect()
        members = [await self.connect() for _ in range(3)]
        subs = [await m.subscribe("q", queue="g") for m in members]
        for m in members:
            await barrier(m)
        for i in range(600):
            await p.publish("q", str(i).encode())
        await barrier(p)
        got = []
        for m, sub in zip(members, subs):
            await barrier(m)
            mine = [(await sub.next_msg(LIMIT)).data for _ in range(sub.pending_msgs)]
            self.assertGreater(len(mine), 120)  # 200 each, 5.7 sigma is 134
            got += mine
        self.assertEqual(sorted(got, key=int), [str(i).encode() for i in range(600)])

    async def test_request(self):
        service, nc = await self.connect(), await self.connect()

        async def double(m):
            await m.respond(str(2 * int(m.data)).encode())

        await service.subscribe("double", cb=double)
        await barrier(service)
        answers = await asyncio.gather(*(nc.request("double", str(i).encode(), timeout=LIMIT) for i in range(200)))
        self.assertEqual([int(m.data) for m in answers], [2 * i for i in range(200)])
        self.assertEqual((await nc.request("double", b"4", timeout=LIMIT, old_style=True)).data, b"8")

    async def test_request_many(self):
        nc = await self.connect()
        for _ in range(2):
            service = await self.connect()

            async def answer(m):
                await m.respond(b"here")

            await service.subscribe("many", cb=answer)
            await barrier(service)
        inbox = nc.new_inbox()
        sub = await nc.subscribe(inbox)
        await nc.publish("many", b"", reply=inbox)
        self.assertEqual([(await sub.next_msg(LIMIT)).data for _ in range(2)], [b"here"] * 2)

    async def test_no_responders(self):
        nc = await self.connect()
        with self.assertRaises(errors.NoRespondersError):
            await nc.request("nobody.there", timeout=LIMIT)
        sub = await nc.subscribe("reply.here")
        await nc.publish("nobody.there", reply="reply.here")
        m = await sub.next_msg(LIMIT)
        self.assertEqual((m.headers["Status"], m.headers["Nats-Subject"], m.data), ("503", "nobody.there", b""))

    async def test_headers(self):
        nc = await self.connect()
        sub = await nc.subscribe("headers")
        await nc.publish("headers", b"body", headers={"Key": "value", "Other": "x y"})
        m = await sub.next_msg(LIMIT)
        self.assertEqual((m.headers, m.data), ({"Key": "value", "Other": "x y"}, b"body"))
        await nc.publish("headers", b"plain")
        self.assertIsNone((await sub.next_msg(LIMIT)).headers)

    async def test_drain(self):
        a, b = await self.connect(), await self.connect()
        got = []

        async def take(m):
            got.append(m.data)

        sub = await a.subscribe("drain", cb=take)
        await barrier(a)
        for i in range(500):
            await b.publish("drain", str(i).encode())
        await barrier(b)
        await within(sub.drain(), "the drain")
        self.assertEqual(len(got), 500)
        await b.publish("drain", b"late")
        await barrier(b)
        await barrier(a)
        self.assertEqual(len(got), 500)
        await within(b.drain(), "the drain of the connection")
        self.assertTrue(b.is_closed)

    async def test_unsubscribe_after_a_maximum(self):
        a, b = await self.connect(), await self.connect()
        sub = await a.subscribe("max")
        await sub.unsubscribe(limit=3)
        await barrier(a)
        for i in range(10):
            await b.publish("max", str(i).encode())
        await barrier(b)
        await barrier(a)
        self.assertEqual([(await sub.next_msg(LIMIT)).data for _ in range(3)], [b"0", b"1", b"2"])
        self.assertEqual(a.stats["in_msgs"], 3)

    async def test_no_echo(self):
        a, b = await self.connect(no_echo=True), await self.connect()
        sub = await a.subscribe("echo")
        await a.publish("echo", b"mine")
        await barrier(a)
        await b.publish("echo", b"theirs")
        self.assertEqual((await sub.next_msg(LIMIT)).data, b"theirs")

    async def test_rtt_flush_info(self):
        nc = await self.connect(verbose=True, pedantic=True)
        await barrier(nc)
        self.assertLess(await nc.rtt(), LIMIT)
        self.assertEqual(nc.max_payload, 1048576)
        self.assertEqual(nc._server_info["port"], self.server.port)
        self.assertEqual(self.noted, [])

    async def test_payload_over_the_maximum(self):
        server = self.started(config="max_payload: 1000\n")
        nc = await self.connect(server)
        with self.assertRaises(errors.MaxPayloadError):
            await nc.publish("x", b"x" * 1001)
        sub = await nc.subscribe("x")
        await nc.publish("x", b"x" * 1000)
        self.assertEqual(len((await sub.next_msg(LIMIT)).data), 1000)

    async def test_authorization(self):
        for config, good, bad in (
                ("authorization { user: u, password: p }\n", {"user": "u", "password": "p"}, {"user": "u", "password": "x"}),
                ("authorization { token: secret }\n", {"token": "secret"}, {"token": "other"})):
            server = self.started(config=config)
            nc = await self.connect(server, **good)
            await barrier(nc)
            for wrong in (bad, {}):
                with self.assertRaises(errors.Error) as caught:
                    await self.connect(server, **wrong)
                self.assertIn("Authorization Violation", str(caught.exception))

    async def test_permissions(self):
        server = self.started(config="authorization { users: [{user: u, password: p, permissions: "
                                     "{publish: [ok], subscribe: [ok]}}] }\n")
        nc = await self.connect(server, user="u", password="p")
        await nc.publish("denied")
        await barrier(nc)
        await nc.subscribe("denied.too")
        await barrier(nc)
        self.assertEqual([n.lower() for n in self.noted],
                         ["nats: permissions violation for publish to \"denied\"",
                          "nats: permissions violation for subscription to \"denied.too\""])

    async def test_reconnect_after_restart(self):
        port = free_port()
        server = self.started(port=port)
        gone, back = asyncio.Event(), asyncio.Event()
        nc = await self.connect(server, allow_reconnect=True, reconnect_time_wait=0.02, max_reconnect_attempts=-1,
                                disconnected_cb=sets(gone), reconnected_cb=sets(back))
        sub = await nc.subscribe("again")
        await barrier(nc)
        server.stop()
        await within(gone.wait(), "the disconnect")
        second = self.started(port=port)
        await within(back.wait(), "the reconnect")
        await nc.publish("again", b"after")
        self.assertEqual((await sub.next_msg(LIMIT)).data, b"after")
        self.assertTrue(second.alive())

    async def test_lame_duck(self):
        server = self.started(config='lame_duck_duration: "30s"\nlame_duck_grace_period: "300ms"\n')
        told, closed = asyncio.Event(), asyncio.Event()
        nc = await self.connect(server, lame_duck_mode_cb=sets(told), closed_cb=sets(closed))
        await barrier(nc)
        server.signal(signal.SIGUSR2)
        await within(told.wait(), "the notice")
        await within(closed.wait(), "the server to close")
        self.assertEqual(await asyncio.to_thread(server.wait_exit), 0)


def sets(event):
    """A callback of the kind that the client wants."""
    async def call():
        event.set()

    return call


if __name__ == "__main__":
    unittest.main()
