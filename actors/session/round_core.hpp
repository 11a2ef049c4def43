// Goes through everything that has a number, some of it at a time. When another round is wanted before this
// one is over it follows; so each comes to an end, however often they are wanted.
//
// Pure. Who comes meanwhile with a higher number than all others is visited too.
#pragma once

#include <cstdint>
#include <utility>

namespace troupe {

class round_core {
public:
  void want() { (under_way_ ? again_ : under_way_) = true; }
  bool under_way() const { return under_way_; }
  /// Another follows this one.
  bool again() const { return again_; }

  /// visit(value) for one after the other of an ordered map, until it returns false or the round is over:
  /// then true. The map stays as it is within the call.
  template <class Map, class Visit>
  bool go_on(Map& map, Visit&& visit) {
    for (auto it = map.lower_bound(next_); it != map.end();) {
      auto& [number, value] = *it++;
      next_ = number + 1;
      if (!visit(value)) return false;
    }
    next_ = 0;
    under_way_ = std::exchange(again_, false);
    return true;
  }

private:
  uint64_t next_ = 0;
  bool under_way_ = false;
  bool again_ = false;
};

} // namespace troupe
