#include "actors/routing/interest_watch.hpp"

#include <algorithm>
#include <utility>

namespace troupe::routing {

std::string interest_watch::key_of(std::string_view subject, std::string_view queue) {
  std::string key(subject);
  if (!queue.empty()) key.append(" ").append(queue); // no subject has a space in it
  return key;
}

uint64_t interest_watch::add(std::string key, callback notify) {
  const uint64_t id = ++last_id_;
  watched_[key].push_back({id, std::make_shared<const callback>(std::move(notify))});
  ids_.emplace(id, std::move(key));
  return id;
}

bool interest_watch::remove(uint64_t id) {
  const auto known = ids_.find(id);
  if (known == ids_.end()) return false;
  const auto watched = watched_.find(known->second);
  std::erase_if(watched->second, [&](const registration& r) { return r.id == id; });
  if (watched->second.empty()) watched_.erase(watched);
  ids_.erase(known);
  return true;
}

void interest_watch::notify(const interest_event& event) {
  const auto watched = watched_.find(event.key);
  if (watched == watched_.end()) return;
  // A callback may add or remove registrations, its own included.
  const std::vector<registration> all = watched->second;
  for (const registration& r : all)
    if (ids_.contains(r.id)) (*r.notify)(event.present);
}

} // namespace troupe::routing
