#include "actors/auth/operator_account.hpp"

#include <algorithm>

#include "protocol/auth/claims_check.hpp"
#include "protocol/auth/jwt.hpp"
#include "protocol/client/go_quote.hpp"
#include "protocol/subject/account_functions.hpp"
#include "protocol/subject/mapping.hpp"
#include "protocol/subject/subject.hpp"

namespace troupe {

namespace {

using std::chrono::nanoseconds;

/// The export of just that subject, or else the first of a wider one.
const claim_export* export_of(const operator_account& exporter, const claim_import& wanted,
                              const std::string& subject) {
  const claim_export* wider = nullptr;
  for (const auto* list : {&exporter.claims.exports, &exporter.implied_exports})
    for (const claim_export& e : *list) {
      if (e.kind != wanted.kind) continue;
      const auto offered = fill_account_functions(e.subject, {exporter.key()});
      if (!offered) continue;
      if (subject == *offered) return &e;
      if (!wider && is_subset_match(subject, *offered)) wider = &e;
    }
  return wider;
}

/// What every account may ask the system account, unless its claims export the same in their own way
/// (Go: addSystemAccountExports).
std::vector<claim_export> system_exports(const account_claims& claims) {
  struct row {
    const char* subject;
    const char* response_type;
    int64_t account_token_position;
  };
  constexpr row rows[] = {{"$SYS.REQ.ACCOUNT.*.CONNZ", "Stream", 4},
                          {"$SYS.REQ.ACCOUNT.*.STATZ", "Stream", 4},
                          {"$SYS.REQ.ACCOUNT.NSUBS", "", 0},
                          {"$SYS.REQ.USER.*.INFO", "", 0}};
  std::vector<claim_export> out;
  for (const row& r : rows) {
    const bool said = std::any_of(claims.exports.begin(), claims.exports.end(), [&](const claim_export& e) {
      return e.kind == claim_export_kind::service && is_subset_match(r.subject, e.subject);
    });
    if (said) continue;
    claim_export e;
    e.subject = r.subject;
    e.kind = claim_export_kind::service;
    e.response_type = r.response_type;
    e.account_token_position = r.account_token_position;
    out.push_back(std::move(e));
  }
  return out;
}

const char* kind_text(claim_export_kind kind) {
  return kind == claim_export_kind::service ? "service" : "stream";
}

result<config::export_options> to_export(const operator_account& account, const claim_export& e) {
  config::export_options out;
  out.service = e.kind == claim_export_kind::service;
  auto subject = fill_account_functions(e.subject, {account.key()});
  if (!subject) return subject.error();
  out.subject = std::move(*subject);
  if (e.response_type == "Stream") out.response = config::response_type::stream;
  if (e.response_type == "Chunked") out.response = config::response_type::chunked;
  out.threshold = nanoseconds(e.response_threshold_ns);
  if (e.latency)
    out.latency =
        config::latency_options{static_cast<int>(e.latency->sampling), e.latency->results};
  out.account_token_position = static_cast<uint32_t>(e.account_token_position);
  out.allow_trace = e.allow_trace;
  return out;
}

result<config::import_options> to_import(const operator_account& account, const claim_import& i) {
  config::import_options out;
  out.service = i.kind == claim_export_kind::service;
  out.account = i.account;
  out.subject = i.subject;
  out.share = i.share;
  out.allow_trace = i.allow_trace;
  if (!i.local_subject.empty()) {
    out.to = i.local_subject;
  } else if (!i.to.empty() && out.service) {
    // The old form: the subject is the local one.
    out.subject = i.to;
    out.to = i.subject;
  } else {
    out.prefix = i.to;
  }
  for (std::string* subject : {&out.subject, &out.to, &out.prefix}) {
    auto filled = fill_account_functions(*subject, {account.key(), i.account});
    if (!filled) return filled.error();
    *subject = std::move(*filled);
  }
  return out;
}

result<config::subject_mapping> to_mapping(const operator_account& account, const claim_mapping& m) {
  auto source = fill_account_functions(m.first, {account.key()});
  if (!source) return source.error();
  config::subject_mapping out{std::move(*source), {}};
  for (const claim_mapping_destination& d : m.second) {
    auto subject = fill_account_functions(d.subject, {account.key()});
    if (!subject) return subject.error();
    out.destinations.push_back({std::move(*subject), d.effective_weight(), d.cluster});
  }
  return out;
}

config::account_limits to_limits(const account_claim_limits& l) {
  return {l.connections, l.subscriptions, l.payload, l.leafnodes};
}

/// The second at which it must not be any more, 0: never. Errors: why it must not be.
result<int64_t> check_import_allowed(const claim_import& i, const result<config::import_options>& as_option,
                                  const operator_account& importer,
                                  const operator_account_ptr& exporter, int64_t now_s) {
  if (!as_option) return as_option.error();
  const auto refuse = [](const char* why) { return error{errc::unauthorized, why}; };
  if (!exporter) return refuse("the exporting account is not to be had");
  const claim_export* offered = export_of(*exporter, i, as_option->subject);
  if (!offered) return refuse("the account does not export it");
  if (offered->account_token_position > 0) {
    const auto place = static_cast<size_t>(offered->account_token_position);
    if (token_at(as_option->subject, place) != importer.key())
      return refuse("it may import only what has its own key in the subject");
    return int64_t{0};
  }
  if (!offered->token_required) return int64_t{0};
  return check_activation(i, importer.key(), exporter->claims, offered->revocations, now_s);
}

}  // namespace

const user_scope* operator_account::scope_of(std::string_view issuer) const {
  auto it = claims.signing_keys.find(issuer);
  return it != claims.signing_keys.end() && it->second ? &*it->second : nullptr;
}

result<operator_account_ptr> read_operator_account(std::string jwt, std::string_view key,
                                                   const operator_trust& trust, int64_t now_s) {
  auto claims = decode_account_jwt(jwt);
  if (!claims) return claims.error();
  if (!trust.trusts(claims->data.issuer))
    return error{errc::unauthorized, "Account JWT not signed by trusted operator"};
  if (const claim_faults faults = check_claims(*claims, now_s); !faults.empty())
    return error{errc::unauthorized, "account validation failed: " + faults.front()};
  if (claims->data.subject != key)
    return error{errc::unauthorized, "the account's JWT is about another account"};
  auto account = std::make_shared<operator_account>();
  account->claims = std::move(*claims);
  account->jwt = std::move(jwt);
  if (key == trust.system_account) account->implied_exports = system_exports(account->claims);
  account->strict = trust.strict(account->claims.data.issuer);
  account->default_permissions = to_permissions(account->claims.default_permissions);
  return operator_account_ptr(std::move(account));
}

std::optional<config::permissions> to_permissions(const claim_permissions& claims) {
  if (claims.empty()) return {};
  config::permissions out;
  if (!claims.publish.empty())
    out.publish = config::subject_permission{claims.publish.allow, claims.publish.deny};
  if (!claims.subscribe.empty())
    out.subscribe = config::subject_permission{claims.subscribe.allow, claims.subscribe.deny};
  if (claims.responses) {
    config::response_permission responses;
    if (claims.responses->max != 0) responses.max_msgs = claims.responses->max;
    if (claims.responses->ttl_ns != 0) responses.expires = nanoseconds(claims.responses->ttl_ns);
    out.responses = responses;
  }
  return out;
}

result<void> check_mappings(const account_claims& claims) {
  const auto refuse = [](const std::string& what, const error& why) {
    return error{errc::malformed, "mapping " + what + ": " + why.context};
  };
  const account_names names{claims.data.subject};
  for (const auto& [given, destinations] : claims.mappings) {
    const auto source = fill_account_functions(given, names);
    if (!source) return refuse(go_quote(given), source.error());
    std::vector<weighted_destination> list;
    for (const claim_mapping_destination& d : destinations) {
      auto subject = fill_account_functions(d.subject, names);
      auto valid = subject ? validate_mapping(*source, *subject) : subject.error();
      if (!valid)
        return refuse(go_quote(*source) + " -> " + go_quote(subject ? *subject : d.subject), valid.error());
      list.push_back({std::move(*subject), d.effective_weight(), d.cluster});
    }
    if (auto fits = mapping_set{}.add(*source, list); !fits) return refuse(go_quote(*source), fits.error());
  }
  return {};
}

account_as_options to_account_options(const operator_account_ptr& of,
                                      const exporter_lookup& exporter, int64_t now_s) {
  const operator_account& account = *of;
  account_as_options out;
  config::account_options& o = out.options;
  const account_claims& c = account.claims;
  o.name = account.key();
  o.nkey = account.key();
  o.claims = {of, &c};
  o.limits = to_limits(c.limits);
  o.default_permissions = account.default_permissions;
  const auto leave_out = [&](const std::string& what, const error& why) {
    out.left_out.push_back(what + ": " + why.context);
  };
  for (const auto* list : {&c.exports, &account.implied_exports})
    for (const claim_export& e : *list) {
      auto as_option = to_export(account, e);
      if (as_option) o.exports.push_back(std::move(*as_option));
      else leave_out(std::string(kind_text(e.kind)) + " export \"" + e.subject + "\"", as_option.error());
    }
  for (const claim_import& i : c.imports) {
    auto as_option = to_import(account, i);
    auto allowed = check_import_allowed(i, as_option, account, exporter(i.account), now_s);
    if (allowed && *allowed != 0) out.changes_at_s = std::min(out.changes_at_s, *allowed);
    if (allowed) o.imports.push_back(std::move(*as_option));
    else leave_out("import of \"" + i.subject + "\" from account " + i.account, allowed.error());
  }
  for (const claim_mapping& m : c.mappings) {
    auto as_option = to_mapping(account, m);
    if (as_option) o.mappings.push_back(std::move(*as_option));
    else leave_out("mapping of \"" + m.first + "\"", as_option.error());
  }
  if (c.trace && is_valid_publish_subject(c.trace->destination)) {
    o.trace_dest = c.trace->destination;
    if (c.trace->sampling > 0) o.trace_sampling = static_cast<int>(c.trace->sampling);
  }
  return out;
}

}  // namespace troupe
