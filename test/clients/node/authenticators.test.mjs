// Every authenticator of the JavaScript client, against servers that ask for each kind of credentials.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as nats from "@nats-io/transport-node";
import { Server } from "./server.mjs";

const { createAccount, createOperator, createUser } = nats.nkeys;
const options = { timeout: 30_000 };
const bytes = (text) => new TextEncoder().encode(text);
const seed = (key) => key.getSeed();
const base64url = (data) => Buffer.from(data).toString("base64url");

// A token about `subject`, signed by `issuer`, as the NATS tools make them.
function jwt(issuer, subject, name, claims) {
  const head = base64url(JSON.stringify({ typ: "JWT", alg: "ed25519-nkey" }));
  const body = base64url(JSON.stringify({
    jti: base64url(randomBytes(16)), iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(), name, sub: subject.getPublicKey(), nats: { version: 2, ...claims },
  }));
  return `${head}.${body}.${base64url(issuer.sign(bytes(`${head}.${body}`)))}`;
}

const nolimits = { subs: -1, data: -1, payload: -1 };
const userJwt = (account, user, more = {}) => jwt(account, user, "user", { type: "user", ...nolimits, ...more });
const credentials = (token, user) =>
  bytes(`-----BEGIN NATS USER JWT-----\n${token}\n------END NATS USER JWT------\n\n` +
    `-----BEGIN USER NKEY SEED-----\n${new TextDecoder().decode(seed(user))}\n------END USER NKEY SEED------\n`);

async function works(server, more) {
  const nc = await nats.connect({ servers: server.url, reconnect: false, ...more });
  try {
    const sub = nc.subscribe("echo", { callback: (_, m) => m.respond(m.data) });
    assert.equal((await nc.request("echo", "hello", { timeout: 10_000 })).string(), "hello");
    sub.unsubscribe();
    return nc.info;
  } finally {
    await nc.close();
  }
}

const refused = (server, more) =>
  assert.rejects(nats.connect({ servers: server.url, reconnect: false, ...more }), (e) => {
    for (let at = e; at; at = at.cause) if (at instanceof nats.errors.AuthorizationError) return true;
    throw e;
  });

