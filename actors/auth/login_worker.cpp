#include "actors/auth/login_worker.hpp"

#include <exception>

#include "actors/reactor/pinned_actor.hpp"

namespace troupe {

login_worker_handle::behavior_type login_worker(login_worker_handle::pointer self, caf::unit_t) {
  self->set_exception_handler([](std::exception_ptr& failure) { return error_of(failure); });
  return {
    [](const login_task_ptr& task) {
      auth_decision decision;
      try {
        decision = task->work();
      } catch (const std::exception& e) {
        decision = auth_decision::refuse(std::string("the check failed: ") + e.what());
      }
      task->done(std::move(decision));
    },
  };
}

} // namespace troupe
