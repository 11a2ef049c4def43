// Actors with a thread of their own, which the system may refuse: a limit on threads or on memory.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/spawn_options.hpp>

#include <system_error>
#include <thread>
#include <utility>

namespace troupe {

/// Spawns a hidden actor on a thread of its own; `parent` is an actor or the actor system.
/// Throws std::system_error when there is no thread for it.
template <caf::spawn_options Os = caf::no_spawn_options, class Parent, class F, class... Ts>
auto spawn_on_thread(caf::actor_system& system, Parent& parent, F f, Ts&&... xs) {
  // CAF counts the thread before it asks for it, and its end would wait for that one too. What the
  // actor has taken then is lost, so one is asked for beforehand.
  std::thread([] {}).join();
  try {
    return parent.template spawn<caf::detached + caf::hidden + Os>(f, std::forward<Ts>(xs)...);
  } catch (const std::system_error&) {
    system.dec_detached_threads();
    throw;
  }
}

} // namespace troupe