async function during(config, body) {
  const server = await Server.start({ config });
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

test("user and password", options, () =>
  during("authorization { user: me, password: secret }", async (server) => {
    await works(server, { authenticator: nats.usernamePasswordAuthenticator("me", "secret") });
    await works(server, { user: "me", pass: "secret" });
    await refused(server, { authenticator: nats.usernamePasswordAuthenticator("me", "guess") });
    await refused(server, {});
  }));

test("token", options, () =>
  during("authorization { token: secret }", async (server) => {
    await works(server, { authenticator: nats.tokenAuthenticator("secret") });
    await refused(server, { authenticator: nats.tokenAuthenticator(() => "guess") });
  }));

test("nkey", options, async () => {
  const user = createUser();
  await during(`authorization { users: [{ nkey: ${user.getPublicKey()} }] }`, async (server) => {
    await works(server, { authenticator: nats.nkeyAuthenticator(seed(user)) });
    await refused(server, { authenticator: nats.nkeyAuthenticator(seed(createUser())) });
  });
});

test("one of several", options, () =>
  during("authorization { token: secret }", async (server) => {
    const several = [nats.tokenAuthenticator("secret"), nats.nkeyAuthenticator(seed(createUser()))];
    await works(server, { authenticator: several });
  }));

const operator = createOperator(), account = createAccount(), system = createAccount();
const accountJwt = (key, more = {}) =>
  jwt(operator, key, "account", { type: "account", limits: { ...nolimits, conn: -1, leaf: -1, imports: -1, exports: -1, wildcards: true }, ...more });
const operatorMode = (accountToken) => `
  operator: ${jwt(operator, operator, "operator", { type: "operator", system_account: system.getPublicKey() })}
  resolver: MEMORY
  resolver_preload: {
    ${account.getPublicKey()}: ${accountToken}
    ${system.getPublicKey()}: ${accountJwt(system)}
  }`;

test("JWT with its seed", options, () =>
  during(operatorMode(accountJwt(account)), async (server) => {
    const user = createUser(), token = userJwt(account, user);
    await works(server, { authenticator: nats.jwtAuthenticator(token, seed(user)) });
    await works(server, { authenticator: nats.jwtAuthenticator(() => token, seed(user)) });
    await refused(server, { authenticator: nats.jwtAuthenticator(token, seed(createUser())) });
    await refused(server, { authenticator: nats.jwtAuthenticator(userJwt(createAccount(), user), seed(user)) });
  }));

test("bearer JWT without a seed", options, () =>
  during(operatorMode(accountJwt(account)), async (server) => {
    const user = createUser();
    await works(server, { authenticator: nats.jwtAuthenticator(userJwt(account, user, { bearer_token: true })) });
    await refused(server, { authenticator: nats.jwtAuthenticator(userJwt(account, user)) });
  }));

test("credentials file", options, () =>
  during(operatorMode(accountJwt(account)), async (server) => {
    const user = createUser();
    await works(server, { authenticator: nats.credsAuthenticator(credentials(userJwt(account, user), user)) });
    const strange = { authenticator: nats.credsAuthenticator(credentials(userJwt(account, user), createUser())) };
    await refused(server, strange);
  }));

test("permissions of a scoped signer", options, async () => {
  const signer = createAccount(), user = createUser();
  const scope = { kind: "user_scope", key: signer.getPublicKey(), role: "r", template: { pub: { allow: ["own.{{name()}}.>"] }, sub: {}, ...nolimits } };
  await during(operatorMode(accountJwt(account, { signing_keys: [scope] })), async (server) => {
    const token = jwt(signer, user, "zoe", { type: "user", issuer_account: account.getPublicKey() });
    const nc = await nats.connect({ servers: server.url, reconnect: false, authenticator: nats.jwtAuthenticator(token, seed(user)) });
    try {
      const denied = (async () => {
        for await (const s of nc.status()) if (s.type === "error") return s.error;
      })();
      nc.publish("own.zoe.x", "");
      nc.publish("own.other.x", "");
      assert.match(String((await denied).message), /Permissions Violation for Publish to "own.other.x"/);
    } finally {
      await nc.close();
    }
  });
});

let place;
const file = (name) => join(place, name);
function openssl(...args) {
  execFileSync("openssl", args, { stdio: "pipe" });
}
function certificate(name, extension, issuer) {
  openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", `/CN=${name}`,
    "-keyout", file(`${name}.key`), "-out", file(`${name}.csr`));
  writeFileSync(file("ext"), extension);
  openssl("x509", "-req", "-days", "2", "-in", file(`${name}.csr`), "-extfile", file("ext"), "-out", file(`${name}.pem`),
    ...(issuer ? ["-CA", file(`${issuer}.pem`), "-CAkey", file(`${issuer}.key`), "-CAcreateserial"] : ["-signkey", file(`${name}.key`)]));
}

before(() => {
  place = mkdtempSync(join(tmpdir(), "clients-tls-"));
  certificate("ca", "basicConstraints=critical,CA:TRUE");
  certificate("server", "subjectAltName=IP:127.0.0.1,DNS:localhost", "ca");
  certificate("client", "subjectAltName=email:zoe@example.com", "ca");
});
after(() => rmSync(place, { recursive: true, force: true }));

const tls = (more) => `tls { cert_file: "${file("server.pem")}", key_file: "${file("server.key")}", ca_file: "${file("ca.pem")}", ${more} }`;
const read = (name) => readFileSync(file(name), "utf8");

test("TLS with a password", options, () =>
  during(tls("verify: false") + "\nauthorization { user: me, password: secret }", async (server) => {
    const info = await works(server, { user: "me", pass: "secret", tls: { ca: read("ca.pem") } });
    assert.equal(info.tls_required, true);
    await refused(server, { user: "me", pass: "guess", tls: { ca: read("ca.pem") } });
    await assert.rejects(nats.connect({ servers: server.url, reconnect: false, user: "me", pass: "secret", tls: {} }));
  }));

test("TLS before INFO", options, () =>
  during(tls("handshake_first: true"), (server) =>
    works(server, { tls: { ca: read("ca.pem"), handshakeFirst: true } })));

test("the client's certificate is its user", options, () =>
  during(tls("verify_and_map: true") + '\nauthorization { users: [{ user: "zoe@example.com", permissions: { publish: "echo", subscribe: ["echo", "_INBOX.>"], allow_responses: true } }] }',
    async (server) => {
      await works(server, { tls: { ca: read("ca.pem"), cert: read("client.pem"), key: read("client.key") } });
      await assert.rejects(nats.connect({ servers: server.url, reconnect: false, tls: { ca: read("ca.pem") } }));
    }));
