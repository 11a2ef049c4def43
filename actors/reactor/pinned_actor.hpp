// Base of every actor that touches sockets, routing or the hot path: whoever sends to it, it is
// resumed on its own reactor, so its state needs no lock and other actors of the same reactor may
// call it directly. Modelled on how CAF pins its brokers to their multiplexer.
#pragma once

#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

#include "actors/reactor/reactor.hpp"

namespace troupe {

/// `Base` is event_based_actor or a typed_event_based_actor. Construct through `spawn_pinned`.
template <class Base>
class pinned : public Base {
public:
  explicit pinned(caf::actor_config& cfg)
      : Base(cfg), home_(static_cast<reactor&>(*cfg.host)) {}

  using Base::enqueue;
  void enqueue(caf::mailbox_element_ptr x, caf::execution_unit*) override {
#ifdef __SANITIZE_THREAD__
    __tsan_release(x.get());
#endif
    Base::enqueue(std::move(x), &home_);
  }
#ifdef __SANITIZE_THREAD__
  // The mailbox is in libcaf, which is not instrumented: say that a message was written before.
  caf::invoke_message_result consume(caf::mailbox_element& x) override {
    __tsan_acquire(&x);
    return Base::consume(x);
  }
#endif
  void launch(caf::execution_unit*, bool lazy, bool hide) override {
    Base::launch(&home_, lazy, hide);
  }
  caf::resumable::subtype_t subtype() const override { return caf::resumable::io_actor; }

  reactor& home() const { return home_; }

private:
  reactor& home_;
};

/// Spawns `Actor` on `home`. Any thread. The actor's first resume runs on the reactor.
template <class Actor, caf::spawn_options Os = caf::no_spawn_options, class... Ts>
auto spawn_pinned(reactor& home, Ts&&... xs) {
  caf::actor_config cfg{&home};
  return home.system().template spawn_class<Actor, Os>(cfg, std::forward<Ts>(xs)...);
}

} // namespace troupe
