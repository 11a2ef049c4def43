#include "actors/auth/login_worker.hpp"

#include <exception>

namespace troupe {

login_worker_handle::behavior_type login_worker(login_worker_handle::pointer, caf::unit_t) {
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
