// Starts and ends one server under test; each has a temporary folder and a free port of its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const DEADLINE = 10_000;

// Polls a condition that has no event of its own; fails loudly after the deadline.
export async function until(condition, what, deadline = DEADLINE) {
  const end = Date.now() + deadline;
  for (;;) {
    const got = await condition();
    if (got) return got;
    assert.ok(Date.now() < end, `gave up waiting for ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

export function within(promise, what, deadline = DEADLINE) {
  let timer;
  const late = new Promise((_, no) => {
    timer = setTimeout(() => no(new Error(`deadline: ${what}`)), deadline);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class Server {
  // With `websocket`, `port` and `url` are those of a WebSocket listener beside the usual one.
  static async start({ port = -1, args = [], config, websocket = false } = {}) {
    const server = new Server();
    server.dir = mkdtempSync(join(tmpdir(), "clients-"));
    if (websocket) {
      const block = `websocket { host: 127.0.0.1, port: ${port}, no_tls: true, compression: true }\n`;
      config = (config ?? "") + "\n" + block;
    }
    const argv = ["-a", "127.0.0.1", "-p", String(websocket ? -1 : port), "--ports_file_dir", server.dir, ...args];
    if (config !== undefined) {
      writeFileSync(join(server.dir, "server.conf"), config);
      argv.push("-c", join(server.dir, "server.conf"));
    }
    server.log = "";
    server.process = spawn(process.env.NATS_SERVER_BIN, argv, { stdio: ["ignore", "pipe", "pipe"] });
    for (const s of [server.process.stdout, server.process.stderr]) s.on("data", (d) => (server.log += d));
    server.ended = once(server.process, "exit");
    const ports = await until(() => {
      assert.equal(server.process.exitCode, null, `server ended before it was ready\n${server.log}`);
      const name = readdirSync(server.dir).find((n) => n.endsWith(`_${server.process.pid}.ports`));
      try {
        return name && JSON.parse(readFileSync(join(server.dir, name), "utf8"));
      } catch {
        return undefined; // being written
      }
    }, "the ports file");
    const url = websocket ? ports.websocket[0] : ports.nats[0];
    server.port = Number(url.split(":").pop());
    server.url = `${websocket ? "ws" : "nats"}://127.0.0.1:${server.port}`;
    return server;
  }

  signal(name) {
    this.process.kill(name);
  }

  // Ends the server, which must have lived until now and must end well.
  async stop() {
    try {
      assert.equal(this.process.exitCode, null, `the server died\n${this.log}`);
      this.signal("SIGTERM");
      const [code] = await within(this.ended, "the server to end");
      assert.equal(code, 0, this.log);
    } finally {
      this.process.kill("SIGKILL");
      rmSync(this.dir, { recursive: true, force: true });
    }
  }
}
