// Callbacks for those who wait for interest in one literal subject to begin or end, as the Go
// server's sublist notifications (JetStream push consumers use it).
//
// Place in the flow: shard_core records what began or ended and calls them when its change is
// complete. Owned by one reactor. Invariant: ids_ names every registration exactly once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe::routing {

/// Interest in a literal (subject, queue) that began or ended; `key` is interest_watch::key_of.
struct interest_event {
  std::string key;
  bool present;
};

class interest_watch {
public:
  using callback = std::function<void(bool)>;

  static std::string key_of(std::string_view subject, std::string_view queue);

  bool empty() const { return ids_.empty(); }
  bool watches(const std::string& key) const { return watched_.contains(key); }
  uint64_t add(std::string key, callback notify);
  bool remove(uint64_t id);
  /// Calls all that wait for the key, in the order of registration.
  void notify(const interest_event& event);

private:
  struct registration {
    uint64_t id;
    std::shared_ptr<const callback> notify;
  };
  std::unordered_map<std::string, std::vector<registration>> watched_;
  std::unordered_map<uint64_t, std::string> ids_;
  uint64_t last_id_ = 0;
};

} // namespace troupe::routing
