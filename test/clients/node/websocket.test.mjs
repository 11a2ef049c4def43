// The current client over WebSocket, as it runs in browsers, with compression. Node 20 has WebSocket behind a flag.
import { test } from "node:test";
import * as core from "@nats-io/nats-core";
import { suite } from "./suite.mjs";

const has = (type) => (e) => {
  for (let at = e; at; at = at.cause) if (at instanceof type) return true;
  throw new Error(`expected ${type.name}, got ${e?.name}: ${e?.message}`, { cause: e });
};

if (globalThis.WebSocket === undefined) {
  test("wsconnect", { skip: "this Node has no WebSocket" }, () => {});
} else {
  suite("wsconnect", { ...core, connect: core.wsconnect }, {
    websocket: true,
    noResponders: has(core.errors.NoRespondersError),
    timeout: has(core.errors.TimeoutError),
    authorization: has(core.errors.AuthorizationError),
    maxPayload: /max_payload|Payload/i,
    statusText: (s) => String(s.error?.message ?? s.data),
    lameDuck: "ldm",
  });
}
