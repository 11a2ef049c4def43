#include "actors/main/banner.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "actors/auth/certificate_map.hpp"
#include "actors/auth/secret_check.hpp"
#include "actors/main/build_commit.hpp"
#include "actors/observe/logger.hpp"
#include "actors/session/node_context.hpp"
#include "config/version.hpp"
#include "http/endpoints/varz.hpp"

namespace troupe {

namespace {

constexpr int32_t usual_payload_max = 8 * 1024 * 1024;

bool has_plain_password(const config::server_options& o) {
  const config::authorization_options& a = o.authorization;
  auto plain = [&](const config::user_options& u) {
    const bool needs_none = u.name == config::open_account_user || (u.password.empty() && may_be_named(o, u));
    return u.nkey.empty() && !needs_none && !is_bcrypt_hash(u.password);
  };
  return (!a.pass.empty() && !is_bcrypt_hash(a.pass))
         || std::any_of(a.users.begin(), a.users.end(), plain);
}

void log_feature_flags(const std::map<std::string, bool>& flags) {
  if (flags.empty()) return;
  auto known = http::known_feature_flags();
  std::string configured;
  std::string unsupported;
  for (const auto& [name, on] : flags) {
    auto found = std::find_if(known.begin(), known.end(),
                              [&, &name = name](const auto& f) { return f.name == name; });
    bool is_known = found != known.end();
    std::string& list = is_known ? configured : unsupported;
    list += list.empty() ? "" : ", ";
    list += name;
    if (!is_known) continue;
    if (found->default_on) list += on ? " (enabled)" : " (opt-out)";
    else list += on ? " (opt-in)" : " (disabled)";
  }
  log::info("  Feature flags:");
  log::info("    Configured:    {}", configured.empty() ? "none" : configured);
  if (!unsupported.empty()) log::info("    Unsupported:   {}", unsupported);
}

} // namespace

void log_websocket_listener(const config::server_options& o, int port) {
  if (port == 0) return;
  const bool tls = o.websocket.tls.has_value();
  log::info("Listening for websocket clients on {}://{}:{}", tls ? "wss" : "ws", o.websocket.host,
            port);
  if (!tls) log::warn("Websocket not configured with TLS. DO NOT USE IN PRODUCTION!");
}

void log_banner(const config::cli_result& cli, const node& n) {
  const config::server_options& o = cli.options;
  log::info("Starting nats-server");
  log::info("  Version:  {}", config::compatible_version);
  log::info("  Git:      [{}]", build_commit.empty() ? "not set" : build_commit);
  log::info("  Troupe:   {}, {} reactors", config::own_version, n.reactors());
  log::info("  Name:     {}", n.context().policy()->info.server_name);
  log::info("  ID:       {}", n.server_id());
  log_feature_flags(o.feature_flags);
  if (has_plain_password(o))
    log::warn("Plaintext passwords detected, use nkeys or bcrypt");
  if (!o.config_file.empty())
    log::info("Using configuration file: {} ({})", o.config_file, o.config_digest);
  if (o.max_payload > usual_payload_max)
    log::warn("Maximum payloads over 8.00 MB are generally discouraged and could lead to poor "
              "performance");
  for (const config::diagnostic& d : cli.notices) log::warn("{}", d.to_string());
  if (!n.context().policy()->system_account.empty() && o.system_account.empty())
    log::debug("Created system account: \"{}\"", n.context().policy()->system_account);
}

} // namespace troupe
