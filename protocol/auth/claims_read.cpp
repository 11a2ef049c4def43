#include "protocol/auth/claims_read.hpp"

#include <algorithm>
#include <concepts>

#include "protocol/json/reader.hpp"

namespace troupe {
namespace {

using simdjson::dom::element;

// Reading a value never touches `out` for null and is false for a wrong type.

bool read(const element& v, bool& out) { return v.get(out) == simdjson::SUCCESS; }
bool read(const element& v, int64_t& out) { return v.get(out) == simdjson::SUCCESS; }
bool read(const element& v, uint64_t& out) { return v.get(out) == simdjson::SUCCESS; }
bool read(const element& v, std::string& out) {
  std::string_view text;
  if (v.get(text) != simdjson::SUCCESS) return false;
  out = text;
  return true;
}

// What is inside what, so that take() finds them all.
using signing_key_map = decltype(account_claims::signing_keys);
bool read(const element& v, claim_permission& out);
bool read(const element& v, claim_permissions& out);
bool read(const element& v, std::optional<claim_responses>& out);
bool read(const element& v, std::vector<claim_time_range>& out);
bool read(const element& v, user_permission_limits& out);
bool read(const element& v, revocation_list& out);
bool read(const element& v, claim_export_kind& out);
bool read(const element& v, std::optional<claim_latency>& out);
bool read(const element& v, std::vector<claim_export>& out);
bool read(const element& v, std::vector<claim_import>& out);
bool read(const element& v, std::map<std::string, claim_jetstream_limits>& out);
bool read(const element& v, account_claim_limits& out);
bool read(const element& v, std::vector<claim_mapping>& out);
bool read(const element& v, signing_key_map& out);
bool read(const element& v, external_authorization& out);
bool read(const element& v, std::optional<claim_trace>& out);
bool read(const element& v, authorization_request_claims::server_id& out);
bool read(const element& v, authorization_request_claims::client_information& out);
bool read(const element& v, authorization_request_claims::connect_options& out);
bool read(const element& v, std::optional<authorization_request_claims::client_tls>& out);
bool read(const element& v, std::vector<claim_strings>& out);

/// field(name, value) -> bool for every member that is not null.
template <class F>
bool each_member(const element& v, F&& field) {
  simdjson::dom::object object;
  if (v.get(object) != simdjson::SUCCESS) return false;
  for (const auto& [name, value] : object) {
    if (!value.is_null() && !field(name, value)) return false;
  }
  return true;
}

template <class T, class R>
bool read_list(const element& v, std::vector<T>& out, R&& read_one) {
  simdjson::dom::array items;
  if (v.get(items) != simdjson::SUCCESS) return false;
  out.clear();
  for (const element item : items) {
    out.emplace_back();
    if (!item.is_null() && !read_one(item, out.back())) return false;
  }
  return true;
}

bool read(const element& v, claim_strings& out) {
  return read_list(v, out, [](const element& item, std::string& s) { return read(item, s); });
}

/// One member of a JSON object and where it goes. Names are tried in order.
template <class T>
struct slot {
  std::string_view name;
  T& out;
};
template <class T>
slot(std::string_view, T&) -> slot<T>;

/// True if the member is unknown or was read.
template <class... T>
bool take(std::string_view name, const element& v, slot<T>... slots) {
  bool fine = true;
  (void)((same_field_name(name, slots.name) ? (fine = read(v, slots.out), true) : false) || ...);
  return fine;
}

bool read(const element& v, claim_permission& out) {
  return each_member(v, [&](std::string_view n, const element& x) {
    return take(n, x, slot{"allow", out.allow}, slot{"deny", out.deny});
  });
}

bool read(const element& v, std::optional<claim_responses>& out) {
  if (!out) out.emplace();
  return each_member(v, [&](std::string_view n, const element& x) {
    return take(n, x, slot{"max", out->max}, slot{"ttl", out->ttl_ns});
  });
}

bool read_permissions(std::string_view n, const element& x, claim_permissions& out) {
  return take(n, x, slot{"pub", out.publish}, slot{"sub", out.subscribe},
              slot{"resp", out.responses});
}

bool read(const element& v, claim_permissions& out) {
  return each_member(
      v, [&](std::string_view n, const element& x) { return read_permissions(n, x, out); });
}

bool read(const element& v, std::vector<claim_time_range>& out) {
  return read_list(v, out, [](const element& item, claim_time_range& r) {
    return each_member(item, [&](std::string_view n, const element& x) {
      return take(n, x, slot{"start", r.start}, slot{"end", r.end});
    });
  });
}

/// CIDRs are a list, or a text with commas.
bool read_sources(const element& v, claim_strings& out) {
  std::string text;
  if (!read(v, text)) return read(v, out);
  out.clear();
  for (size_t start = 0; start <= text.size();) {
    const size_t comma = std::min(text.find(',', start), text.size());
    std::string one = text.substr(start, comma - start);
    std::erase_if(one, [](char c) { return c == ' ' || c == '\t'; });
    if (!one.empty()) out.push_back(std::move(one));
    start = comma + 1;
  }
  return true;
}

bool read_limits(std::string_view n, const element& x, user_permission_limits& out) {
  if (same_field_name(n, "src")) return read_sources(x, out.sources);
  return read_permissions(n, x, out.permissions)
         && take(n, x, slot{"times", out.times}, slot{"times_location", out.locale},
                 slot{"subs", out.subscriptions}, slot{"data", out.data},
                 slot{"payload", out.payload}, slot{"bearer_token", out.bearer},
                 slot{"proxy_required", out.proxy_required},
                 slot{"allowed_connection_types", out.allowed_connection_types});
}

bool read(const element& v, user_permission_limits& out) {
  return each_member(v,
                     [&](std::string_view n, const element& x) { return read_limits(n, x, out); });
}

bool read(const element& v, revocation_list& out) {
  return each_member(v, [&](std::string_view n, const element& x) {
    return read(x, out[std::string(n)]);
  });
}

bool read(const element& v, claim_export_kind& out) {
  std::string text;
  if (!read(v, text)) return false;
  if (text != "stream" && text != "service") return false;
  out = text == "stream" ? claim_export_kind::stream : claim_export_kind::service;
  return true;
}

bool read(const element& v, std::optional<claim_latency>& out) {
  if (!out) out.emplace();
  return each_member(v, [&](std::string_view n, const element& x) {
    if (!same_field_name(n, "sampling")) return take(n, x, slot{"results", out->results});
    std::string_view text;
    if (x.get(text) != simdjson::SUCCESS) return read(x, out->sampling);
    out->sampling = 0;
    return same_field_name(text, "headers");
  });
}

bool read(const element& v, std::vector<claim_export>& out) {
  return read_list(v, out, [](const element& item, claim_export& e) {
    return each_member(item, [&](std::string_view n, const element& x) {
      return take(n, x, slot{"name", e.name}, slot{"subject", e.subject}, slot{"type", e.kind},
                  slot{"token_req", e.token_required}, slot{"revocations", e.revocations},
                  slot{"response_type", e.response_type},
                  slot{"response_threshold", e.response_threshold_ns},
                  slot{"service_latency", e.latency},
                  slot{"account_token_position", e.account_token_position},
                  slot{"advertise", e.advertise}, slot{"allow_trace", e.allow_trace},
                  slot{"description", e.description}, slot{"info_url", e.info_url});
    });
  });
}

bool read(const element& v, std::vector<claim_import>& out) {
  return read_list(v, out, [](const element& item, claim_import& i) {
    return each_member(item, [&](std::string_view n, const element& x) {
      return take(n, x, slot{"name", i.name}, slot{"subject", i.subject},
                  slot{"account", i.account}, slot{"token", i.token}, slot{"to", i.to},
                  slot{"local_subject", i.local_subject}, slot{"type", i.kind},
                  slot{"share", i.share}, slot{"allow_trace", i.allow_trace});
    });
  });
}

bool read_jetstream(std::string_view n, const element& x, claim_jetstream_limits& out) {
  return take(n, x, slot{"mem_storage", out.memory_storage},
              slot{"disk_storage", out.disk_storage}, slot{"streams", out.streams},
              slot{"consumer", out.consumers}, slot{"max_ack_pending", out.max_ack_pending},
              slot{"mem_max_stream_bytes", out.memory_max_stream_bytes},
              slot{"disk_max_stream_bytes", out.disk_max_stream_bytes},
              slot{"max_bytes_required", out.max_bytes_required});
}

bool read(const element& v, std::map<std::string, claim_jetstream_limits>& out) {
  return each_member(v, [&](std::string_view tier, const element& item) {
    auto& limits = out[std::string(tier)] = {};
    return each_member(
        item, [&](std::string_view n, const element& x) { return read_jetstream(n, x, limits); });
  });
}

bool read(const element& v, account_claim_limits& out) {
  return each_member(v, [&](std::string_view n, const element& x) {
    return read_jetstream(n, x, out.jetstream)
           && take(n, x, slot{"subs", out.subscriptions}, slot{"data", out.data},
                   slot{"payload", out.payload}, slot{"imports", out.imports},
                   slot{"exports", out.exports}, slot{"wildcards", out.wildcard_exports},
                   slot{"disallow_bearer", out.disallow_bearer}, slot{"conn", out.connections},
                   slot{"leaf", out.leafnodes}, slot{"tiered_limits", out.jetstream_tiers});
  });
}

bool read(const element& v, std::vector<claim_mapping>& out) {
  out.clear();
  return each_member(v, [&](std::string_view source, const element& list) {
    auto& [from, destinations] = out.emplace_back();
    from = source;
    return read_list(list, destinations, [](const element& item, claim_mapping_destination& d) {
      return each_member(item, [&](std::string_view n, const element& x) {
        return take(n, x, slot{"subject", d.subject}, slot{"weight", d.weight},
                    slot{"cluster", d.cluster});
      }) && d.weight >= 0 && d.weight <= 255;
    });
  });
}

bool read_scope(const element& v, user_scope& out) {
  std::string kind;
  out.limits.subscriptions = out.limits.data = out.limits.payload = -1;
  const bool fine = each_member(v, [&](std::string_view n, const element& x) {
    return take(n, x, slot{"kind", kind}, slot{"key", out.key}, slot{"role", out.role},
                slot{"template", out.limits}, slot{"description", out.description});
  });
  return fine && kind == "user_scope";
}

bool read(const element& v, signing_key_map& out) {
  simdjson::dom::array items;
  if (v.get(items) != simdjson::SUCCESS) return false;
  for (const element item : items) {
    std::string key;
    user_scope scope;
    if (read(item, key)) {
      out[key] = std::nullopt;
    } else if (item.is_object()) {
      if (!read_scope(item, scope)) return false;
      key = scope.key;
      out[key] = std::move(scope);
    }
  }
  return true;
}

bool read(const element& v, external_authorization& out) {
  return each_member(v, [&](std::string_view n, const element& x) {
    return take(n, x, slot{"auth_users", out.auth_users},
                slot{"allowed_accounts", out.allowed_accounts}, slot{"xkey", out.xkey});
  });
}

bool read(const element& v, std::optional<claim_trace>& out) {
  if (!out) out.emplace();
  return each_member(v, [&](std::string_view n, const element& x) {
    return take(n, x, slot{"dest", out->destination}, slot{"sampling", out->sampling});
  });
}

// -- each kind's "nats" object, member by member ---------------------------------------------------

bool read_member(std::string_view n, const element& x, user_claims& out) {
  return read_limits(n, x, out.limits)
         && take(n, x, slot{"issuer_account", out.issuer_account}, slot{"tags", out.tags},
                 slot{"version", out.version});
}

bool read_member(std::string_view n, const element& x, account_claims& out) {
  return take(n, x, slot{"imports", out.imports}, slot{"exports", out.exports},
              slot{"limits", out.limits}, slot{"signing_keys", out.signing_keys},
              slot{"revocations", out.revocations},
              slot{"default_permissions", out.default_permissions},
              slot{"mappings", out.mappings}, slot{"authorization", out.authorization},
              slot{"trace", out.trace}, slot{"cluster_traffic", out.cluster_traffic},
              slot{"description", out.description}, slot{"info_url", out.info_url},
              slot{"tags", out.tags}, slot{"version", out.version});
}

bool read_member(std::string_view n, const element& x, operator_claims& out) {
  return take(n, x, slot{"signing_keys", out.signing_keys},
              slot{"account_server_url", out.account_server_url},
              slot{"operator_service_urls", out.service_urls},
              slot{"system_account", out.system_account},
              slot{"assert_server_version", out.assert_server_version},
              slot{"strict_signing_key_usage", out.strict_signing_key_usage},
              slot{"tags", out.tags}, slot{"version", out.version});
}

bool read_member(std::string_view n, const element& x, activation_claims& out) {
  return take(n, x, slot{"subject", out.import_subject}, slot{"kind", out.kind},
              slot{"issuer_account", out.issuer_account}, slot{"tags", out.tags},
              slot{"version", out.version});
}

bool read_member(std::string_view n, const element& x, authorization_response_claims& out) {
  return take(n, x, slot{"jwt", out.jwt}, slot{"error", out.error},
              slot{"issuer_account", out.issuer_account});
}

bool read(const element& v, authorization_request_claims::server_id& out) {
  return each_member(v, [&](std::string_view n, const element& x) {
    return take(n, x, slot{"name", out.name}, slot{"host", out.host}, slot{"id", out.id},
                slot{"version", out.version}, slot{"cluster", out.cluster}, slot{"tags", out.tags},
                slot{"xkey", out.xkey});
  });
}

bool read(const element& v, authorization_request_claims::client_information& out) {
  return each_member(v, [&](std::string_view n, const element& x) {
    return take(n, x, slot{"host", out.host}, slot{"id", out.id}, slot{"user", out.user},
                slot{"name", out.name}, slot{"tags", out.tags}, slot{"name_tag", out.name_tag},
                slot{"kind", out.kind}, slot{"type", out.type}, slot{"mqtt_id", out.mqtt_id},
                slot{"nonce", out.nonce});
  });
}

bool read(const element& v, authorization_request_claims::connect_options& out) {
  return each_member(v, [&](std::string_view n, const element& x) {
    return take(n, x, slot{"jwt", out.jwt}, slot{"nkey", out.nkey}, slot{"sig", out.sig},
                slot{"auth_token", out.auth_token}, slot{"user", out.user},
                slot{"pass", out.pass}, slot{"name", out.name}, slot{"lang", out.lang},
                slot{"version", out.version}, slot{"protocol", out.protocol});
  });
}

bool read(const element& v, std::vector<claim_strings>& out) {
  return read_list(v, out, [](const element& item, claim_strings& s) { return read(item, s); });
}

bool read(const element& v, std::optional<authorization_request_claims::client_tls>& out) {
  if (!out) out.emplace();
  return each_member(v, [&](std::string_view n, const element& x) {
    return take(n, x, slot{"version", out->version}, slot{"cipher", out->cipher},
                slot{"certs", out->certs}, slot{"verified_chains", out->verified_chains});
  });
}

bool read_member(std::string_view n, const element& x, authorization_request_claims& out) {
  return take(n, x, slot{"server_id", out.server}, slot{"user_nkey", out.user_nkey},
              slot{"client_info", out.client}, slot{"connect_opts", out.connect},
              slot{"client_tls", out.tls}, slot{"request_nonce", out.request_nonce});
}

bool read_member(std::string_view n, const element& x, generic_claims& out) {
  if (n == "accounts") out.lists_accounts = x.is_array();
  return take(n, x, slot{"type", out.kind}, slot{"accounts", out.accounts});
}

bool read_data(std::string_view n, const element& x, claims_data& out) {
  return take(n, x, slot{"aud", out.audience}, slot{"exp", out.expires}, slot{"jti", out.id},
              slot{"iat", out.issued_at}, slot{"iss", out.issuer}, slot{"name", out.name},
              slot{"nbf", out.not_before}, slot{"sub", out.subject});
}

/// What version 1 states beside the "nats" object.
template <class T>
bool read_old(std::string_view n, const element& x, T& out) {
  bool fine = true;
  if constexpr (requires { out.tags; }) fine = take(n, x, slot{"tags", out.tags});
  if constexpr (std::same_as<T, user_claims> || std::same_as<T, activation_claims>)
    fine = fine && take(n, x, slot{"issuer_account", out.issuer_account});
  return fine;
}

struct identity {
  std::string kind;
  int64_t version = 0;
};

error malformed(const char* why) { return {errc::malformed, why}; }

result<identity> identify(const element& document) {
  std::string old_kind, kind;
  int64_t version = 0;
  const bool fine = each_member(document, [&](std::string_view n, const element& x) {
    if (!same_field_name(n, "nats")) return take(n, x, slot{"type", old_kind});
    return each_member(x, [&](std::string_view m, const element& y) {
      return take(m, y, slot{"type", kind}, slot{"version", version});
    });
  });
  if (!fine) return malformed("claim is not a JSON object of the expected form");
  if (!old_kind.empty()) return identity{old_kind, 1};
  return identity{kind, version};
}

template <class T>
result<T> read_as(const element& document, int64_t version) {
  T out;
  const bool old = version == 1;
  if constexpr (std::same_as<T, user_claims>) {
    if (old) out.limits.subscriptions = out.limits.data = out.limits.payload = -1;
  }
  const bool fine = each_member(document, [&](std::string_view n, const element& x) {
    if (!same_field_name(n, "nats"))
      return read_data(n, x, out.data) && (!old || read_old(n, x, out));
    return each_member(x, [&](std::string_view m, const element& y) {
      if constexpr (std::same_as<T, activation_claims>) {
        if (old && same_field_name(m, "type")) return read(y, out.kind);
      }
      return read_member(m, y, out);
    });
  });
  if (!fine) return malformed("claim has a field of the wrong type");
  if constexpr (requires { out.version; }) {
    out.version = version;
    if (version != 1 && version != 2)
      return error{errc::malformed, "library supports version 2 or less - received "
                                        + std::to_string(version)};
  }
  return out;
}

template <class T>
result<unverified_claims> wrap(result<T> read, int64_t version) {
  if (!read) return read.error();
  return unverified_claims{std::move(*read), version};
}

} // namespace

result<unverified_claims> read_claims(const element& document) {
  const auto id = identify(document);
  if (!id) return id.error();
  const auto& [kind, version] = *id;
  if (version > 2) return malformed("JWT was generated by a newer version");
  if (kind == "operator") return wrap(read_as<operator_claims>(document, version), version);
  if (kind == "account") {
    auto account = read_as<account_claims>(document, version);
    if (account && !account->limits.jetstream_tiers.empty()) account->limits.jetstream = {};
    return wrap(std::move(account), version);
  }
  if (kind == "user") return wrap(read_as<user_claims>(document, version), version);
  if (kind == "activation") return wrap(read_as<activation_claims>(document, version), version);
  if (kind == "authorization_request")
    return wrap(read_as<authorization_request_claims>(document, version), version);
  if (kind == "authorization_response")
    return wrap(read_as<authorization_response_claims>(document, version), version);
  if (kind == "cluster") return malformed("ClusterClaims are not supported");
  if (kind == "server") return malformed("ServerClaims are not supported");
  return wrap(read_as<generic_claims>(document, version), version);
}

result<generic_claims> read_generic_claims(const element& document) {
  return read_as<generic_claims>(document, 2);
}

} // namespace troupe
