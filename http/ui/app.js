// The dashboard: asks the monitoring pages now and then and shows what changed. No dependency.
// Whatever comes from the server becomes text of a node, never markup.
"use strict";

const byId = (id) => document.getElementById(id);
const historyMax = 150;
const answerWithin = 8000; // ms

function make(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = String(text);
  if (className) node.className = className;
  return node;
}

const whole = (n) => Math.round(Number(n) || 0).toLocaleString("en-US");

function short(n, units) {
  let value = Number(n) || 0;
  let unit = 0;
  const step = units[0] === "B" ? 1024 : 1000;
  while (Math.abs(value) >= step && unit + 1 < units.length) {
    value /= step;
    unit += 1;
  }
  const digits = unit === 0 || Math.abs(value) >= 100 ? 0 : 1;
  return value.toFixed(digits) + (units[unit] ? "\u00a0" + units[unit] : "");
}
const count = (n) => short(n, ["", "k", "M", "G", "T"]);
const bytes = (n) => short(n, ["B", "KiB", "MiB", "GiB", "TiB"]);

async function ask(path) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), answerWithin);
  try {
    const answer = await fetch(path, { signal: stop.signal, cache: "no-store" });
    return { ok: answer.ok, body: await answer.json() };
  } finally {
    clearTimeout(timer);
  }
}

// -- rates ----------------------------------------------------------------------------------------

const counters = ["in_msgs", "out_msgs", "in_bytes", "out_bytes"];
let last = null;
const history = [];

/// Per second since the last answer; null when there is none, or the server has been restarted.
function rates(varz) {
  const now = Date.parse(varz.now) / 1000;
  const before = last;
  last = { now, start: varz.start, values: Object.fromEntries(counters.map((c) => [c, Number(varz[c])])) };
  if (!before || before.start !== varz.start) {
    history.length = 0;
    return null;
  }
  const span = now - before.now;
  if (span <= 0) return history[history.length - 1] || null;
  const rate = Object.fromEntries(counters.map((c) => [c, Math.max(0, last.values[c] - before.values[c]) / span]));
  history.push(rate);
  if (history.length > historyMax) history.shift();
  return rate;
}

function draw(svg, fields, format) {
  const top = Math.max(1, ...history.flatMap((h) => fields.map((f) => h[f])));
  const at = (value, i) => `${(600 * (historyMax - history.length + i)) / (historyMax - 1)},${118 - (116 * value) / top}`;
  const parts = [118, 60, 2].map((y) => {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    for (const [name, value] of [["x1", 0], ["x2", 600], ["y1", y], ["y2", y]]) line.setAttribute(name, value);
    return line;
  });
  fields.forEach((field, i) => {
    const curve = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    curve.setAttribute("class", i === 0 ? "in" : "out");
    curve.setAttribute("points", history.map((h, n) => at(h[field], n)).join(" "));
    parts.push(curve);
  });
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = `at most ${format(top)} per second`;
  svg.replaceChildren(title, ...parts);
}

// -- the top of the page --------------------------------------------------------------------------

function showServer(varz, rate) {
  byId("server-name").textContent = varz.server_name === varz.server_id ? "" : varz.server_name;
  byId("about").textContent = `${varz.go}, compatible with nats-server ${varz.version}, up ${varz.uptime}`;
  document.title = `Troupe ${varz.server_name}`;
  const per = (field, format) => (rate ? format(rate[field]) + "/s" : "\u2026");
  const tiles = [
    ["connections", "Connections", whole(varz.connections)],
    ["subscriptions", "Subscriptions", whole(varz.subscriptions)],
    ["in_msgs", "Messages in", per("in_msgs", count)],
    ["out_msgs", "Messages out", per("out_msgs", count)],
    ["in_bytes", "Bytes in", per("in_bytes", bytes)],
    ["out_bytes", "Bytes out", per("out_bytes", bytes)],
    ["slow_consumers", "Slow consumers", whole(varz.slow_consumers)],
    ["stale_connections", "Stale connections", whole(varz.stale_connections)],
    ["mem", "Memory", bytes(varz.mem)],
    ["cpu", `Processor, ${varz.cores} cores`, `${Number(varz.cpu).toFixed(1)}\u00a0%`],
  ];
  byId("tiles").replaceChildren(...tiles.map(([id, name, value]) => {
    const tile = make("div", undefined, "tile");
    tile.id = "tile-" + id;
    tile.append(make("b", value), make("span", name));
    return tile;
  }));
  draw(byId("chart-msgs"), ["in_msgs", "out_msgs"], count);
  draw(byId("chart-bytes"), ["in_bytes", "out_bytes"], bytes);
}

