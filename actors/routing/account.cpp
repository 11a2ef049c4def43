#include "actors/routing/account.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <algorithm>

namespace troupe::routing {

account::account(std::string name, bool is_system, std::shared_ptr<const shard_environment> env)
    : info_(std::make_shared<account_info>(account_info{std::move(name), is_system})),
      env_(std::move(env)) {
  auto rules = std::make_shared<config::account_options>();
  rules->name = info_->name;
  rules_ = std::move(rules);
}

account::~account() { close(); }

account::rules_ptr account::rules() const {
  std::lock_guard lock(mutex_);
  return rules_;
}

void account::set_rules(rules_ptr rules) {
  std::lock_guard lock(mutex_);
  rules_ = std::move(rules);
}

std::vector<shard_handle> account::shard_handles() const {
  std::lock_guard lock(mutex_);
  return handles_;
}

observe::account_traffic_totals account::traffic() const {
  observe::account_traffic_totals sum;
  if (!ready_.load(std::memory_order_acquire)) return sum;
  for (const shard_actor* shard : shards_) sum += shard->traffic();
  return sum;
}

void account::spawn() {
  std::lock_guard lock(mutex_);
  if (ready_.load(std::memory_order_relaxed)) return;
  driver_pool& pool = *env_->pool;
  auto peers = std::make_shared<shard_peers>();
  // Lazy: not resumed before a first message, so this thread may still touch them.
  for (size_t r = 0; r < pool.size(); ++r)
    peers->shards.push_back(spawn_pinned<shard_actor, caf::lazy_init>(
      pool.at(static_cast<reactor_index>(r)), info_, env_->counters[r], env_->use_cache));
  handles_ = peers->shards;
  for (const shard_handle& handle : handles_) {
    auto* shard = static_cast<shard_actor*>(caf::actor_cast<caf::abstract_actor*>(handle));
    shard->introduce(peers);
    shards_.push_back(shard);
  }
  ready_.store(true, std::memory_order_release);
  if (env_->on_spawned)
    for (const shard_handle& handle : handles_) env_->on_spawned(handle);
}

void account::close() {
  std::vector<shard_handle> handles;
  {
    std::lock_guard lock(mutex_);
    handles = handles_;
  }
  for (const shard_handle& handle : handles)
    caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
}

account_ptr account_directory::get(const std::string& name, bool is_system) {
  std::lock_guard lock(mutex_);
  account_ptr& entry = accounts_[name];
  if (!entry) entry = std::make_shared<account>(name, is_system, env_);
  return entry;
}

account_ptr account_directory::find(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto it = accounts_.find(name);
  return it == accounts_.end() ? nullptr : it->second;
}

std::vector<account_ptr> account_directory::all() const {
  std::lock_guard lock(mutex_);
  std::vector<account_ptr> list;
  list.reserve(accounts_.size());
  for (auto& [name, entry] : accounts_) list.push_back(entry);
  return list;
}

void account_directory::apply(const config::server_options& options,
                              const std::string& system_account) {
  std::map<std::string, account::rules_ptr> wanted;
  for (const config::account_options& a : options.accounts)
    wanted[a.name] = std::make_shared<const config::account_options>(a);
  for (const std::string& always : {std::string(global_account), system_account}) {
    if (always.empty() || wanted.contains(always)) continue;
    auto plain = std::make_shared<config::account_options>();
    plain->name = always;
    wanted[always] = std::move(plain);
  }
  if (!options.mappings.empty()) {
    auto global = std::make_shared<config::account_options>(*wanted[global_account]);
    global->mappings = options.mappings;
    wanted[global_account] = std::move(global);
  }
  // In operator mode the claims of an account are its rules, and say when it ends.
  const bool by_claims = options.operators.enabled();
  for (auto& [name, rules] : wanted)
    if (!by_claims || !find(name)) get(name, name == system_account)->set_rules(rules);
  if (by_claims) return;
  for (const account_ptr& there : all())
    if (!wanted.contains(there->name())) drop(there->name());
}

void account_directory::drop(const std::string& name) {
  account_ptr last;  // ends outside the lock
  std::lock_guard lock(mutex_);
  if (auto it = accounts_.find(name); it != accounts_.end()) {
    last = std::move(it->second);
    accounts_.erase(it);
  }
}

void account_directory::close() {
  std::map<std::string, account_ptr> all;
  {
    std::lock_guard lock(mutex_);
    all.swap(accounts_);
  }
  for (auto& [name, entry] : all) entry->close();
}

} // namespace troupe::routing
