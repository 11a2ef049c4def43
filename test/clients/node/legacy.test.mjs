// The client that most JavaScript programs still use: nats 2.
import nats from "nats";
import { suite } from "./suite.mjs";

const code = (wanted) => (e) => {
  if (e?.code === wanted) return true;
  throw new Error(`expected code ${wanted}, got ${e?.code}: ${e?.message}`, { cause: e });
};

suite("nats 2", nats, {
  noResponders: code("503"),
  timeout: code("TIMEOUT"),
  authorization: code("AUTHORIZATION_VIOLATION"),
  maxPayload: /MAX_PAYLOAD/,
  statusText: (s) => `${s.data.replaceAll("_", " ")} for ${s.permissionContext.operation} to "${s.permissionContext.subject}"`,
  lameDuck: "ldm",
});
