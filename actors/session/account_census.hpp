// Finds the sessions of an account that are beyond its limit of connections, after that became lower:
// the newest, on whatever reactor they are.
//
// Each hub adds the numbers of its sessions; the one that is last tells all hubs from which number on
// they are too many. Nobody waits. Thread: any.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "actors/routing/account.hpp"
#include "protocol/ids.hpp"

namespace troupe {

/// Sessions are numbered in the order in which they came: the number of the first that has no room
/// beside `most` (not below 0) older ones. Nothing: all have room. `members` changes its order.
std::optional<client_id> first_without_room(std::vector<client_id>& members, int64_t most);

class account_census {
public:
  account_census(routing::account_ptr account, size_t hubs)
      : account_(std::move(account)), awaited_(hubs) {}

  const routing::account_ptr& account() const { return account_; }
  /// One hub's sessions. True: it was the last of them.
  bool add(const std::vector<client_id>& members);
  /// After the last: by the limit of now.
  std::optional<client_id> surplus_from();

private:
  const routing::account_ptr account_;
  std::mutex mutex_;
  std::vector<client_id> members_;
  size_t awaited_;
};
using account_census_ptr = std::shared_ptr<account_census>;

/// The sessions of the account from this number on have to go.
struct dismiss_surplus {
  routing::account_ptr account;
  client_id from{};
};

} // namespace troupe
