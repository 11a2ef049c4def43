// Blocks whose feature is not built: their names, types and values are checked all the same, so that a
// file which the NATS server refuses is refused here too. The texts are Go's.
#include <algorithm>
#include <array>
#include <charconv>

#include "config/block_view.hpp"
#include "config/duration.hpp"
#include "config/load_context.hpp"
#include "protocol/auth/nkey.hpp"
#include "protocol/service_url.hpp"
#include "protocol/subject/subject.hpp"

namespace troupe::config {

namespace {

using checker = void (*)(load_context& ctx, const std::string& key, const value& v);

void check_duration(load_context& ctx, std::string_view name, const value& v) {
  if (auto s = v.get<std::string>()) {
    if (auto d = parse_duration(*s); !d)
      ctx.error(v, "error parsing " + std::string(name) + ": " + d.error().context);
  } else {
    ctx.warn(v, name, std::string(name) + " should be converted to a duration");
    ctx.integer(v);
  }
}

/// "10G": a number with K, M, G or T, powers of 1024.
result<int64_t> parse_size(const std::string& text) {
  auto bad = [](std::string why) { return troupe::error{errc::malformed, std::move(why)}; };
  if (text.empty()) return int64_t{0};
  auto digits = text.substr(0, text.size() - 1);
  int64_t n = 0;
  auto end = digits.data() + digits.size();
  auto [stop, ec] = std::from_chars(digits.data(), end, n);
  if (ec == std::errc::result_out_of_range)
    return bad("strconv.ParseInt: parsing " + go_quote(digits) + ": value out of range");
  if (ec != std::errc{} || stop != end)
    return bad("strconv.ParseInt: parsing " + go_quote(digits) + ": invalid syntax");
  static constexpr std::string_view units = "KMGT";
  const auto unit = units.find(text.back());
  if (unit == std::string_view::npos)
    return bad("sizes defined as strings must end in K, M, G, T");
  const int64_t factor = int64_t{1} << (10 * (unit + 1));
  // The NATS server wraps around.
  if (n > INT64_MAX / factor || n < INT64_MIN / factor)
    return bad("strconv.ParseInt: parsing " + go_quote(digits) + ": value out of range");
  return n * factor;
}

/// The size, or nothing after an error.
std::optional<int64_t> check_size(load_context& ctx, const std::string& name, const value& v) {
  if (auto n = v.get<int64_t>()) return *n;
  auto s = v.get<std::string>();
  auto size = s ? parse_size(*s) : troupe::error{errc::malformed, "must be int64 or string"};
  if (size) return *size;
  ctx.error(v, name + " " + size.error().context);
  return std::nullopt;
}

void size(load_context& ctx, const std::string& key, const value& v) { check_size(ctx, lower(key), v); }
void memory_size(load_context& ctx, const std::string&, const value& v) {
  check_size(ctx, "max_mem_store", v);
}
void file_size(load_context& ctx, const std::string&, const value& v) {
  check_size(ctx, "max_file_store", v);
}
void positive_size(load_context& ctx, const std::string& key, const value& v) {
  if (auto n = check_size(ctx, lower(key), v); n && *n < 0)
    ctx.error(v, "Expected an absolute size for " + go_quote(key) + ", got " + show(v));
}

void count(load_context& ctx, const std::string& key, const value& v) {
  if (!v.get<int64_t>())
    ctx.error(v, "Expected a parseable size for " + go_quote(key) + ", got " + show(v));
}
void positive_count(load_context& ctx, const std::string& key, const value& v) {
  auto n = v.get<int64_t>();
  if (!n || *n < 0) ctx.error(v, "Expected an absolute size for " + go_quote(key) + ", got " + show(v));
}
void concurrent_io(load_context& ctx, const std::string& key, const value& v) {
  auto n = v.get<int64_t>();
  if (!n || *n < 4 || *n > 8192)
    ctx.error(v, "Expected an absolute size for " + go_quote(key) + " between 4 and 8192, got " + show(v));
}
void sixteen_bits(load_context& ctx, const std::string&, const value& v) {
  constexpr int64_t most = 65535;
  if (auto n = ctx.integer(v); n && (*n < 0 || *n > most))
    ctx.error(v, "invalid value " + std::to_string(*n) + ", should in [0..65535] range");
}

void parseable_bool(load_context& ctx, const std::string& key, const value& v) {
  if (!v.get<bool>())
    ctx.error(v, "Expected a parseable bool for " + go_quote(key) + ", got " + show(v));
}
void strict_bool(load_context& ctx, const std::string&, const value& v) {
  if (!v.get<bool>())
    ctx.error(v, "Expected 'true' or 'false' for bool value, got '" + show(v) + "'");
}

void listen(load_context& ctx, const std::string&, const value& v) {
  if (auto hp = parse_listen(v); !hp) ctx.error(v, hp.error().context);
}

void write_timeout(load_context& ctx, const std::string&, const value& v) {
  auto s = ctx.text(v);
  if (s && *s != "default" && *s != "close" && *s != "retry")
    ctx.error(v, "write_timeout must be 'default', 'close' or 'retry'");
}

void name_without_blanks(load_context& ctx, const value& v, const char* what) {
  auto s = ctx.text(v);
  if (s && s->find(' ') != std::string::npos)
    ctx.error(v, std::string(what) + " name cannot contain spaces");
  else if (s && *s == "_")
    ctx.error(v, "cluster name is reserved");
}
void cluster_name(load_context& ctx, const std::string&, const value& v) {
  name_without_blanks(ctx, v, "cluster");
}
void gateway_name(load_context& ctx, const std::string&, const value& v) {
  name_without_blanks(ctx, v, "gateway");
}

void compression(load_context& ctx, const std::string& key, const value& v) {
  if (!v.get<std::string>() && !v.get<bool>() && !v.get<map>())
    ctx.error(v, "field " + go_quote(key) + " should be a boolean or a structure, got " + type_name(v));
}
void round_trips(load_context& ctx, const std::string&, const value& v) {
  auto list = ctx.expect<array>(v, "[]interface {}");
  if (!list) return;
  for (const value& one : *list)
    if (auto s = ctx.text(one))
      if (auto d = parse_duration(*s); !d) ctx.error(v, d.error().context);
}

constexpr char route[] = "route";
constexpr char gateway[] = "gateway";
constexpr char leafnode[] = "leafnode";

/// What is no URL may hold a password all the same, which the NATS server shows.
template <const char* whose>
void url(load_context& ctx, const std::string&, const value& v) {
  auto s = ctx.text(v);
  if (!s || is_service_url(*s)) return;
  const size_t at = s->rfind('@');
  const std::string shown = at == std::string::npos ? *s : "[REDACTED]" + s->substr(at);
  ctx.error(v, std::string("error parsing ") + whose + " url [" + go_quote(shown) + "]");
}
template <const char* whose>
void urls(load_context& ctx, const std::string& key, const value& v) {
  auto list = ctx.expect<array>(v, "[]interface {}");
  if (!list) return;
  std::set<std::string> seen;
  for (const value& one : *list)
    if (auto s = one.get<std::string>(); s && !seen.insert(*s).second)
      ctx.warn(one, shown_url(*s, 0), std::string("Duplicate ") + whose + " entry detected");
    else
      url<whose>(ctx, key, one);
}
void leaf_urls(load_context& ctx, const std::string& key, const value& v) {
  if (v.get<array>()) urls<leafnode>(ctx, key, v);
  else if (v.get<std::string>()) url<leafnode>(ctx, key, v);
  else ctx.error(v, "Expected remote leafnode url to be an array or string, got " + show(v));
}
/// Of leaf nodes: three numbers, and what semantic versioning allows behind them.
void min_version(load_context& ctx, const std::string&, const value& v) {
  auto s = ctx.text(v);
  if (!s) return;
  std::array<int64_t, 3> parts{};
  const char* at = s->data();
  const char* end = at + s->size();
  bool good = true;
  for (size_t i = 0; i < parts.size() && good; ++i) {
    if (i > 0) good = at != end && *at++ == '.';
    const bool zero_in_front = good && at + 1 < end && at[0] == '0' && at[1] >= '0' && at[1] <= '9';
    const auto read = std::from_chars(at, end, parts[i]);
    good = good && !zero_in_front && at != end && *at != '-' && read.ec == std::errc{};
    at = read.ptr;
  }
  if (!good || (at != end && *at != '-' && *at != '+') || (at != end && at + 1 == end))
    return ctx.error(v, "invalid leafnode's minimum version: invalid semver");
  if (parts < std::array<int64_t, 3>{2, 8, 0})
    ctx.error(v, "the minimum version should be at least 2.8.0");
}
void denied_subjects(load_context& ctx, const std::string&, const value& v) {
  if (!v.get<std::string>() && !v.get<array>())
    return ctx.error(v, std::string("Expected subject permissions to be a subject, or array of subjects, got ")
                            + type_name(v));
  for (const std::string& subject : load_text_list(ctx, v, "permission subjects"))
    if (!is_valid_subject(subject)) ctx.error(v, "subject " + go_quote(subject) + " is not a valid subject");
}
void account_names(load_context& ctx, const std::string&, const value& v) {
  load_text_list(ctx, v, "accounts");
}
void leaf_seed(load_context& ctx, const std::string&, const value& v) {
  auto s = ctx.text(v);
  if (!s) return;
  auto seed = decode_nkey_seed(*s);
  if (!seed || seed->role != nkey_role::user) // the NATS server shows the seed
    ctx.error(v, "Remote leafnode nkey is not a valid seed");
}
void leaf_key(load_context& ctx, const std::string&, const value& v) {
  auto s = ctx.text(v);
  if (s && !is_public_nkey(*s, nkey_role::user))
    ctx.error(v, "Not a valid public nkey for leafnode authorization");
}
/// Users of leaf nodes, or of routes, which have none.
void users(load_context& ctx, const std::string&, const value& v) {
  auto list = v.get<array>();
  if (!list) return ctx.error(v, "Expected users field to be an array, got " + show(v));
  for (const value& one : *list)
    if (!one.get<map>()) ctx.error(one, "Expected user entry to be a map/struct, got " + show(one));
}

/// A user's subscriptions may name a queue group, what routes export may not.
bool route_permissions(load_context& ctx, const value& at, const value& v) {
  const block_view perms(&v, "permissions");
  const block_view lists = perms.block("subscribe", "subject_permission");
  std::vector<std::string> allowed = perms.texts("subscribe");
  if (allowed.empty()) allowed = lists.texts("allow");
  for (const auto& [name, subjects] : {std::pair{"allow", allowed}, {"deny", lists.texts("deny")}})
    for (const std::string& subject : subjects)
      if (subject.find_first_of(" \t\n\v\f\r") != std::string::npos) {
        ctx.error(at, std::string("cluster export ") + name + ": subject " + go_quote(subject)
                        + " is not a valid subject");
        return false;
      }
  return true;
}
void cluster_permissions(load_context& ctx, const std::string&, const value& v) {
  if (const value* responses = block_view(&v, "permissions").at("allow_responses")) {
    auto wanted = responses->get<bool>();
    if (!wanted || *wanted) return ctx.error(v, "Cluster permissions do not support dynamic responses");
  }
  route_permissions(ctx, v, v);
}

/// Of routes and gateways: one user, and nothing else.
void route_authorization(load_context& ctx, const value& v, const std::string& whose) {
  auto m = ctx.block(v);
  if (!m) return;
  for (auto& [key, field] : *m) {
    auto row = find_option("route_auth", key);
    if (!row) continue;
    auto text = field.get<std::string>();
    if (row->name() == "users" && field.get<array>())
      ctx.error(v, whose + " authorization does not allow multiple users");
    if (row->name() == "token" && text && !text->empty())
      ctx.error(v, whose + " authorization does not support tokens");
    if (row->name() == "auth_callout")
      ctx.error(v, whose + " authorization does not support callouts");
    if (row->name() == "permissions" && whose == "Cluster" && route_permissions(ctx, v, field))
      ctx.warn(v, "authorization",
               "setting \"permissions\" within cluster authorization block is deprecated");
  }
}
void cluster_authorization(load_context& ctx, const std::string&, const value& v) {
  route_authorization(ctx, v, "Cluster");
}
void gateway_authorization(load_context& ctx, const std::string&, const value& v) {
  route_authorization(ctx, v, "Gateway");
}

void consumer_replicas(load_context& ctx, const std::string& key, const value& v) {
  ctx.warn(v, key, "consumer replicas setting ignored in this server version");
}

void migrate(load_context& ctx, const std::string&, const value& v) {
  if (!v.get<bool>() && !v.get<map>())
    ctx.error(v, std::string("Expected boolean or map for jetstream_cluster_migrate, got ") + type_name(v));
}

void route_timeout(load_context& ctx, const std::string& key, const value& v) {
  load_auth_seconds(ctx, v, key, "authorization");
}
void leaf_timeout(load_context& ctx, const std::string& key, const value& v) {
  load_auth_seconds(ctx, v, key, "leafnode authorization");
}
void plain_duration(load_context& ctx, const std::string&, const value& v) {
  if (auto s = ctx.text(v))
    if (auto d = parse_duration(*s); !d) ctx.error(v, d.error().context);
}
void proxy_timeout(load_context& ctx, const std::string&, const value& v) {
  check_duration(ctx, "proxy timeout", v);
}
void sync_interval(load_context& ctx, const std::string& key, const value& v) {
  auto s = v.get<std::string>();
  if (!s || lower(*s) != "always") check_duration(ctx, key, v);
}

void cipher(load_context& ctx, const std::string&, const value& v) {
  auto s = ctx.text(v);
  if (!s) return;
  const auto name = lower(*s);
  if (name != "chacha" && name != "chachapoly" && name != "aes")
    ctx.error(v, "Unknown cipher type: " + go_quote(*s));
}
void cluster_traffic(load_context& ctx, const std::string& key, const value& v) {
  auto s = v.get<std::string>();
  if (!s)
    ctx.error(v, "Expected either 'system' or 'owner' string value for " + go_quote(key) + ", got " + show(v));
  else if (!s->empty() && *s != "system" && *s != "owner")
    ctx.error(v, "Expected 'system' or 'owner' string value for " + go_quote(key) + ", got " + *s);
}
void enabled_or_map(load_context& ctx, const std::string&, const value& v) {
  if (v.get<bool>() || v.get<map>()) return;
  auto s = v.get<std::string>();
  if (!s)
    return ctx.error(v, std::string("Expected map, bool or string to define JetStream, got ") + type_name(v));
  static constexpr std::array<std::string_view, 4> words{"enabled", "enable", "disabled", "disable"};
  if (std::find(words.begin(), words.end(), lower(*s)) == words.end())
    ctx.error(v, "Expected 'enabled' or 'disabled' for string value, got '" + *s + "'");
}

/// Text in front of the type that came instead of a map.
template <const char* text>
void block_or(load_context& ctx, const std::string&, const value& v) {
  if (!v.get<map>()) ctx.error(v, std::string(text) + type_name(v));
}
/// The same of a list of maps; `entry` is in front of what came instead of a map in it.
template <const char* text, const char* entry>
void list_or(load_context& ctx, const std::string&, const value& v) {
  auto list = v.get<array>();
  if (!list) return ctx.error(v, std::string(text) + type_name(v));
  for (const value& one : *list)
    if (!one.get<map>()) ctx.error(one, std::string(entry) + show(one));
}
void plain_text(load_context& ctx, const std::string&, const value& v) { ctx.text(v); }
constexpr char no_cluster[] = "Expected map to define cluster, got ";
constexpr char no_gateway[] = "Expected gateway to be a map, got ";
constexpr char no_leafnodes[] = "Expected map to define a leafnode, got ";
constexpr char no_mqtt[] = "Expected mqtt to be a map, got ";
constexpr char no_limits[] = "Expected a map to define JetStreamLimits, got ";
constexpr char no_batch[] = "Expected a map to define batch limits, got ";
constexpr char no_proxy[] = "Expected proxy to be a map, got ";
constexpr char no_gateways[] = "Expected gateways field to be an array, got ";
constexpr char bad_gateway[] = "Expected gateway entry to be a map/struct, got ";
constexpr char no_domains[] = "error default_js_domain config: unsupported type ";

struct rule {
  std::string_view block, name;
  checker check;
};

// What is more than its row's type.
constexpr rule rules[] = {
  {"", "cluster", block_or<no_cluster>},
  {"", "gateway", block_or<no_gateway>},
  {"", "leafnodes", block_or<no_leafnodes>},
  {"", "mqtt", block_or<no_mqtt>},
  {"", "jetstream", enabled_or_map},
  {"", "default_js_domain", block_or<no_domains>},
  {"account", "jetstream", enabled_or_map},
  {"cluster", "name", cluster_name},
  {"cluster", "authorization", cluster_authorization},
  {"cluster", "permissions", cluster_permissions},
  {"cluster", "routes", urls<route>},
  {"cluster", "accounts", account_names},
  {"gateway", "name", gateway_name},
  {"gateway", "authorization", gateway_authorization},
  {"gateway", "gateways", list_or<no_gateways, bad_gateway>},
  {"remote_gateway", "url", url<gateway>},
  {"remote_gateway", "urls", urls<gateway>},
  {"leafnodes", "authorization", check_leaf_authorization},
  {"leafnodes", "remotes", check_leaf_remotes},
  {"leafnodes", "min_version", min_version},
  {"leafnodes", "reconnect", sync_interval}, // a duration, that is
  {"remote_leaf", "url", leaf_urls},
  {"remote_leaf", "nkey", leaf_seed},
  {"remote_leaf", "deny_imports", denied_subjects},
  {"remote_leaf", "deny_exports", denied_subjects},
  {"remote_leaf", "jetstream_cluster_migrate", migrate},
  {"remote_leaf", "proxy", block_or<no_proxy>},
  {"leaf_proxy", "timeout", proxy_timeout},
  {"leaf_auth", "nkey", leaf_key},
  {"leaf_auth", "timeout", leaf_timeout},
  {"leaf_auth", "users", users},
  {"route_auth", "users", users},
  {"route_auth", "timeout", route_timeout},
  {"compression", "mode", plain_text},
  {"compression", "rtt_thresholds", round_trips},
  {"mqtt", "consumer_replicas", consumer_replicas},
  {"mqtt", "max_ack_pending", sixteen_bits},
  {"jetstream", "strict", strict_bool},
  {"jetstream", "sync_interval", sync_interval},
  {"jetstream", "max_memory_store", memory_size},
  {"jetstream", "max_file_store", file_size},
  {"jetstream", "max_outstanding_catchup", size},
  {"jetstream", "max_buffered_size", size},
  {"jetstream", "max_buffered_msgs", count},
  {"jetstream", "request_queue_limit", count},
  {"jetstream", "info_queue_limit", count},
  {"jetstream", "meta_compact", positive_count},
  {"jetstream", "meta_compact_size", positive_size},
  {"jetstream", "max_concurrent_io", concurrent_io},
  {"jetstream", "limits", block_or<no_limits>},
  {"jetstream", "tpm", block_or<no_limits>},
  {"jetstream_limits", "batch", block_or<no_batch>},
  {"jetstream_limits", "duplicate_window", plain_duration},
  {"jetstream_batch", "timeout", plain_duration},
  {"account_jetstream", "max_memory", count},
  {"account_jetstream", "max_store", count},
  {"account_jetstream", "max_streams", count},
  {"account_jetstream", "max_consumers", count},
  {"account_jetstream", "max_bytes_required", parseable_bool},
  {"account_jetstream", "mem_max_stream_bytes", count},
  {"account_jetstream", "disk_max_stream_bytes", count},
  {"account_jetstream", "max_ack_pending", count},
  {"account_jetstream", "cluster_traffic", cluster_traffic},
  // in several blocks
  {"*", "listen", listen},
  {"*", "compression", compression},
  {"*", "write_timeout", write_timeout},
  {"*", "cipher", cipher},
};

checker rule_of(const option_row& row) {
  for (auto& one : rules)
    if ((one.block == row.block || (one.block == "*" && !row.block.empty())) && one.name == row.name())
      return one.check;
  return nullptr;
}

void check_type(load_context& ctx, const option_row& row, const value& v) {
  switch (row.type) {
  case option_type::boolean: ctx.boolean(v); break;
  case option_type::integer: ctx.integer(v); break;
  case option_type::text: ctx.text(v); break;
  case option_type::map: ctx.block(v); break;
  case option_type::duration: check_duration(ctx, row.name(), v); break;
  case option_type::list: ctx.expect<array>(v, "[]interface {}"); break;
  default: break;
  }
}

/// Every value of a map is a text.
void check_texts(load_context& ctx, const value& v) {
  if (auto m = v.get<map>())
    for (auto& [key, field] : *m) ctx.text(field);
}

void check_field(load_context& ctx, const option_row& row, const std::string& key, const value& v) {
  if (row.nested == "tls" && v.get<map>()) return void(load_tls(ctx, v));
  const checker check = rule_of(row);
  if (row.nested == "permissions") {
    load_permissions(ctx, v);
    if (check) check(ctx, key, v);
    return;
  }
  if (check) check(ctx, key, v);
  else check_type(ctx, row, v);
  check_block(ctx, v, row.nested);
}

} // namespace

void check_option(load_context& ctx, const option_row& row, const std::string& key, const value& v) {
  if (row.state == support::ignored && row.type == option_type::any) return;
  check_field(ctx, row, key, v);
  if (row.name() == "default_js_domain") check_texts(ctx, v);
}

void check_block(load_context& ctx, const value& v, std::string_view block) {
  if (auto list = v.get<array>()) {
    for (auto& entry : *list)
      check_block(ctx, entry, block);
    return;
  }
  auto m = v.get<map>();
  if (!m || block.empty() || block == "*") return;
  if (block[0] == '*') { // any key, each holding such a block
    for (auto& [key, entry] : *m)
      check_block(ctx, entry, block.substr(1));
    return;
  }
  for (auto& [key, field] : *m) {
    auto row = find_option(block, key);
    if (row) check_field(ctx, *row, key, field);
    else ctx.unknown(field, key);
  }
}

} // namespace troupe::config
