#include "actors/node/operator_mode.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "actors/auth/account_sources.hpp"
#include "actors/auth/url_source.hpp"
#include "actors/auth/zone_files.hpp"
#include "actors/observe/logger.hpp"
#include "actors/observe/snapshots.hpp"

namespace troupe {

namespace {

constexpr int64_t longest_look_s = 60;

} // namespace

void session_renewal::open(std::vector<hub_handle> hubs, std::shared_ptr<node_context> context) {
  std::lock_guard lock(mutex_);
  hubs_ = std::move(hubs);
  context_ = std::move(context);
}

void session_renewal::renew(const std::string& account) {
  std::lock_guard lock(mutex_);
  if (!context_) return;
  for (const hub_handle& hub : hubs_) caf::anon_send(hub, context_->policy());
  // Behind that message: who has to go for another reason makes room.
  if (auto changed = context_->accounts->find(account)) close_surplus(hubs_, changed);
}

void session_renewal::wait() {
  std::vector<hub_handle> hubs;
  {
    std::lock_guard lock(mutex_);
    hubs = hubs_;
  }
  wait_until_obeyed(hubs);
}

void session_renewal::close() {
  std::lock_guard lock(mutex_);
  hubs_.clear();
  context_.reset();
}

void activation_watch::open(std::weak_ptr<operator_accounts> accounts) {
  std::lock_guard lock(mutex_);
  accounts_ = std::move(accounts);
}

void activation_watch::look() {
  std::lock_guard lock(mutex_);
  looks_ = true;
  wake_.notify_all();
  if (stopping_ || thread_.joinable()) return;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& e) {
    log::error("No thread to look after activations that end: {}", e.what());
  }
}

void activation_watch::stop() {
  std::thread thread;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    thread.swap(thread_);
  }
  wake_.notify_all();
  if (thread.joinable()) thread.join();
}

void activation_watch::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    looks_ = false;
    auto accounts = accounts_.lock();
    lock.unlock();
    const int64_t next = accounts ? accounts->end_activations() : INT64_MAX;
    accounts.reset();
    // The clock may be set meanwhile.
    const auto left = std::clamp<int64_t>(next - observe::wall_seconds(), 1, longest_look_s);
    lock.lock();
    wake_.wait_for(lock, std::chrono::seconds(left), [this] { return stopping_ || looks_; });
  }
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
  env.now_s = observe::wall_seconds;
  env.zones = system_zones();
  env.log_warning = [](const std::string& text) { log::warn("{}", text); };
  const std::string system = options.system_account;
  env.on_account = [context, system](std::shared_ptr<const config::account_options> rules) {
    auto c = context.lock();
    if (!c || !c->accounts) return;
    const bool is_system = rules->name == system;
    c->accounts->update(std::move(rules), is_system);
  };
  env.on_changed = [renewal](const std::string& key) { renewal->renew(key); };
  operator_parts parts;
  parts.activations = std::make_shared<activation_watch>();
  env.on_activation = [watch = std::weak_ptr(parts.activations)] {
    if (auto there = watch.lock()) there->look();
  };
  auto directory = std::dynamic_pointer_cast<directory_source>(*source);
  parts.accounts =
    std::make_shared<operator_accounts>(std::move(*trust), std::move(*source), std::move(env));
  parts.activations->open(parts.accounts);
  const bool is_cache = options.operators.resolver.kind == config::resolver_kind::cache;
  parts.claims = std::make_shared<claims_requests>(parts.accounts, std::move(directory), is_cache,
                                                   [renewal] { renewal->wait(); });
  return parts;
}

result<std::function<void()>> prepare_operator_reload(
  const config::server_options& before, const config::server_options& after,
  const operator_parts& running) {
  if (before.operators == after.operators) return std::function<void()>([] {});
  auto trust = operator_trust::make(after.operators, after.system_account);
  if (!trust) return trust.error();
  const config::resolver_options& resolver = after.operators.resolver;
  std::shared_ptr<account_source> source;
  if (resolver != before.operators.resolver) {
    auto made = make_account_source(resolver);
    if (!made) return made.error();
    source = std::move(*made);
  }
  // What others keep is asked for when it is needed: accounts at hand stay, as in the NATS server.
  const bool look_again = resolver.kind == config::resolver_kind::memory;
  return std::function<void()>([=, trust = std::move(*trust)] {
    if (auto directory = std::dynamic_pointer_cast<directory_source>(source))
      running.claims->keep_in(std::move(directory), resolver.kind == config::resolver_kind::cache);
    running.accounts->replace(trust, source, look_again);
  });
}

} // namespace troupe
