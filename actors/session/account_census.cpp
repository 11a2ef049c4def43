#include "actors/session/account_census.hpp"

#include <algorithm>

namespace troupe {

std::optional<client_id> first_without_room(std::vector<client_id>& members, int64_t most) {
  if (static_cast<int64_t>(members.size()) <= most) return {};
  const auto first = members.begin() + most;
  std::nth_element(members.begin(), first, members.end());
  return *first;
}

bool account_census::add(const std::vector<client_id>& members) {
  std::lock_guard lock(mutex_);
  members_.insert(members_.end(), members.begin(), members.end());
  return --awaited_ == 0;
}

std::optional<client_id> account_census::surplus_from() {
  const int64_t most = account_->rules()->limits.max_connections;
  if (most < 0) return {};
  std::lock_guard lock(mutex_);
  return first_without_room(members_, most);
}

} // namespace troupe
