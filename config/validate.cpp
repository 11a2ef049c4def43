// What has to fit together between options before a node starts, whatever they came from.
#include "config/duration.hpp"
#include "config/load.hpp"
#include "config/log_options.hpp"
#include "config/trace_filter.hpp"
#include "config/version.hpp"
#include "protocol/auth/nkey.hpp"
#include "protocol/client/go_quote.hpp"
#include "protocol/subject/subject.hpp"
#include "protocol/text.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::config {

namespace {

troupe::error bad(std::string text) { return {errc::malformed, std::move(text)}; }

using problems = std::vector<std::string>;

template <class T>
void check(const result<T>& good, problems& out) {
  if (!good) out.push_back(good.error().context);
}

/// Go's SplitHostPort; an empty port where there is none.
result<std::pair<std::string, std::string>> split_host_port(const std::string& text) {
  auto fail = [&](const char* why) { return bad("address " + text + ": " + why); };
  if (text.starts_with('[')) {
    auto end = text.find(']');
    if (end == std::string::npos) return fail("missing ']' in address");
    auto rest = text.substr(end + 1);
    if (!rest.empty() && rest[0] != ':') return fail("missing port in address");
    if (rest.find(':', 1) != std::string::npos) return fail("too many colons in address");
    return std::pair(text.substr(1, end - 1), rest.empty() ? rest : rest.substr(1));
  }
  auto colon = text.find(':');
  if (colon != text.rfind(':')) return fail("too many colons in address");
  if (colon == std::string::npos) return std::pair(text, std::string());
  return std::pair(text.substr(0, colon), text.substr(colon + 1));
}

void validate_values(const server_options& o, problems& out) {
  if (o.lame_duck_duration > 0s && o.lame_duck_grace_period >= o.lame_duck_duration)
    out.push_back("lame duck grace period (" + format_duration(o.lame_duck_grace_period)
                  + ") should be strictly lower than lame duck duration ("
                  + format_duration(o.lame_duck_duration) + ")");
  if (o.max_payload > o.max_pending)
    out.push_back("max_payload (" + std::to_string(o.max_payload)
                  + ") cannot be higher than max_pending (" + std::to_string(o.max_pending) + ")");
  if (o.server_name.find(' ') != std::string::npos)
    out.push_back("server name cannot contain spaces");
  check(parse_log_format(o.log_format), out);
  check(parse_log_level_override(o.log_level_override), out);
  check(trace_filter::parse(o.trace_connections), out);
  for (const auto* tls : {&o.tls, &o.websocket.tls})
    if (*tls && (*tls)->ocsp_peer && (*tls)->ocsp_peer->verify && !(*tls)->verify)
      out.push_back("OCSP peer verification for client connections requires TLS verify (mTLS) to be enabled");
}

result<void> validate_system_account(const server_options& o) {
  if (o.system_account.empty() || o.operators.enabled() || o.system_account == global_account)
    return {};
  for (auto& account : o.accounts)
    if (account.name == o.system_account) return {};
  return bad("error resolving system account: account missing");
}

/// Accounts that are to have a JetStream domain are there.
result<void> validate_default_domains(const server_options& o) {
  const std::string system = o.system_account.empty() ? default_system_account : o.system_account;
  for (auto& [name, domain] : o.default_js_domain) {
    const bool known =
        name == global_account
        || std::any_of(o.accounts.begin(), o.accounts.end(), [&name = name](auto& a) { return a.name == name; });
    if (o.operators.enabled() && !is_public_nkey(name, nkey_role::account))
      return bad("default_js_domain contains account name " + go_quote(name)
                 + ", which is not a valid public account nkey");
    if (!o.operators.enabled() && !known)
      return bad("in non operator mode, `default_js_domain` references non existing account " + go_quote(name));
    if (name == system) return bad("system account " + go_quote(name) + " can not be in default_js_domain");
    static constexpr std::string_view reserved[] = {"ACK", "FC", "SNAPSHOT", "EVENT"};
    if (!domain.empty()
        && (!is_valid_subject("$JS." + domain + ".API.>")
            || std::find(std::begin(reserved), std::end(reserved), domain) != std::end(reserved)))
      return bad("default_js_domain contains account " + go_quote(name) + " with invalid domain name "
                 + go_quote(domain));
  }
  return {};
}

} // namespace

result<advertised_address> parse_advertise(const std::string& text) {
  auto parts = split_host_port(text);
  if (!parts) return parts.error();
  const std::string_view host = trim_blanks(parts->first), port = trim_blanks(parts->second);
  advertised_address out{std::string(host), 0};
  const bool has_port = text.ends_with(':') || !parts->second.empty();
  auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (has_port && (ec == std::errc::invalid_argument || end != port.data() + port.size()))
    return bad("strconv.Atoi: parsing " + go_quote(port) + ": invalid syntax");
  constexpr int highest = 65535;
  if (ec == std::errc::result_out_of_range || out.port > highest || out.port < random_port)
    return bad("strconv.Atoi: parsing " + go_quote(port) + ": value out of range");
  out.port = std::max(out.port, 0);
  return out;
}

result<void> validate_no_auth_user(const server_options& o, const std::string& name) {
  if (name.empty()) return {};
  if (o.operators.enabled()) return bad("no_auth_user not compatible with Trusted Operator");
  auto& users = o.authorization.users;
  if (users.empty())
    return bad("no_auth_user: \"" + name + "\" present, but users/nkeys are not defined");
  for (auto& user : users)
    if (user.name == name || user.nkey == name) return {};
  return bad("no_auth_user: \"" + name
             + "\" not present as user or nkey in authorization block or account configuration");
}

result<void> validate(const server_options& o) {
  problems found;
  validate_values(o, found);
  check(validate_no_auth_user(o, o.no_auth_user), found);
  for (auto& key : o.trusted_proxies)
    if (!decode_public_nkey(key))
      found.push_back("proxy trusted key " + go_quote(key) + " is invalid");
  check(validate_operators(o, compatible_version), found);
  check(validate_system_account(o), found);
  for (std::string& one : validate_parts(o)) found.push_back(std::move(one));
  check(validate_websocket(o), found);
  check(validate_default_domains(o), found);
  if (found.empty()) return {};
  std::string all;
  for (auto& one : found)
    all += (all.empty() ? "" : "\n") + one;
  return bad(std::move(all));
}

} // namespace troupe::config
