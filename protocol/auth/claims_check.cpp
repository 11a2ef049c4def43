#include "protocol/auth/claims_check.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "protocol/auth/jwt.hpp"
#include "protocol/auth/nkey.hpp"
#include "protocol/service_url.hpp"
#include "protocol/subject/subject.hpp"

namespace troupe {
namespace {

constexpr size_t max_info_bytes = 8 * 1024;
constexpr int64_t no_limit = -1;

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

bool is_account_key(std::string_view key) { return is_public_nkey(key, nkey_role::account); }

void check_time(const claims_data& d, int64_t now_s, claim_faults& out) {
  if (d.expires > 0 && now_s > d.expires) out.push_back("claim is expired");
  if (d.not_before > 0 && d.not_before > now_s) out.push_back("claim is not yet valid");
}

void check_subject(std::string_view s, claim_faults& out) {
  if (s.empty()) {
    out.push_back("subject cannot be empty");
    return;
  }
  if (s.find(' ') != std::string_view::npos)
    out.push_back("subject " + quoted(s) + " cannot have spaces");
  if (s.front() == '.' || s.back() == '.')
    out.push_back("subject " + quoted(s) + " cannot start or end with a `.`");
  if (s.find("..") != std::string_view::npos)
    out.push_back("subject " + quoted(s) + " cannot contain consecutive `.`");
}

void check_permission(const claim_permission& p, bool queues, claim_faults& out) {
  for (const claim_strings* list : {&p.allow, &p.deny}) {
    for (const std::string& entry : *list) {
      const size_t blank = entry.find(' ');
      check_subject(std::string_view(entry).substr(0, blank), out);
      if (blank == std::string::npos) continue;
      const std::string_view queue = std::string_view(entry).substr(blank + 1);
      if (queue.find(' ') != std::string_view::npos) {
        out.push_back("Permission Subject " + quoted(entry) + " contains too many spaces");
        continue;
      }
      check_subject(queue, out);
      if (!queues)
        out.push_back("Permission Subject " + quoted(entry) + " is not allowed to contain queue");
    }
  }
}

void check_permissions(const claim_permissions& p, claim_faults& out) {
  check_permission(p.subscribe, true, out);
  check_permission(p.publish, false, out);
}

void check_limits(const user_permission_limits& l, const zone_offset& zones, claim_faults& out) {
  for (const std::string& cidr : l.sources) {
    if (!parse_cidr(cidr)) out.push_back("invalid cidr " + quoted(cidr) + " in user src limits");
  }
  for (const claim_time_range& r : l.times) {
    if (!parse_time_of_day(r.start))
      out.push_back("start in time range is invalid " + quoted(r.start));
    if (!parse_time_of_day(r.end)) out.push_back("end in time range is invalid " + quoted(r.end));
  }
  if (!l.locale.empty() && !zones(l.locale, 0))
    out.push_back("could not parse iana time zone by name: unknown time zone " + l.locale);
}

// -- accounts --------------------------------------------------------------------------------------

const char* text_of(claim_export_kind kind) {
  switch (kind) {
  case claim_export_kind::stream: return "stream";
  case claim_export_kind::service: return "service";
  case claim_export_kind::unknown: break;
  }
  return "unknown";
}

void check_info(const std::string& description, const std::string& url, claim_faults& out) {
  if (description.size() > max_info_bytes) out.push_back("Description is too long");
  if (url.empty()) return;
  if (url.size() > max_info_bytes) out.push_back("Info URL is too long");
  if (!is_service_url(url)) out.push_back("error parsing info url: it is no URL");
  else if (!names_host(url)) out.push_back("error parsing info url: no hostname or scheme");
}

void check_token_position(const claim_export& e, claim_faults& out) {
  if (e.account_token_position == 0) return;
  const auto place = static_cast<size_t>(e.account_token_position);
  if (!has_wildcard(e.subject))
    out.push_back("Account Token Position can only be used with wildcard subjects: " + e.subject);
  else if (e.account_token_position < 0 || place > num_tokens(e.subject))
    out.push_back("Account Token Position " + std::to_string(e.account_token_position)
                  + " exceeds length of subject '" + e.subject + "'");
  else if (const auto token = token_at(e.subject, place); token != any_token)
    out.push_back("Account Token Position " + std::to_string(place) + " matches '"
                  + std::string(token) + "' but must match a * in: " + e.subject);
}

void check_export(const claim_export& e, claim_faults& out) {
  const bool service = e.kind == claim_export_kind::service;
  if (e.kind == claim_export_kind::unknown) out.push_back("invalid export type: \"unknown\"");
  static const std::set<std::string_view> of_services{"", "Singleton", "Stream", "Chunked"};
  if (service && of_services.count(e.response_type) == 0)
    out.push_back("invalid response type for service: " + quoted(e.response_type));
  if (e.kind == claim_export_kind::stream) {
    if (!e.response_type.empty())
      out.push_back("invalid response type for stream: " + quoted(e.response_type));
    if (e.allow_trace) out.push_back("AllowTrace only valid for service export");
  }
  if (e.latency) {
    if (!service) out.push_back("latency tracking only permitted for services");
    if (e.latency->sampling < 0 || e.latency->sampling > 100)
      out.push_back("sampling percentage needs to be between 1-100");
    check_subject(e.latency->results, out);
    if (has_wildcard(e.latency->results))
      out.push_back("results subject can not contain wildcards");
  }
  if (e.response_threshold_ns < 0) out.push_back("negative response threshold is invalid");
  if (e.response_threshold_ns > 0 && !service)
    out.push_back("response threshold only valid for services");
  check_subject(e.subject, out);
  check_token_position(e, out);
  check_info(e.description, e.info_url, out);
}

void check_exports(const std::vector<claim_export>& exports, claim_faults& out) {
  for (const claim_export& e : exports)
    check_export(e, out);
  for (size_t i = 0; i < exports.size(); ++i) {
    for (size_t j = 0; j < exports.size(); ++j) {
      if (i == j || exports[i].kind != exports[j].kind) continue;
      if (is_subset_match(exports[i].subject, exports[j].subject))
        out.push_back(std::string(text_of(exports[i].kind)) + " export subject "
                      + quoted(exports[j].subject) + " already exports "
                      + quoted(exports[i].subject));
    }
  }
}

/// What an import's local subject may be: every wildcard of the subject once, in any order.
void check_local_subject(std::string_view local, std::string_view from, claim_faults& out) {
  check_subject(local, out);
  const auto has_tail = [](std::string_view s) { return s == ">" || s.ends_with(".>"); };
  if (has_tail(local) != has_tail(from))
    out.push_back("both, renaming subject and subject, need to end or not end in >");
  int64_t wildcards = 0;
  for (const std::string_view token : subject_tokens{from})
    wildcards += token == any_token ? 1 : 0;
  int64_t used = 0;
  for (const std::string_view token : subject_tokens{local}) {
    if (token == any_token) ++used;
    if (token.size() < 2 || token[0] != '$') continue;
    int64_t index = 0;
    const auto [end, failed] = std::from_chars(token.data() + 1, token.data() + token.size(), index);
    if (failed != std::errc() || end != token.data() + token.size()) continue;
    if (index > wildcards)
      out.push_back("Reference " + std::string(token) + " in " + quoted(local) + " reference * in "
                    + quoted(from) + " that do not exist");
    else
      ++used;
  }
  if (used != wildcards)
    out.push_back("subject does not contain enough * or reference wildcards $[0-9]");
}

/// The token as far as it can be judged without the exporter and the time.
void check_import_token(const claim_import& i, std::string_view importer, claim_faults& out) {
  const auto token = decode_activation_jwt(i.token);
  if (!token) {
    out.push_back("import " + quoted(i.subject) + " contains an invalid activation token");
    return;
  }
  if (token->data.issuer != i.account && token->issuer_account != i.account)
    out.push_back("activation token doesn't match account for import " + quoted(i.subject));
  if (token->data.subject != importer)
    out.push_back("activation token doesn't match account it is being included in, "
                  + quoted(i.subject));
  if (token->kind != i.kind)
    out.push_back(std::string("mismatch between token import type ") + text_of(token->kind)
                  + " and type of import " + text_of(i.kind));
  check_subject(token->import_subject, out);
  if (!token->issuer_account.empty() && !is_account_key(token->issuer_account))
    out.push_back("account_id is not an account public key");
  const std::string& subject =
      i.kind == claim_export_kind::service && !i.to.empty() ? i.to : i.subject;
  if (!is_subset_match(subject, token->import_subject))
    out.push_back("activation token import subject " + quoted(token->import_subject)
                  + " doesn't match import " + quoted(i.subject));
}

void check_import(const claim_import& i, std::string_view importer, claim_faults& out) {
  const bool service = i.kind == claim_export_kind::service;
  if (i.kind == claim_export_kind::unknown) out.push_back("invalid import type: \"unknown\"");
  if (service && i.allow_trace) out.push_back("AllowTrace only valid for stream import");
  if (i.account.empty()) out.push_back("account to import from is not specified");
  check_subject(i.subject, out);
  if (!i.local_subject.empty()) {
    check_local_subject(i.local_subject, i.subject, out);
    if (!i.to.empty()) out.push_back("Local Subject replaces To");
  }
  if (i.share && !service)
    out.push_back("sharing information (for latency tracking) is only valid for services: "
                  + quoted(i.subject));
  if (!i.token.empty()) check_import_token(i, importer, out);
}

/// Where a service import listens.
std::string local_filter(const claim_import& i) {
  const std::string& chosen = !i.to.empty()              ? i.to
                              : !i.local_subject.empty() ? i.local_subject
                                                         : i.subject;
  std::string out;
  for (const std::string_view token : subject_tokens{chosen}) {
    if (!out.empty()) out += token_separator;
    const bool numbered = token.size() > 1 && token[0] == '$'
                          && token.find_first_not_of("0123456789", 1) == std::string_view::npos;
    out += numbered ? any_token : token;
  }
  return out;
}

void check_imports(const account_claims& a, claim_faults& out) {
  std::map<std::string_view, std::vector<std::string>> services;
  for (const claim_import& i : a.imports) {
    if (i.kind == claim_export_kind::service) {
      auto& others = services[i.account];
      std::string mine = local_filter(i);
      for (const std::string& other : others) {
        if (is_subset_match(mine, other) || is_subset_match(other, mine))
          out.push_back("overlapping subject namespace for " + quoted(mine) + " and "
                        + quoted(other) + " in same account " + quoted(i.account));
      }
      others.push_back(std::move(mine));
    }
    check_import(i, a.data.subject, out);
  }
}

void check_mappings(const std::vector<claim_mapping>& mappings, claim_faults& out) {
  for (const auto& [source, destinations] : mappings) {
    check_subject(source, out);
    std::map<std::string_view, int> total;
    for (const claim_mapping_destination& d : destinations) {
      check_subject(d.subject, out);
      if (d.effective_weight() > 100)
        out.push_back("Mapping " + quoted(source) + " has a weight "
                      + std::to_string(d.effective_weight()) + " that exceeds 100");
      total[d.cluster] += d.effective_weight();
    }
    for (const auto& [cluster, sum] : total) {
      if (sum > 100)
        out.push_back("Mapping " + quoted(source)
                      + " exceeds 100% among all of it's weighted to mappings");
    }
  }
}

void check_authorization(const external_authorization& e, claim_faults& out) {
  if (!e.allowed_accounts.empty() && e.auth_users.empty())
    out.push_back("External authorization cannot have accounts without users specified");
  for (const std::string& user : e.auth_users) {
    if (!is_public_nkey(user, nkey_role::user))
      out.push_back("AuthUser " + quoted(user) + " is not a valid user public key");
  }
  for (const std::string& account : e.allowed_accounts) {
    if (account == every_key) {
      if (e.allowed_accounts.size() > 1)
        out.push_back("AllowedAccounts can only be a list of accounts or \"*\"");
    } else if (!is_account_key(account)) {
      out.push_back("Account " + quoted(account) + " is not a valid account public key");
    }
  }
  if (!e.xkey.empty() && !is_public_nkey(e.xkey, nkey_role::curve))
    out.push_back("XKey " + quoted(e.xkey) + " is not a valid public xkey");
}

void check_account_limits(const account_claims& a, claim_faults& out) {
  const account_claim_limits& l = a.limits;
  if (!l.jetstream_tiers.empty()) {
    if (l.jetstream != claim_jetstream_limits{})
      out.push_back("JetStream Limits and tiered JetStream Limits are mutually exclusive");
    if (l.jetstream_tiers.count("") > 0)
      out.push_back("Tiered JetStream Limits can not contain a blank \"\" tier name");
  }
  if (l.imports != no_limit && static_cast<int64_t>(a.imports.size()) > l.imports)
    out.push_back("the account contains more imports than allowed by the operator");
  if (l.exports == no_limit) return;
  if (static_cast<int64_t>(a.exports.size()) > l.exports)
    out.push_back("the account contains more exports than allowed by the operator");
  if (!l.wildcard_exports
      && std::any_of(a.exports.begin(), a.exports.end(),
                     [](const claim_export& e) { return has_wildcard(e.subject); }))
    out.push_back("the account contains wildcard exports that are not allowed by the operator");
}

void check_trace(const claim_trace& t, claim_faults& out) {
  claim_faults of_subject;
  check_subject(t.destination, of_subject);
  if (!of_subject.empty())
    out.push_back("the account Trace.Destination " + of_subject.front());
  if (has_wildcard(t.destination))
    out.push_back("the account Trace.Destination subject " + quoted(t.destination)
                  + " is not a valid publish subject");
  if (t.sampling < 0 || t.sampling > 100)
    out.push_back("the account Trace.Sampling value '" + std::to_string(t.sampling)
                  + "' is not valid, should be in the range [1..100]");
}

} // namespace

claim_faults check_claims(const account_claims& a, int64_t now_s) {
  claim_faults out;
  check_time(a.data, now_s, out);
  check_imports(a, out);
  check_exports(a.exports, out);
  check_account_limits(a, out);
  check_permissions(a.default_permissions, out);
  check_mappings(a.mappings, out);
  check_authorization(a.authorization, out);
  if (a.trace) check_trace(*a.trace, out);
  for (const auto& [key, scope] : a.signing_keys) {
    if (!is_account_key(key)) out.push_back(quoted(key) + " is not a valid account signing key");
  }
  check_info(a.description, a.info_url, out);
  if (!a.cluster_traffic.empty() && a.cluster_traffic != "system" && a.cluster_traffic != "owner")
    out.push_back("unknown cluster traffic option: " + quoted(a.cluster_traffic));
  if (!is_account_key(a.data.subject)) out.push_back("subject is not an account public key");
  return out;
}

claim_faults check_claims(const user_claims& u, int64_t now_s, const zone_offset& zones) {
  claim_faults out;
  check_time(u.data, now_s, out);
  check_permissions(u.limits.permissions, out);
  check_limits(u.limits, zones, out);
  if (!u.issuer_account.empty() && !is_account_key(u.issuer_account))
    out.push_back("account_id is not an account public key");
  if (!is_public_nkey(u.data.subject, nkey_role::user))
    out.push_back("subject is not a user public key");
  return out;
}

claim_faults check_claims(const operator_claims& o, int64_t now_s) {
  claim_faults out;
  check_time(o.data, now_s, out);
  if (!o.account_server_url.empty() && o.account_server_url.find("://") == std::string::npos)
    out.push_back("account server url " + quoted(o.account_server_url) + " requires a protocol");
  for (const std::string& key : o.signing_keys) {
    if (!is_public_nkey(key, nkey_role::operator_))
      out.push_back(key + " is not an operator public key");
  }
  if (!o.system_account.empty() && !is_account_key(o.system_account))
    out.push_back(o.system_account + " is not an account public key");
  if (auto version = parse_asserted_version(o.assert_server_version); !version)
    out.push_back("assert server version error: " + version.error().context);
  return out;
}

claim_faults check_claims(const activation_claims& a, int64_t now_s) {
  claim_faults out;
  check_time(a.data, now_s, out);
  if (a.kind == claim_export_kind::unknown) out.push_back("invalid import type: \"unknown\"");
  check_subject(a.import_subject, out);
  if (!a.issuer_account.empty() && !is_account_key(a.issuer_account))
    out.push_back("account_id is not an account public key");
  return out;
}

claim_faults check_claims(const authorization_response_claims& r, int64_t now_s) {
  claim_faults out;
  if (!is_public_nkey(r.data.subject, nkey_role::user))
    out.push_back("Subject must be a user public key");
  if (!is_public_nkey(r.data.audience, nkey_role::server))
    out.push_back("Audience must be a server public key");
  if (r.error.empty() && r.jwt.empty()) out.push_back("Error or Jwt is required");
  if (!r.error.empty() && !r.jwt.empty()) out.push_back("Only Error or Jwt can be set");
  if (!r.issuer_account.empty() && !is_account_key(r.issuer_account))
    out.push_back("issuer_account is not an account public key");
  check_time(r.data, now_s, out);
  return out;
}

std::vector<claim_remark> remarks_on(const account_claims& claims, int64_t now_s) {
  std::vector<claim_remark> out;
  claim_faults of_time;
  check_time(claims.data, now_s, of_time);
  for (std::string& text : of_time) out.push_back({std::move(text), true});
  for (const claim_import& i : claims.imports)
    if (!i.to.empty()) out.push_back({"the field to has been deprecated (use LocalSubject instead)"});
  return out;
}

result<int64_t> check_activation(const claim_import& wanted, std::string_view importer,
                                 const account_claims& exporter, const revocation_list& revoked,
                                 int64_t now_s) {
  const auto refuse = [](std::string why) { return error{errc::unauthorized, std::move(why)}; };
  if (wanted.token.empty()) return refuse("the export needs an activation token");
  claim_faults faults;
  check_import(wanted, importer, faults);
  if (!faults.empty()) return refuse(faults.front());
  const auto token = decode_activation_jwt(wanted.token);
  if (!token) return token.error();
  if (faults = check_claims(*token, now_s); !faults.empty()) return refuse(faults.front());
  if (token->data.expires != 0 && token->data.expires <= now_s) return refuse("claim is expired");
  const bool by_account = token->issuer_account.empty();
  if (by_account ? token->data.issuer != exporter.data.subject
                 : token->issuer_account != exporter.data.subject
                       || exporter.signing_keys.count(token->data.issuer) == 0)
    return refuse("activation token is not signed by the exporting account");
  if (is_revoked(revoked, token->data.subject, token->data.issued_at))
    return refuse("activation token is revoked");
  return token->data.expires;
}

result<asserted_version> parse_asserted_version(std::string_view text) {
  asserted_version v;
  if (text.empty()) return v;
  int64_t* const parts[] = {&v.major, &v.minor, &v.update};
  if (num_tokens(text) != 3)
    return error{errc::malformed,
                 "asserted server version must be of the form <major>.<minor>.<update>"};
  size_t at = 0;
  for (const std::string_view token : subject_tokens{text}) {
    int64_t& part = *parts[at++];
    const auto [end, failed] = std::from_chars(token.data(), token.data() + token.size(), part);
    if (failed != std::errc() || end != token.data() + token.size())
      return error{errc::malformed,
                   "asserted server version cant parse " + std::string(token) + " to int"};
    if (part < 0)
      return error{errc::malformed,
                   "asserted server version can'b contain negative values: " + std::string(text)};
  }
  return v;
}

} // namespace troupe