function showHealth(answer) {
  const badge = byId("health");
  badge.textContent = answer.ok ? "healthy" : answer.body.error || answer.body.status || "not healthy";
  badge.className = "badge " + (answer.ok ? "good" : "bad");
}

// -- the tables -----------------------------------------------------------------------------------

const who = (c) => [c.name, [c.lang, c.version].filter(Boolean).join(" ")].filter(Boolean).join(" \u00b7 ");
const text = (title, of) => ({ title, of });
const number = (title, of, hot) => ({ title, of, number: true, hot });

function actorRows(actor, depth, rows) {
  rows.push({ ...actor, label: "\u00a0".repeat(depth * 4) + actor.name });
  for (const child of actor.children || []) actorRows(child, depth + 1, rows);
  return rows;
}

function bySubject(subs) {
  const subjects = new Map();
  for (const s of subs) {
    const key = s.account + " " + s.subject;
    const row = subjects.get(key) || { account: s.account, subject: s.subject, subscribers: 0, queues: new Set(), msgs: 0 };
    row.subscribers += 1;
    row.msgs += Number(s.msgs);
    if (s.qgroup) row.queues.add(s.qgroup);
    subjects.set(key, row);
  }
  return [...subjects.values()].sort((a, b) => b.msgs - a.msgs || b.subscribers - a.subscribers
    || (a.subject < b.subject ? -1 : 1));
}

const shown = 100;
const sorts = [["cid", "id"], ["msgs_to", "messages out"], ["msgs_from", "messages in"], ["bytes_to", "bytes out"],
  ["bytes_from", "bytes in"], ["pending", "pending"], ["subs", "subscriptions"], ["last", "last activity"], ["idle", "idle"],
  ["rtt", "round trip"]];
let sort = "cid";

const tabs = {
  connections: {
    title: "Connections",
    load: async () => (await ask(`connz?auth=1&limit=${shown}&sort=${sort}`)).body,
    rows: (page) => page.connections || [],
    note: (page) => (page.total > shown ? `${shown} of ${whole(page.total)}` : ""),
    columns: [number("Id", (c) => c.cid), text("Who", who), text("Address", (c) => `${c.ip}:${c.port}`),
      text("Account", (c) => c.account || "$G"), text("User", (c) => c.authorized_user || ""),
      number("Subs", (c) => whole(c.subscriptions)), number("Msgs in", (c) => count(c.in_msgs)),
      number("Msgs out", (c) => count(c.out_msgs)), number("Bytes in", (c) => bytes(c.in_bytes)),
      number("Bytes out", (c) => bytes(c.out_bytes)),
      number("Pending", (c) => bytes(c.pending_bytes), (c) => c.pending_bytes > 1048576),
      text("Round trip", (c) => c.rtt || ""), text("Idle", (c) => c.idle), text("Up", (c) => c.uptime)],
  },
  subjects: {
    title: "Subjects",
    load: async () => (await ask("subsz?subs=1&limit=5000")).body,
    rows: (page) => bySubject(page.subscriptions_list || []).slice(0, shown),
    note: (page) => (page.total > 5000 ? `from the first 5,000 of ${whole(page.total)} subscriptions` : ""),
    columns: [text("Subject", (s) => s.subject), text("Account", (s) => s.account),
      number("Subscriptions", (s) => whole(s.subscribers)), text("Queue groups", (s) => [...s.queues].join(", ")),
      number("Delivered", (s) => count(s.msgs))],
  },
  accounts: {
    title: "Accounts",
    load: async () => (await ask("accstatz?unused=1")).body,
    rows: (page) => (page.account_statz || []).slice().sort((a, b) => b.conns - a.conns).slice(0, shown),
    note: (page) => ((page.account_statz || []).length > shown ? `${shown} of ${whole(page.account_statz.length)}` : ""),
    columns: [text("Account", (a) => a.name), number("Connections", (a) => whole(a.conns)),
      number("Leaf nodes", (a) => whole(a.leafnodes)), number("Subscriptions", (a) => whole(a.num_subscriptions)),
      number("Msgs in", (a) => count(a.received.msgs)), number("Msgs out", (a) => count(a.sent.msgs)),
      number("Bytes in", (a) => bytes(a.received.bytes)), number("Bytes out", (a) => bytes(a.sent.bytes)),
      number("Slow consumers", (a) => whole(a.slow_consumers), (a) => a.slow_consumers > 0)],
  },
  actors: {
    title: "Actors",
    load: async () => (await ask("actorz")).body,
    rows: (page) => actorRows(page.root, 0, []).slice(0, 500),
    note: () => "",
    columns: [text("Name", (a) => a.label), text("Kind", (a) => a.kind), text("State", (a) => a.state),
      number("Mailbox", (a) => whole(a.mailbox_depth), (a) => a.mailbox_depth > 1000),
      number("Restarts", (a) => whole(a.restarts), (a) => a.restarts > 0), text("Last error", (a) => a.last_error || ""),
      text("Up", (a) => a.uptime)],
  },
  slow: {
    title: "Slow consumers",
    load: async () => {
      const [open, closed] = await Promise.all([ask(`connz?auth=1&sort=pending&limit=${shown}`),
        ask("connz?auth=1&state=closed&sort=stop&limit=1024")]);
      return { open: open.body.connections || [], closed: closed.body.connections || [] };
    },
    rows: (page) => [...page.open.filter((c) => c.pending_bytes > 0 || c.stalls > 0),
      ...page.closed.filter((c) => /^(Slow Consumer|Stale)/.test(c.reason))].slice(0, shown),
    note: () => "Connections that lag behind, and those closed for it.",
    columns: [number("Id", (c) => c.cid), text("Who", who), text("Address", (c) => `${c.ip}:${c.port}`),
      text("Account", (c) => c.account || "$G"), text("State", (c) => c.reason || "open"), text("Closed", (c) => c.stop || ""),
      number("Pending", (c) => bytes(c.pending_bytes), () => true), number("Stalls", (c) => whole(c.stalls)),
      number("Msgs out", (c) => count(c.out_msgs)), text("Up", (c) => c.uptime)],
  },
};
let tab = "connections";

