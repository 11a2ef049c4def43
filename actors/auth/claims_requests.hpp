// What a resolver answers about account JWTs: an account is pushed, looked up, listed, packed for
// other servers, deleted.
//
// Place in the flow: the system account hears the requests (`$SYS.REQ.CLAIMS.*` and its kind) and
// asks here. What was pushed is kept by the directory and put in force where the account is in use.
// Only tokens that hold and that a trusted operator signed are kept. Every call may block on files,
// and those that change something until the sessions obey it: who has the answer may rely on that.
// Thread: any that may wait.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/auth/account_sources.hpp"
#include "actors/auth/operator_accounts.hpp"

namespace troupe {

/// The outcome of an update or a deletion, in the words of the NATS server.
struct claims_answer {
  std::string account;  // may be empty
  std::string message;
  std::string failure;  // not empty: it failed

  static claims_answer failed(std::string account, std::string message, std::string why) {
    return {std::move(account), std::move(message), std::move(why)};
  }
};

class claims_requests {
public:
  /// `directory`: where accounts are kept; nullptr with a resolver of type memory. `settle` returns
  /// when all sessions obey what their accounts say now.
  claims_requests(std::shared_ptr<operator_accounts> accounts,
                  std::shared_ptr<directory_source> directory, bool is_cache, std::function<void()> settle)
      : accounts_(std::move(accounts)), settle_(std::move(settle)), place_{std::move(directory), is_cache} {}

  /// A reload: pushed accounts are kept there from now on. Where none are kept at all that stays so.
  void keep_in(std::shared_ptr<directory_source> directory, bool is_cache);
  /// Whether it keeps accounts, and so is asked for more than updates.
  bool keeps() const { return now().directory != nullptr; }
  /// Whether it has all accounts, and so answers for them.
  bool is_full() const { return now().is_full(); }

  /// `key`: the account that the subject names, if it does.
  claims_answer update(const std::string& jwt, const std::optional<std::string>& key);
  /// The keys of what is kept.
  std::vector<std::string> list() const;
  /// A self-signed token of an operator that lists accounts.
  claims_answer remove(const std::string& token);
  /// An account's JWT, empty if it is not kept. Errors: `io_failed`.
  result<std::string> lookup(const std::string& key);
  /// "key|jwt" for each kept account, or nothing if the asker's `contents` are the same.
  std::vector<std::string> pack(std::string_view contents);

private:
  struct place {
    std::shared_ptr<directory_source> directory;  // nullptr: nothing is kept
    bool is_cache = false;

    bool is_full() const { return directory && !is_cache; }
    std::string words(std::string_view what) const;
  };
  place now() const;
  claims_answer put(const place& here, const std::string& jwt, const std::string& key);

  const std::shared_ptr<operator_accounts> accounts_;
  const std::function<void()> settle_;
  mutable std::mutex mutex_;  // of what follows
  place place_;
};

} // namespace troupe
