#include "actors/session/handshake_worker.hpp"

#include <caf/send.hpp>

#include <exception>
#include <utility>

#include "actors/observe/logger.hpp"

namespace troupe {

handshake_worker_handle::behavior_type handshake_worker(handshake_worker_handle::pointer,
                                                        caf::unit_t) {
  return {
    [](const handshake_task_ptr& task) {
      try {
        // Let go of it here: the client is told when nobody else has a hand on its stage.
        std::exchange(task->step, {})();
      } catch (const std::exception& e) {
        log::error("a step of a TLS handshake failed: {}", e.what());
      }
      caf::anon_send(std::exchange(task->client, {}), step_done{});
    },
  };
}

} // namespace troupe