function showTable(id, page) {
  const { columns, rows, note } = tabs[id];
  const table = byId("table");
  const head = make("tr");
  for (const c of columns) head.append(make("th", c.title, c.number ? "number" : ""));
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren(...rows(page).map((row) => {
    const line = make("tr");
    for (const c of columns) {
      const value = c.of(row);
      const cell = make("td", value, [c.number ? "number" : "", c.hot && c.hot(row) ? "hot" : ""].join(" ").trim());
      if (String(value).length > 30) cell.title = value;
      line.append(cell);
    }
    return line;
  }));
  byId("note").textContent = rows(page).length === 0 ? note(page) + " Nothing to show." : note(page);
}

function showControls() {
  const place = byId("controls");
  place.replaceChildren();
  if (tab !== "connections") return;
  const select = make("select");
  for (const [value, title] of sorts) {
    const option = make("option", title);
    option.value = value;
    option.selected = value === sort;
    select.append(option);
  }
  select.addEventListener("change", () => {
    sort = select.value;
    refresh();
  });
  const label = make("label", "order by ");
  label.append(select);
  place.append(label);
}

function showTabs() {
  byId("tabs").replaceChildren(...Object.entries(tabs).map(([id, { title }]) => {
    const button = make("button", title);
    button.id = "tab-" + id;
    button.setAttribute("aria-pressed", String(id === tab));
    button.addEventListener("click", () => {
      tab = id;
      showTabs();
      refresh();
    });
    return button;
  }));
  showControls();
}

// -- now and again --------------------------------------------------------------------------------

let round = 0;
let timer = null;

async function refresh() {
  const mine = ++round; // whatever an older round still brings is dropped
  clearTimeout(timer);
  const wanted = tab;
  try {
    const [varz, health, page] = await Promise.all([ask("varz"), ask("healthz"), tabs[wanted].load()]);
    if (mine !== round) return;
    showServer(varz.body, rates(varz.body));
    showHealth(health);
    showTable(wanted, page);
    byId("trouble").hidden = true;
  } catch (problem) {
    if (mine !== round) return;
    byId("health").textContent = "no answer";
    byId("health").className = "badge bad";
    byId("trouble").textContent = `The server does not answer (${problem.message}). What is shown is old; trying again.`;
    byId("trouble").hidden = false;
  }
  const pause = Number(byId("interval").value);
  if (pause > 0 && !document.hidden) timer = setTimeout(refresh, pause);
}

byId("interval").addEventListener("change", refresh);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
showTabs();
refresh();
