// The accounts of operator mode that somebody asked for, and where their JWTs come from.
//
// Place in the flow: the authenticator looks here first and, off the reactor, fetches what is
// missing; a resolver puts updates in. Each account that is ready to be used is handed on as options
// through `on_account`, with all accounts that it imports from. Once an account is there, or is
// another, those at hand that import from it are handed on anew: what they could not have before
// they may get now, and the other way round.
//
// Thread: any. `fetch` and `update` may block on a source; they belong on a thread that may wait.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "actors/auth/operator_account.hpp"
#include "actors/fetch/wait_pool.hpp"
#include "protocol/auth/user_limits.hpp"

namespace troupe {

/// Where account JWTs come from. Every call may block.
class account_source {
public:
  virtual ~account_source() = default;
  /// `key` is a well-formed public account key. Errors: `not_found`, `unavailable`.
  virtual result<std::string> fetch(const std::string& key) = 0;
  /// Whether it waits for others, so that a slow answer must not hold up other logins.
  virtual bool may_wait() const { return false; }
  /// The node stops: what is under way ends soon. Any thread.
  virtual void stop() {}
};

/// What operator mode needs of the world.
struct operator_environment {
  std::function<int64_t()> now_s;  // wall clock
  zone_offset zones;
  /// An account is there, or is another than before.
  std::function<void(std::shared_ptr<const config::account_options>)> on_account;
  /// What sessions of an account were told may not hold any more: it was updated or removed.
  std::function<void(const std::string& key)> on_changed;
  std::function<void(const std::string&)> log_warning;
  /// There is another activation that ends: `end_activations` is to be called when it does.
  std::function<void()> on_activation = [] {};
};

class operator_accounts {
public:
  operator_accounts(operator_trust trust, std::shared_ptr<account_source> source,
                    operator_environment env);

  /// What is trusted now; a reload puts another in its place.
  std::shared_ptr<const operator_trust> trust() const;
  const operator_environment& environment() const { return env_; }

  /// What is at hand and was handed on; nullptr if it is not, or expired.
  operator_account_ptr find(std::string_view key) const;
  /// From the source if it is not at hand.
  result<operator_account_ptr> fetch(const std::string& key);
  /// Whether `fetch` may take as long as others do: then those who log in use `fetch_later`.
  bool may_wait() const { return source()->may_wait(); }
  using fetched = std::function<void(const result<operator_account_ptr>&)>;
  /// As `fetch`, on a thread of ours. Who asks for an account that is being fetched gets the same
  /// answer. `then` is called once, from any thread, or never when the node stops. Does not wait.
  void fetch_later(const std::string& key, fetched then);
  /// Before what `then` functions need is gone. Returns within a fraction of a second.
  void stop();
  /// A newer JWT of an account. True if it is now in force: an account that nobody asked for is not
  /// kept.
  result<bool> update(const std::string& key, std::string jwt);
  /// The account is no more.
  void remove(const std::string& key);
  /// Takes away what was imported by activations that have ended. When the next one ends, in seconds
  /// of the wall clock; INT64_MAX: none does. Does not wait for a source.
  int64_t end_activations();
  /// What a reload says; without a source that stays as it is. `look_again`: each account at hand is
  /// asked for in the new source, and removed when it has gone.
  void replace(operator_trust trust, std::shared_ptr<account_source> source, bool look_again);
  size_t size() const;

private:
  struct entry {
    operator_account_ptr account;
    bool handed_on = false;
    int64_t changes_at_s = INT64_MAX;  // the first of its activations ends
  };

  /// Whether handed on or not.
  operator_account_ptr at_hand(std::string_view key) const;
  result<operator_account_ptr> load(const std::string& key);
  void put(operator_account_ptr account);
  void forget_imports(const std::string& key);
  /// `bring` is asked for each account that it imports from, and may fetch it.
  void hand_on(const operator_account_ptr& account, const std::function<void(const std::string& key)>& bring);
  /// Hands on the account, those it imports from that were not there before, and those at hand that
  /// import from one of these. True if there were any of the latter.
  bool announce(const operator_account_ptr& account);
  /// Accounts at hand that import from one of these and are none of them.
  std::vector<operator_account_ptr> importers_of(const std::vector<std::string>& keys) const;

  static constexpr size_t loaded_max = 4096;  // accounts, because of one

  std::shared_ptr<account_source> source() const;

  const operator_environment env_;
  std::mutex handing_on_;  // taken before mutex_
  mutable std::mutex mutex_;
  std::shared_ptr<const operator_trust> trust_;
  std::shared_ptr<account_source> source_;
  std::vector<std::weak_ptr<account_source>> earlier_;  // somebody may still wait for them
  std::map<std::string, entry, std::less<>> accounts_;
  std::map<std::string, std::set<std::string>> importers_;  // of accounts at hand, by whom they import from
  std::map<std::string, std::vector<fetched>> under_way_;  // keys being fetched, and for whom
  wait_pool fetches_;  // last: its threads use the rest
};

}  // namespace troupe
