#include "actors/session/handshake_worker.hpp"

#include <caf/send.hpp>
#include <openssl/crypto.h>

#include <exception>
#include <utility>

#include "actors/observe/logger.hpp"
#include "actors/reactor/pinned_actor.hpp"

namespace troupe {

handshake_worker_handle::behavior_type handshake_worker(handshake_worker_handle::pointer self,
                                                        caf::unit_t) {
  self->set_exception_handler([](std::exception_ptr& failure) { return error_of(failure); });
  // CAF counts its thread as gone a moment before it is: at the process's end nobody else would.
  self->attach_functor([](const caf::error&) { OPENSSL_thread_stop(); });
  return {
    [](const handshake_task_ptr& task) { take_handshake_step(*task); },
  };
}

void take_handshake_step(handshake_task& task) {
  try {
    // Let go of it here: the client is told when nobody else has a hand on its stage.
    std::exchange(task.step, {})();
  } catch (const std::exception& e) {
    log::error("a step of a TLS handshake failed: {}", e.what());
  }
  caf::anon_send(std::exchange(task.client, {}), step_done{});
}

} // namespace troupe
