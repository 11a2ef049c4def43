// The current client: @nats-io/transport-node 3.
import * as nats from "@nats-io/transport-node";
import { suite } from "./suite.mjs";

const has = (type) => (e) => {
  for (let at = e; at; at = at.cause) if (at instanceof type) return true;
  throw new Error(`expected ${type.name}, got ${e?.name}: ${e?.message}`, { cause: e });
};

suite("transport-node 3", nats, {
  noResponders: has(nats.errors.NoRespondersError),
  timeout: has(nats.errors.TimeoutError),
  authorization: has(nats.errors.AuthorizationError),
  maxPayload: /max_payload|Payload/i,
  statusText: (s) => String(s.error?.message ?? s.data),
  lameDuck: "ldm",
});
