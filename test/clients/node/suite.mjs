// What every JavaScript client must be able to do with the server; run once per client library.
// `lib` has connect, headers, createInbox; `expect` knows how that library reports errors.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server, until, within } from "./server.mjs";

const text = (m) => m.string();

// What this server does not do yet, reason by test; these must fail. The runner tells (not_yet.txt).
const notYet = JSON.parse(process.env.CLIENTS_NOT_YET ?? "{}");

export function suite(name, lib, expect) {
  const options = { timeout: 30_000 };
  const start = (more) => Server.start({ ...more, websocket: expect.websocket });
  let server;
  const check = (what, body) => {
    const id = `${name}: ${what}`;
    const reason = notYet[id];
    if (reason === undefined) return test(id, options, body);
    if (reason.startsWith("skip:")) return test(id, { ...options, skip: reason }, body);
    return test(`${id} (not yet: ${reason})`, options, async (t) => {
      await assert.rejects(body(t), undefined, `passes now: remove its line "node.${id}" from not_yet.txt`);
    });
  };

  before(async () => (server = await start({})));
  after(async () => server.stop());

  const connect = (more = {}) => lib.connect({ servers: server.url, reconnect: false, ...more });

  async function withClients(count, body, more) {
    const clients = [];
    try {
      for (let i = 0; i < count; i++) clients.push(await connect(more));
      return await body(...clients);
    } finally {
      for (const c of clients) await c.close();
    }
  }

  async function take(sub, count) {
    const got = [];
    await within((async () => {
      for await (const m of sub) {
        got.push(m);
        if (got.length === count) break;
      }
    })(), `${count} messages, ${got.length} came`);
    return got;
  }

  check("publish and subscribe", () => withClients(2, async (a, b) => {
    const sub = a.subscribe("foo");
    await a.flush();
    b.publish("foo", "hello");
    b.publish("foo", "", { reply: "back" });
    b.publish("foo", new Uint8Array([0, 13, 10, 255]));
    const got = await take(sub, 3);
    assert.deepEqual(got.map((m) => [m.subject, m.reply ?? ""]), [["foo", ""], ["foo", "back"], ["foo", ""]]);
    assert.equal(text(got[0]), "hello");
    assert.deepEqual([...got[2].data], [0, 13, 10, 255]);
  }));

  check("many messages in order", () => withClients(2, async (a, b) => {
    const sub = a.subscribe("order");
    await a.flush();
    for (let i = 0; i < 20000; i++) b.publish("order", String(i));
    const got = await take(sub, 20000);
    got.forEach((m, i) => assert.equal(text(m), String(i)));
  }));

  check("wildcards", () => withClients(1, async (a) => {
    const seen = { "w.*": [], "w.>": [], "*.x": [], "w.x": [] };
    for (const subject of Object.keys(seen)) a.subscribe(subject, { callback: (_, m) => seen[subject].push(m.subject) });
    for (const subject of ["w.x", "w.y", "w.y.z", "v.x", "w"]) a.publish(subject);
    await a.flush();
    assert.deepEqual(seen, { "w.*": ["w.x", "w.y"], "w.>": ["w.x", "w.y", "w.y.z"], "*.x": ["w.x", "v.x"], "w.x": ["w.x"] });
  }));

  check("queues", () => withClients(4, async (p, ...members) => {
    const counts = [0, 0, 0];
    const all = new Set();
    members.forEach((c, i) => c.subscribe("q", { queue: "g", callback: (_, m) => { counts[i]++; all.add(text(m)); } }));
    await Promise.all(members.map((c) => c.flush()));
    for (let i = 0; i < 600; i++) p.publish("q", String(i));
    await p.flush();
    await Promise.all(members.map((c) => c.flush()));
    assert.equal(all.size, 600);
    assert.equal(counts[0] + counts[1] + counts[2], 600);
    assert.ok(Math.min(...counts) > 120, String(counts)); // 200 each, 5.7 sigma is 134
  }));

  check("request", () => withClients(2, async (service, c) => {
    service.subscribe("double", { callback: (_, m) => m.respond(String(2 * Number(text(m)))) });
    await service.flush();
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => c.request("double", String(i), { timeout: 5000 })));
    answers.forEach((m, i) => assert.equal(text(m), String(2 * i)));
    const own = await c.request("double", "4", { timeout: 5000, noMux: true });
    assert.equal(text(own), "8");
  }));

  check("request many", () => withClients(3, async (s1, s2, c) => {
    for (const s of [s1, s2]) s.subscribe("many", { callback: (_, m) => m.respond("here") });
    await Promise.all([s1.flush(), s2.flush()]);
    const got = [];
    for await (const m of await c.requestMany("many", "", { strategy: "count", maxMessages: 2, maxWait: 5000 })) got.push(text(m));
    assert.deepEqual(got, ["here", "here"]);
  }));

  check("no responders", () => withClients(1, async (c) => {
    await assert.rejects(c.request("nobody.there", "", { timeout: 5000 }), expect.noResponders);
    await assert.rejects(c.request("nobody.there", "", { timeout: 5000, noMux: true }), expect.noResponders);
    const sub = c.subscribe("reply.here");
    c.publish("nobody.there", "", { reply: "reply.here" });
    const [m] = await take(sub, 1);
    assert.equal(m.headers.code, 503);
    assert.equal(m.headers.get("Nats-Subject"), "nobody.there");
    assert.equal(m.data.length, 0);
  }));

  check("request times out when the responder is silent", () => withClients(2, async (silent, c) => {
    silent.subscribe("silent");
    await silent.flush();
    await assert.rejects(c.request("silent", "", { timeout: 150 }), expect.timeout);
  }));

  check("headers", () => withClients(2, async (a, b) => {
    const sub = a.subscribe("headers");
    await a.flush();
    const h = lib.headers();
    h.set("Key", "value");
    h.append("Many", "1");
    h.append("Many", "2");
    b.publish("headers", "body", { headers: h });
    b.publish("headers", "plain");
    const [m, plain] = await take(sub, 2);
    assert.equal(m.headers.get("Key"), "value");
    assert.deepEqual(m.headers.values("Many"), ["1", "2"]);
    assert.equal(text(m), "body");
    assert.equal(plain.headers, undefined);
  }));

  check("drain", () => withClients(2, async (a, b) => {
    const got = [];
    const sub = a.subscribe("drain", { callback: (_, m) => got.push(text(m)) });
    await a.flush();
    for (let i = 0; i < 500; i++) b.publish("drain", String(i));
    await b.flush();
    await sub.drain();
    assert.equal(got.length, 500);
    b.publish("drain", "late");
    await b.flush();
    await a.flush();
    assert.equal(got.length, 500);
    await b.drain();
    assert.ok(b.isClosed());
  }));

  check("unsubscribe after a maximum", () => withClients(2, async (a, b) => {
    const got = [];
    const sub = a.subscribe("max", { max: 3, callback: (_, m) => got.push(text(m)) });
    await a.flush();
    for (let i = 0; i < 10; i++) b.publish("max", String(i));
    await b.flush();
    await a.flush();
    assert.deepEqual(got, ["0", "1", "2"]);
    assert.ok(sub.isClosed());
    const now = a.subscribe("max", { callback: () => got.push("no") });
    now.unsubscribe();
    await a.flush();
    b.publish("max");
    await b.flush();
    await a.flush();
    assert.equal(got.length, 3);
  }));

  check("no echo", () => withClients(2, async (a, b) => {
    const got = [];
    a.subscribe("echo", { callback: (_, m) => got.push(text(m)) });
    a.publish("echo", "mine");
    await a.flush();
    b.publish("echo", "theirs");
    await b.flush();
    await a.flush();
    assert.deepEqual(got, ["theirs"]);
  }, { noEcho: true }));

  check("rtt, flush and info", () => withClients(1, async (c) => {
    const rtt = await c.rtt();
    assert.ok(rtt >= 0 && rtt < 5000, String(rtt));
    await c.flush();
    assert.equal(c.info.port, server.port);
    assert.equal(c.info.max_payload, 1048576);
    assert.equal(c.info.headers, true);
    assert.equal(c.info.proto, 1);
  }));

  check("pedantic and verbose", () => withClients(1, async (c) => {
    const sub = c.subscribe("loud");
    c.publish("loud", "x");
    assert.equal(text((await take(sub, 1))[0]), "x");
    await c.flush();
  }, { pedantic: true, verbose: true }));

  check("payload over the maximum", async () => {
    const small = await start({ config: "max_payload: 1000\n" });
    try {
      const c = await lib.connect({ servers: small.url, reconnect: false });
      assert.equal(c.info.max_payload, 1000);
      assert.throws(() => c.publish("x", new Uint8Array(1001)), expect.maxPayload);
      c.publish("x", new Uint8Array(1000));
      await c.flush();
      await c.close();
    } finally {
      await small.stop();
    }
  });

  check("authorization", async () => {
    for (const [config, good, bad] of [
      ["authorization { user: u, password: p }\n", { user: "u", pass: "p" }, { user: "u", pass: "x" }],
      ["authorization { token: secret }\n", { token: "secret" }, { token: "other" }],
    ]) {
      const guarded = await start({ config });
      try {
        const options = { servers: guarded.url, reconnect: false };
        const c = await lib.connect({ ...options, ...good });
        await c.flush();
        await c.close();
        await assert.rejects(lib.connect({ ...options, ...bad }), expect.authorization);
        await assert.rejects(lib.connect(options), expect.authorization);
      } finally {
        await guarded.stop();
      }
    }
  });

  check("permissions", async () => {
    const guarded = await start({
      config: "authorization { users: [{user: u, password: p, permissions: {publish: [ok], subscribe: [ok]}}] }\n",
    });
    try {
      const c = await lib.connect({ servers: guarded.url, user: "u", pass: "p", reconnect: false });
      const errors = [];
      (async () => { for await (const s of c.status()) if (s.type === "error") errors.push(expect.statusText(s)); })();
      c.publish("denied");
      await c.flush();
      await until(() => errors.length === 1, "the error");
      assert.match(errors[0], /Permissions Violation for Publish to "denied"/i);
      const refused = new Promise((done) => c.subscribe("denied.too", { callback: (e) => e && done(e) }));
      assert.match((await within(refused, "the refusal")).message, /Permissions Violation for Subscription to "denied.too"/i);
      const sub = c.subscribe("ok");
      c.publish("ok", "fine");
      assert.equal(text((await take(sub, 1))[0]), "fine");
      await c.close();
    } finally {
      await guarded.stop();
    }
  });

  check("reconnect after a restart on the same port", async () => {
    let first = await start({});
    const c = await lib.connect({ servers: first.url, reconnectTimeWait: 20, maxReconnectAttempts: -1 });
    const events = [];
    (async () => { for await (const s of c.status()) events.push(s.type); })();
    const got = [];
    c.subscribe("again", { callback: (_, m) => got.push(text(m)) });
    await c.flush();
    const port = first.port;
    await first.stop();
    await until(() => events.includes("disconnect"), "the disconnect");
    first = await start({ port });
    try {
      await until(() => events.includes("reconnect"), "the reconnect");
      c.publish("again", "after");
      await c.flush();
      assert.deepEqual(got, ["after"]);
      await c.close();
    } finally {
      await first.stop();
    }
  });

  check("lame duck notice", async () => {
    const duck = await start({ config: 'lame_duck_duration: "30s"\nlame_duck_grace_period: "300ms"\n' });
    const c = await lib.connect({ servers: duck.url, reconnect: false });
    const events = [];
    (async () => { for await (const s of c.status()) events.push(s.type); })();
    await c.flush();
    duck.signal("SIGUSR2");
    await until(() => events.includes(expect.lameDuck), "the notice");
    await within(c.closed(), "the server to close the connection");
    const [code] = await within(duck.ended, "the server to end");
    assert.equal(code, 0);
  });
}
