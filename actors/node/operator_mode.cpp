#include "actors/node/operator_mode.hpp"

#include <caf/send.hpp>

#include <ctime>

#include "actors/auth/account_sources.hpp"
#include "actors/auth/url_source.hpp"
#include "actors/auth/zone_files.hpp"
#include "actors/observe/logger.hpp"

namespace troupe {

void session_renewal::open(std::vector<hub_handle> hubs, std::shared_ptr<node_context> context) {
  std::lock_guard lock(mutex_);
  hubs_ = std::move(hubs);
  context_ = std::move(context);
}

void session_renewal::renew() {
  std::lock_guard lock(mutex_);
  for (const hub_handle& hub : hubs_) caf::anon_send(hub, context_->policy());
}

void session_renewal::close() {
  std::lock_guard lock(mutex_);
  hubs_.clear();
  context_.reset();
}

result<operator_parts> make_operator_accounts(
  const config::server_options& options, std::weak_ptr<node_context> context,
  std::shared_ptr<session_renewal> renewal) {
  auto trust = operator_trust::make(options.operators, options.system_account);
  if (!trust) return trust.error();
  auto source = make_account_source(options.operators.resolver);
  if (!source) return source.error();
  // As the NATS server: somebody has to be there at the start.
  if (auto web = std::dynamic_pointer_cast<url_source>(*source))
    if (auto there = web->knock(); !there) return there.error();
  operator_environment env;
  env.now_s = [] { return static_cast<int64_t>(std::time(nullptr)); };
  env.zones = system_zones();
  env.log_warning = [](const std::string& text) { log::warn("{}", text); };
  const std::string system = options.system_account;
  env.on_account = [context, system](std::shared_ptr<const config::account_options> rules) {
    auto c = context.lock();
    if (!c || !c->accounts) return;
    const bool is_system = rules->name == system;
    c->accounts->update(std::move(rules), is_system);
  };
  env.on_changed = [renewal = std::move(renewal)](const std::string&) { renewal->renew(); };
  operator_parts parts;
  auto directory = std::dynamic_pointer_cast<directory_source>(*source);
  parts.accounts =
    std::make_shared<operator_accounts>(std::move(*trust), std::move(*source), std::move(env));
  const bool is_cache = options.operators.resolver.kind == config::resolver_kind::cache;
  parts.claims = std::make_shared<claims_requests>(parts.accounts, std::move(directory), is_cache);
  return parts;
}

result<std::function<void()>> prepare_operator_reload(
  const config::server_options& before, const config::server_options& after,
  const std::shared_ptr<operator_accounts>& accounts) {
  if (before.operators == after.operators) return std::function<void()>([] {});
  auto trust = operator_trust::make(after.operators, after.system_account);
  if (!trust) return trust.error();
  std::shared_ptr<account_source> source; // stays as it is where nothing else came to be
  const config::resolver_options& resolver = after.operators.resolver;
  if (resolver != before.operators.resolver
      && (resolver.kind == config::resolver_kind::memory || resolver.kind == config::resolver_kind::url)) {
    auto made = make_account_source(resolver);
    if (!made) return made.error();
    source = std::move(*made);
  }
  return std::function<void()>([=, trust = std::move(*trust)] { accounts->replace(trust, source); });
}

} // namespace troupe
