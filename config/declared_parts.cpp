#include "config/declared_parts.hpp"

#include "config/block_view.hpp"

namespace troupe::config {

namespace {

declared_gateway read_gateway(const block_view& block) {
  declared_gateway out{block.text("name"), block.port(), {}};
  for (const block_view& one : block.blocks("gateways", "remote_gateway")) {
    declared_remote remote{one.text("name"), one.texts("urls"), {}, {}, {}, {}, {}};
    if (one.has("url")) remote.urls.push_back(one.text("url"));
    out.gateways.push_back(std::move(remote));
  }
  return out;
}

declared_leafnodes read_leafnodes(const block_view& block) {
  const block_view auth = block.block("authorization", "leaf_auth");
  declared_leafnodes out{block.port(), auth.text("account"), {}, {}, block.compression()};
  for (const block_view& user : auth.blocks("users", "leaf_user"))
    out.user_accounts.push_back(user.text("account"));
  for (const block_view& one : block.blocks("remotes", "remote_leaf"))
    out.remotes.push_back({{}, one.texts("url"), one.text("account"), one.compression(),
                           shown_leaf_remote(one, leafnode_port), one.texts("deny_imports"), one.texts("deny_exports")});
  return out;
}

declared_mqtt read_mqtt(const block_view& block) {
  const block_view auth = block.block("authorization", "simple_auth");
  return {block.port(), block.text("no_auth_user"), auth.text("user"), auth.text("token"),
          block.duration("ack_wait"), block.duration("js_api_timeout")};
}

declared_jetstream read_jetstream(const block_view& block, const value* accounts) {
  declared_jetstream out;
  out.domain = block.text("domain");
  out.extension_hint = block.text("extension_hint");
  const std::string catchup = block.text("max_outstanding_catchup");
  out.negative_catchup = block.integer("max_outstanding_catchup") < 0 || catchup.starts_with('-');
  auto m = accounts ? accounts->get<map>() : nullptr;
  if (!m) return out;
  for (auto& [name, account] : *m) {
    const value* v = block_view(&account, "account").at("jetstream");
    if (!v) continue;
    auto b = v->get<bool>();
    auto s = v->get<std::string>();
    if (b ? *b : v->get<map>() || (s && lower(*s).starts_with("enable"))) out.accounts.insert(name);
  }
  return out;
}

} // namespace

bool jetstream_enabled(const value& v) {
  if (auto b = v.get<bool>()) return *b;
  if (auto s = v.get<std::string>()) return lower(*s).starts_with("enable");
  const value* enabled = block_view(&v, "jetstream").at("enabled");
  auto b = enabled ? enabled->get<bool>() : nullptr;
  return b ? *b : v.get<map>() != nullptr;
}

declared_parts read_declared(const value& root) {
  const block_view top(&root, "");
  const block_view cluster = top.block("cluster", "cluster");
  declared_parts out;
  out.cluster = {cluster.text("name"), cluster.port(), cluster.integer("pool_size"),
                 cluster.texts("accounts"), cluster.compression()};
  out.gateway = read_gateway(top.block("gateway", "gateway"));
  out.leafnodes = read_leafnodes(top.block("leafnodes", "leafnodes"));
  out.mqtt = read_mqtt(top.block("mqtt", "mqtt"));
  out.jetstream = read_jetstream(top.block("jetstream", "jetstream"), top.at("accounts"));
  return out;
}

} // namespace troupe::config
