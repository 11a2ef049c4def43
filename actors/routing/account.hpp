// An account of the node as routing sees it: its name, its rules, its counters and one shard per
// reactor.
//
// Shards come into being together, when a session first binds to the account, already introduced to
// each other: a subscription made in the turn of a login is told to the others before the login is
// confirmed. An account without a session costs its name and its rules.
//
// Thread: any; what belongs to one reactor (its shard) is called on that reactor only. Accounts are
// held by shared_ptr; the directory or the last reference ends the shards.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "actors/observe/snapshots.hpp"
#include "actors/routing/import_core.hpp"
#include "actors/routing/shard_actor.hpp"
#include "config/options.hpp"
#include "protocol/subject/mapping.hpp"

namespace troupe::routing {

struct untaken_request;
class account;
class account_directory;
using account_ptr = std::shared_ptr<account>;

/// What an account has to do with others, and where it sends what is published in it. Immutable; a
/// reload makes a new one.
struct account_links {
  import_table imports;
  mapping_set mappings;
  std::string cluster;  // this node's, for mappings
  std::weak_ptr<account> self;
  std::map<std::string, std::weak_ptr<account>> exporters;  // those it imports from

  /// nullptr: it is gone.
  account_ptr exporter(const std::string& name) const {
    auto it = exporters.find(name);
    return it == exporters.end() ? nullptr : it->second.lock();
  }
};
using account_links_ptr = std::shared_ptr<const account_links>;

/// What the shards of all accounts have in common.
struct shard_environment {
  driver_pool* pool = nullptr;
  std::vector<std::shared_ptr<observe::reactor_counters>> counters;  // by reactor
  std::vector<std::shared_ptr<exchange>> exchanges;                  // by reactor
  bool use_cache = true;
  exchange* exchange_of(reactor_index r) const {
    return r < exchanges.size() ? exchanges[r].get() : nullptr;
  }
  /// Told about each new shard, on the thread that needed it: whoever supervises monitors it.
  std::function<void(const shard_handle&, const std::string& name)> on_spawned;
  /// Told before a shard is ended by order: that is no failure.
  std::function<void(const shard_handle&)> on_ending;
};

class account : public std::enable_shared_from_this<account> {
public:
  using link_maker = std::function<account_links_ptr(account&)>;
  using rules_ptr = std::shared_ptr<const config::account_options>;

  /// `make_links` is called when shards come into being, and for `relink`.
  account(std::string name, bool is_system, std::shared_ptr<const shard_environment> env,
          link_maker make_links);
  ~account();
  account(const account&) = delete;
  account& operator=(const account&) = delete;

  const std::string& name() const { return info_->name; }
  bool is_system() const { return info_->is_system; }

  /// What the configuration says of it now; never nullptr. A reload replaces it.
  rules_ptr rules() const;
  void set_rules(rules_ptr rules);
  /// When its rules were last set.
  observe::wall_time updated() const { return updated_.load(std::memory_order_relaxed); }
  /// What its token calls it, else its name.
  std::string name_tag() const;
  /// What a monitoring page shows, without what only its shards know.
  observe::account_snapshot snapshot() const;
  /// What its shards should use; nullptr as long as there are none. Each is given it on its reactor
  /// (`refresh`).
  account_links_ptr links() const;
  /// Its rules, or those of an account it imports from, have changed.
  void relink();
  /// On that reactor: hands the links of now to the shard there, if there is one.
  void refresh(reactor_index r);

  /// The account's shard on a reactor; makes all of them at the first call.
  shard_actor& shard(reactor_index r) {
    if (!ready_.load(std::memory_order_acquire)) spawn();
    return *shards_[r];
  }
  /// nullptr as long as no session was bound.
  shard_actor* shard_if_any(reactor_index r) const {
    return ready_.load(std::memory_order_acquire) ? shards_[r] : nullptr;
  }
  std::vector<shard_handle> shard_handles() const;
  /// What the log calls its shard on a reactor.
  std::string shard_name(size_t reactor) const {
    return "shard of account " + name() + " on reactor " + std::to_string(reactor);
  }

  /// A session binds to it or leaves it.
  void enter() {
    connections_.fetch_add(1, std::memory_order_relaxed);
    total_connections_.fetch_add(1, std::memory_order_relaxed);
  }
  void leave() { connections_.fetch_sub(1, std::memory_order_relaxed); }
  int64_t connections() const { return connections_.load(std::memory_order_relaxed); }
  int64_t total_connections() const { return total_connections_.load(std::memory_order_relaxed); }
  /// Sum over the reactors.
  observe::account_traffic_totals traffic() const;

  /// Ends the shards. They stay where they are, for whoever leaves them later in the same turn.
  void end();
  /// Lets go of them too: nobody may use them afterwards.
  void close();

private:
  void spawn();
  void end_shards();

  std::shared_ptr<const account_info> info_;
  std::shared_ptr<const shard_environment> env_;
  link_maker make_links_;
  std::mutex spawn_mutex_;    // of coming into being; other accounts are looked at under it
  mutable std::mutex mutex_;  // of rules_, links_, handles_
  rules_ptr rules_;
  account_links_ptr links_;
  std::atomic<bool> ready_{false};
  bool ended_ = false;  // under spawn_mutex_
  std::atomic<observe::wall_time> updated_{observe::wall_now()};
  std::vector<shard_handle> handles_;  // by reactor
  std::vector<shard_actor*> shards_;
  std::atomic<int64_t> connections_{0};
  std::atomic<int64_t> total_connections_{0};
};

/// All accounts of a node by name. Any thread.
class account_directory {
public:
  explicit account_directory(std::shared_ptr<const shard_environment> env)
      : env_(std::move(env)) {}
  account_directory(const account_directory&) = delete;
  account_directory& operator=(const account_directory&) = delete;

  /// The account of that name, made if it is not there.
  account_ptr get(const std::string& name, bool is_system = false);
  /// nullptr: there is none.
  account_ptr find(const std::string& name) const;
  /// In the order of their names.
  std::vector<account_ptr> all() const;
  /// Makes and updates what a configuration names, `$G` and the system account ("": none) besides;
  /// lets go of all others: their sessions keep them until they end.
  void apply(const config::server_options& options, const std::string& system_account);
  /// Lets go of an account.
  void drop(const std::string& name);
  /// Makes or updates one account, in operator mode; those that import from it see what changed.
  void update(account::rules_ptr rules, bool is_system);
  /// Before the drivers run: who tells producers of what nobody took on that reactor.
  void hear_untaken(reactor_index r, std::function<void(const untaken_request&)> listener);
  /// On its reactor, when that ends: no request goes from there to another account any more.
  void close_exchange(reactor_index r);
  exchange* exchange_of(reactor_index r) const { return env_->exchange_of(r); }
  /// Ends all shards, and those that come later.
  void end();
  /// When no reactor runs any more: lets go of all accounts and their shards.
  void close();

private:
  std::shared_ptr<const shard_environment> env_;
  mutable std::mutex mutex_;
  bool ended_ = false;
  std::map<std::string, account_ptr> accounts_;
  std::map<std::string, std::set<std::string>> importers_;  // by the account they import from
  std::string system_;
  std::string cluster_;

  account_links_ptr make_links(account& of);
  void note_imports(const config::account_options& of);
};

inline constexpr char global_account[] = "$G";

} // namespace troupe::routing
