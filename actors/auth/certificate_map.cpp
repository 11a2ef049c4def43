#include "actors/auth/certificate_map.hpp"

#include <algorithm>

namespace troupe {

void certificate_map::add(const std::string& user) {
  if (auto name = parse_distinguished_name(user)) names_.emplace_back(user, std::move(*name));
}

std::string certificate_map::find(const certificate_identity& who,
                                  const std::function<bool(const std::string&)>& usable) const {
  for (auto list : {&who.emails, &who.dns_names, &who.uris})
    for (const std::string& name : *list)
      if (usable(name)) return name;
  if (who.subject.empty()) return {};
  if (const auto subject = name_of(who.subject)) {
    for (auto same : {same_name, same_steps})
      for (auto& [user, name] : names_)
        if (same(name, *subject) && usable(user)) return user;
  }
  const std::string known = known_subject_text(who.subject);
  const std::string components = domain_components_text(who.subject);
  if (!components.empty() && usable(known + "," + components)) return known + "," + components;
  return usable(known) ? known : std::string();
}

bool may_be_named(const config::server_options& options, const config::user_options& user) {
  const auto may_come_by = [&](std::string_view type) {
    const auto& types = user.allowed_connection_types;
    return types.empty() || std::find(types.begin(), types.end(), type) != types.end();
  };
  const auto maps = [](const std::optional<config::tls_options>& tls) { return tls && tls->verify_and_map; };
  return (maps(options.tls) && may_come_by("STANDARD"))
         || (options.websocket.port != 0 && maps(options.websocket.tls) && may_come_by("WEBSOCKET"));
}

} // namespace troupe
