// Unix signals as messages: a signalfd on reactor 0. Signals must be blocked in every thread
// before the first one starts (block_signals in main).
#pragma once

#include "actors/node/node_actor.hpp"
#include "actors/reactor/pinned_actor.hpp"

namespace troupe {

/// Blocks the signals that the node handles, in this thread and those it starts later.
void block_signals();

class signal_source final : public pinned<caf::event_based_actor>, public io_handler {
public:
  signal_source(caf::actor_config& cfg, node_handle node);
  ~signal_source() override;

  const char* name() const override { return "signals"; }
  void on_io(uint32_t events) override;

protected:
  caf::behavior make_behavior() override;
  void on_exit() override;

private:
  node_handle node_;
  nanos started_ = std::chrono::steady_clock::now().time_since_epoch();
  int fd_ = -1;
  int why_not_ = 0;  // errno, when there is none
  uint32_t slot_ = UINT32_MAX;
};

} // namespace troupe
