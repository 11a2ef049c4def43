#include "protocol/auth/claims_write.hpp"

#include "protocol/service_url.hpp"

namespace troupe {
namespace {

template <class F>
void object(json_writer& w, std::string_view name, F&& members) {
  w.key(name);
  w.begin_object();
  members();
  w.end_object();
}

/// Nothing for an empty list.
template <class List, class F>
void list(json_writer& w, std::string_view name, const List& items, F&& write_one) {
  if (items.empty()) return;
  w.key(name);
  w.begin_array();
  for (const auto& item : items) write_one(item);
  w.end_array();
}

void write_generic(json_writer& w, const char* type, const claim_strings& tags, int64_t version) {
  w.member_if("tags", tags);
  w.member("type", type);
  w.member_if("version", version);
}

void write_permission(json_writer& w, std::string_view name, const claim_permission& p) {
  object(w, name, [&] {
    w.member_if("allow", p.allow);
    w.member_if("deny", p.deny);
  });
}

void write_permissions(json_writer& w, const claim_permissions& p) {
  write_permission(w, "pub", p.publish);
  write_permission(w, "sub", p.subscribe);
  if (!p.responses) return;
  object(w, "resp", [&] {
    w.member("max", p.responses->max);
    w.member("ttl", p.responses->ttl_ns);
  });
}

void write_revocations(json_writer& w, const revocation_list& revoked) {
  if (revoked.empty()) return;
  object(w, "revocations", [&] {
    for (const auto& [key, since] : revoked) w.member(key, since);
  });
}

void write_kind(json_writer& w, claim_export_kind kind) {
  if (kind == claim_export_kind::unknown) return;
  w.member("type", kind == claim_export_kind::service ? "service" : "stream");
}

void write_import(json_writer& w, const claim_import& i) {
  w.begin_object();
  w.member_if("name", i.name);
  w.member_if("subject", i.subject);
  w.member_if("account", i.account);
  w.member_if("to", i.to);
  w.member_if("local_subject", i.local_subject);
  write_kind(w, i.kind);
  w.member_if("share", i.share);
  w.member_if("allow_trace", i.allow_trace);
  w.end_object();
}

void write_export(json_writer& w, const claim_export& e) {
  w.begin_object();
  w.member_if("name", e.name);
  w.member_if("subject", e.subject);
  write_kind(w, e.kind);
  w.member_if("token_req", e.token_required);
  write_revocations(w, e.revocations);
  w.member_if("response_type", e.response_type);
  w.member_if("response_threshold", e.response_threshold_ns);
  if (e.latency)
    object(w, "service_latency", [&] {
      if (e.latency->sampling == 0) w.member("sampling", "headers");
      else w.member("sampling", e.latency->sampling);
      w.member("results", e.latency->results);
    });
  w.member_if("account_token_position", e.account_token_position);
  w.member_if("advertise", e.advertise);
  w.member_if("allow_trace", e.allow_trace);
  w.member_if("description", e.description);
  w.member_if("info_url", shown_url(e.info_url, 0));
  w.end_object();
}

void write_jetstream(json_writer& w, const claim_jetstream_limits& l) {
  w.member_if("mem_storage", l.memory_storage);
  w.member_if("disk_storage", l.disk_storage);
  w.member_if("streams", l.streams);
  w.member_if("consumer", l.consumers);
  w.member_if("max_ack_pending", l.max_ack_pending);
  w.member_if("mem_max_stream_bytes", l.memory_max_stream_bytes);
  w.member_if("disk_max_stream_bytes", l.disk_max_stream_bytes);
  w.member_if("max_bytes_required", l.max_bytes_required);
}

void write_limits(json_writer& w, const account_claim_limits& l) {
  w.member_if("subs", l.subscriptions);
  w.member_if("data", l.data);
  w.member_if("payload", l.payload);
  w.member_if("imports", l.imports);
  w.member_if("exports", l.exports);
  w.member_if("wildcards", l.wildcard_exports);
  w.member_if("disallow_bearer", l.disallow_bearer);
  w.member_if("conn", l.connections);
  w.member_if("leaf", l.leafnodes);
  write_jetstream(w, l.jetstream);
  if (l.jetstream_tiers.empty()) return;
  object(w, "tiered_limits", [&] {
    for (const auto& tier : l.jetstream_tiers)
      object(w, tier.first, [&] { write_jetstream(w, tier.second); });
  });
}

void write_template(json_writer& w, const user_permission_limits& l) {
  write_permissions(w, l.permissions);
  w.member_if("src", l.sources);
  list(w, "times", l.times, [&](const claim_time_range& r) {
    w.begin_object();
    w.member_if("start", r.start);
    w.member_if("end", r.end);
    w.end_object();
  });
  w.member_if("times_location", l.locale);
  w.member_if("subs", l.subscriptions);
  w.member_if("data", l.data);
  w.member_if("payload", l.payload);
  w.member_if("bearer_token", l.bearer);
  w.member_if("proxy_required", l.proxy_required);
  w.member_if("allowed_connection_types", l.allowed_connection_types);
}

void write_signing_key(json_writer& w, const std::string& key, const std::optional<user_scope>& scope) {
  if (!scope) return w.value(key);
  w.begin_object();
  w.member("kind", "user_scope");
  w.member("key", scope->key);
  w.member("role", scope->role);
  object(w, "template", [&] { write_template(w, scope->limits); });
  w.member("description", scope->description);
  w.end_object();
}

void write_mappings(json_writer& w, const std::vector<claim_mapping>& mappings) {
  if (mappings.empty()) return;
  object(w, "mappings", [&] {
    for (const auto& [source, destinations] : mappings) {
      w.key(source);
      w.begin_array();
      for (const claim_mapping_destination& d : destinations) {
        w.begin_object();
        w.member("subject", d.subject);
        w.member_if("weight", d.weight);
        w.member_if("cluster", d.cluster);
        w.end_object();
      }
      w.end_array();
    }
  });
}

void write_rules(json_writer& w, const account_claims& a) {
  list(w, "imports", a.imports, [&](const claim_import& i) { write_import(w, i); });
  list(w, "exports", a.exports, [&](const claim_export& e) { write_export(w, e); });
  object(w, "limits", [&] { write_limits(w, a.limits); });
  list(w, "signing_keys", a.signing_keys, [&](const auto& one) { write_signing_key(w, one.first, one.second); });
  write_revocations(w, a.revocations);
  object(w, "default_permissions", [&] { write_permissions(w, a.default_permissions); });
  write_mappings(w, a.mappings);
  object(w, "authorization", [&] {
    w.member_if("auth_users", a.authorization.auth_users);
    w.member_if("allowed_accounts", a.authorization.allowed_accounts);
    w.member_if("xkey", a.authorization.xkey);
  });
  if (a.trace)
    object(w, "trace", [&] {
      w.member_if("dest", a.trace->destination);
      // None means all of them, and is shown so.
      w.member("sampling", a.trace->sampling == 0 ? 100 : a.trace->sampling);
    });
  w.member_if("cluster_traffic", a.cluster_traffic);
  w.member_if("description", a.description);
  w.member_if("info_url", shown_url(a.info_url, 0));
}

} // namespace

void write_members(json_writer& w, const claims_data& d) {
  w.member_if("aud", d.audience);
  w.member_if("exp", d.expires);
  w.member_if("jti", d.id);
  w.member_if("iat", d.issued_at);
  w.member_if("iss", d.issuer);
  w.member_if("name", d.name);
  w.member_if("nbf", d.not_before);
  w.member_if("sub", d.subject);
}

void write_claims(json_writer& w, const account_claims& claims) {
  w.begin_object();
  write_members(w, claims.data);
  object(w, "nats", [&] {
    write_rules(w, claims);
    write_generic(w, "account", claims.tags, claims.version);
  });
  w.end_object();
}

void write_claims(json_writer& w, const operator_claims& claims) {
  claim_strings urls;
  for (const std::string& url : claims.service_urls) urls.push_back(shown_url(url, 0));
  w.begin_object();
  write_members(w, claims.data);
  object(w, "nats", [&] {
    w.member_if("signing_keys", claims.signing_keys);
    w.member_if("account_server_url", shown_url(claims.account_server_url, 0));
    w.member_if("operator_service_urls", urls);
    w.member_if("system_account", claims.system_account);
    w.member_if("assert_server_version", claims.assert_server_version);
    w.member_if("strict_signing_key_usage", claims.strict_signing_key_usage);
    write_generic(w, "operator", claims.tags, claims.version);
  });
  w.end_object();
}

} // namespace troupe
