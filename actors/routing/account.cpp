#include "actors/routing/account.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <algorithm>

#include "actors/observe/logger.hpp"
#include "actors/routing/exchange.hpp"

namespace troupe::routing {

account::account(std::string name, bool is_system, std::shared_ptr<const shard_environment> env,
                 link_maker make_links)
    : info_(std::make_shared<account_info>(account_info{std::move(name), is_system})),
      env_(std::move(env)),
      make_links_(std::move(make_links)) {
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
  updated_.store(observe::wall_now(), std::memory_order_relaxed);
}

std::string account::name_tag() const {
  const rules_ptr now = rules();
  return now->claims && !now->claims->data.name.empty() ? now->claims->data.name : name();
}

observe::account_snapshot account::snapshot() const {
  observe::account_snapshot s;
  s.name = name();
  s.name_tag = name_tag();
  s.is_system = is_system();
  s.updated = updated();
  s.rules = rules();
  s.connections = connections();
  s.total_connections = s.connections;  // open ones and leaf nodes, as the NATS server counts
  const observe::account_traffic_totals sum = traffic();
  s.subscriptions = static_cast<uint32_t>(std::max<int64_t>(sum.subscriptions, 0));
  s.sent_msgs = static_cast<int64_t>(sum.out_msgs);
  s.sent_bytes = static_cast<int64_t>(sum.out_bytes);
  s.received_msgs = static_cast<int64_t>(sum.in_msgs);
  s.received_bytes = static_cast<int64_t>(sum.in_bytes);
  s.slow_consumers = static_cast<int64_t>(sum.slow_consumers);
  return s;
}

account_links_ptr account::links() const {
  std::lock_guard lock(mutex_);
  return links_;
}

void account::relink() {
  std::lock_guard coming_into_being(spawn_mutex_);
  if (!ready_.load(std::memory_order_relaxed)) return;
  account_links_ptr links = make_links_(*this);
  std::lock_guard lock(mutex_);
  links_ = std::move(links);
}

void account::refresh(reactor_index r) {
  if (shard_actor* shard = shard_if_any(r)) shard->use(env_->exchange_of(r), links());
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
  std::lock_guard coming_into_being(spawn_mutex_);
  if (ready_.load(std::memory_order_relaxed)) return;
  account_links_ptr links = make_links_(*this);
  driver_pool& pool = *env_->pool;
  auto peers = std::make_shared<shard_peers>();
  // Lazy: not resumed before a first message, so this thread may still touch them.
  for (size_t r = 0; r < pool.size(); ++r)
    peers->shards.push_back(spawn_pinned<shard_actor, caf::lazy_init>(
      pool.at(static_cast<reactor_index>(r)), info_, env_->counters[r], env_->use_cache));
  for (const shard_handle& handle : peers->shards) {
    auto* shard = static_cast<shard_actor*>(caf::actor_cast<caf::abstract_actor*>(handle));
    shard->introduce(peers);
    shard->use(env_->exchange_of(static_cast<reactor_index>(shards_.size())), links);
    shards_.push_back(shard);
  }
  {
    std::lock_guard lock(mutex_);
    handles_ = peers->shards;
    links_ = std::move(links);
  }
  ready_.store(true, std::memory_order_release);
  if (env_->on_spawned)
    for (size_t r = 0; r < peers->shards.size(); ++r) env_->on_spawned(peers->shards[r], shard_name(r));
  // Somebody still had a last word: it goes nowhere, and nobody waits for these.
  if (ended_) end_shards();
}

void account::end() {
  std::lock_guard coming_into_being(spawn_mutex_);
  if (!std::exchange(ended_, true)) end_shards();
}

void account::close() {
  end();
  std::vector<shard_handle> gone;
  std::lock_guard lock(mutex_);
  gone.swap(handles_);
}

void account::end_shards() {
  for (const shard_handle& handle : shard_handles()) {
    if (env_->on_ending) env_->on_ending(handle);
    caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
  }
}

account_ptr account_directory::get(const std::string& name, bool is_system) {
  std::unique_lock lock(mutex_);
  account_ptr& entry = accounts_[name];
  if (!entry)
    entry = std::make_shared<account>(name, is_system, env_,
                                      [this](account& of) { return make_links(of); });
  const account_ptr it = entry;
  const bool late = ended_;
  lock.unlock();
  if (late) it->end();
  return it;
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
  {
    std::lock_guard lock(mutex_);
    system_ = system_account;
    cluster_ = options.cluster_name;
  }
  // In operator mode the claims of an account are its rules, and say when it ends.
  const bool by_claims = options.operators.enabled();
  for (auto& [name, rules] : wanted)
    if (!by_claims || !find(name)) get(name, name == system_account)->set_rules(rules);
  if (!by_claims)
    for (const account_ptr& there : all())
      if (!wanted.contains(there->name())) drop(there->name());
  {
    std::lock_guard lock(mutex_);
    importers_.clear();
  }
  for (const account_ptr& there : all()) {
    note_imports(*there->rules());
    there->relink();
  }
}

void account_directory::update(account::rules_ptr rules, bool is_system) {
  const std::string name = rules->name;
  note_imports(*rules);
  const account_ptr changed = get(name, is_system);
  changed->set_rules(std::move(rules));
  changed->relink();
  std::vector<account_ptr> importers;
  {
    std::lock_guard lock(mutex_);
    for (const std::string& importer : importers_[name])
      if (auto it = accounts_.find(importer); it != accounts_.end())
        importers.push_back(it->second);
  }
  for (const account_ptr& importer : importers) importer->relink();
}

void account_directory::note_imports(const config::account_options& of) {
  std::lock_guard lock(mutex_);
  for (const config::import_options& i : of.imports) importers_[i.account].insert(of.name);
}

account_links_ptr account_directory::make_links(account& of) {
  auto links = std::make_shared<account_links>();
  links->self = of.weak_from_this();
  const account::rules_ptr rules = of.rules();
  std::string system;
  {
    std::lock_guard lock(mutex_);
    system = system_;
    links->cluster = cluster_;
  }
  std::map<std::string, account::rules_ptr> seen;  // keeps the rules of exporters meanwhile
  const auto find_options = [&](const std::string& name) -> const config::account_options* {
    const account_ptr exporter = find(name);
    if (!exporter) return nullptr;
    return (seen[name] = exporter->rules()).get();
  };
  links->imports = import_table(*rules, find_options, system);
  const auto remember = [&](const std::string& name) { links->exporters[name] = find(name); };
  for (const stream_import& i : links->imports.streams()) remember(i.exporter);
  for (const service_import& i : links->imports.services()) remember(i.exporter);
  for (const config::subject_mapping& m : rules->mappings) {
    std::vector<weighted_destination> destinations;
    for (const config::mapping_destination& d : m.destinations)
      destinations.push_back({d.subject, d.weight, d.cluster});
    // The configuration was checked; a JWT may say anything.
    if (auto added = links->mappings.add(m.source, destinations); !added)
      log::warn("Account {}: mapping of {} is left out: {}", of.name(), m.source,
                added.error().context);
  }
  return links;
}

void account_directory::hear_untaken(reactor_index r,
                                     std::function<void(const untaken_request&)> listener) {
  if (exchange* e = env_->exchange_of(r)) e->hear_untaken(std::move(listener));
}

void account_directory::close_exchange(reactor_index r) {
  if (exchange* e = env_->exchange_of(r)) e->close();
}

void account_directory::drop(const std::string& name) {
  account_ptr last;  // ends outside the lock
  std::lock_guard lock(mutex_);
  if (auto it = accounts_.find(name); it != accounts_.end()) {
    last = std::move(it->second);
    accounts_.erase(it);
  }
}

void account_directory::end() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  for (const account_ptr& one : all()) one->end();
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
