// Base of every actor that touches sockets, routing or the hot path: whoever sends to it, it is
// resumed on its own reactor, so its state needs no lock and other actors of the same reactor may
// call it directly. Modelled on how CAF pins its brokers to their multiplexer.
#pragma once

#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <exception>
#include <string>

#include "actors/reactor/reactor.hpp"

namespace troupe {

/// What an actor ends of whose handler threw: its supervisor tells the words in the log.
inline caf::error error_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    return caf::make_error(caf::sec::runtime_error, std::string(e.what()));
  } catch (...) {
    return caf::make_error(caf::sec::runtime_error, std::string("unknown exception"));
  }
}

/// `Base` is event_based_actor or a typed_event_based_actor. Construct through `spawn_pinned`.
template <class Base>
class pinned : public Base {
public:
  using super = Base;

  explicit pinned(caf::actor_config& cfg)
      : super(cfg), home_(static_cast<reactor&>(*cfg.host)) {
    this->set_exception_handler([](std::exception_ptr& failure) { return error_of(failure); });
  }

  using super::enqueue;
  void enqueue(caf::mailbox_element_ptr x, caf::execution_unit*) override {
    // Only the own thread touches the mailbox: see the causality rule in reactor.hpp.
    if (reactor::current() == &home_)
      super::enqueue(std::move(x), &home_);
    else
      home_.hand_over(caf::strong_actor_ptr{this->ctrl()}, std::move(x));
  }
  void launch(caf::execution_unit*, bool lazy, bool hide) override {
    super::launch(&home_, lazy, hide);
  }
  caf::resumable::subtype_t subtype() const override { return caf::resumable::io_actor; }

  reactor& home() const { return home_; }

protected:
  /// Ends it with this reason; from where its reactor calls it outside of its message handlers.
  void end_with(caf::error why) {
    this->enqueue(nullptr, caf::make_message_id(),
                  caf::make_message(caf::exit_msg{this->address(), std::move(why)}), &home_);
  }

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
