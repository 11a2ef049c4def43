// What undoes a step that was made if a later one fails.
#pragma once

#include <utility>

namespace troupe {

/// Runs `undo` at the end of its scope unless keep() was called: so at an exception of a later step.
/// Of several the last runs first. `undo` must not throw.
template <class Undo>
class [[nodiscard]] rollback {
public:
  explicit rollback(Undo undo) : undo_(std::move(undo)) {}
  rollback(const rollback&) = delete;
  rollback& operator=(const rollback&) = delete;
  ~rollback() {
    if (armed_) undo_();
  }

  void keep() { armed_ = false; }

private:
  Undo undo_;
  bool armed_ = true;
};

} // namespace troupe
