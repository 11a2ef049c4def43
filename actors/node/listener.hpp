// Accepts clients and hands them to the reactors in turn.
//
// When the system is out of descriptors or memory it backs off instead of spinning, keeps the
// socket, and goes on as soon as it can.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "actors/node/backoff.hpp"
#include "actors/reactor/pinned_actor.hpp"
#include "actors/session/session_messages.hpp"
#include "protocol/result.hpp"

namespace troupe {

/// A listening socket with the address it really got.
struct bound_socket {
  int fd = -1;
  std::string host;
  uint16_t port = 0;
  listener_kind kind = listener_kind::client;
};

/// Binds and listens, non-blocking. `port` -1 or 0: the system picks one. The error is Go's,
/// "listen tcp 0.0.0.0:4222: bind: address already in use".
result<bound_socket> bind_socket(const std::string& host, int port);
/// The same for clients; the error says also what for.
result<bound_socket> listen_on(const std::string& host, int port);

/// Whether the congestion control of new connections of `listener` is BBR, which sends by a clock.
bool paces(int listener);
/// Takes the clock from a connection whose peer `from` is this machine: there is no network to share,
/// and the timers cost more than the copies they pace. Others keep what the operator chose.
void unpace_local(int fd, const sockaddr_storage& from);

struct stop_listening {};

using listener_handle = caf::typed_actor<
  // Closes the socket: lame duck mode or the end.
  caf::reacts_to<stop_listening>,
  // For /actorz.
  caf::replies_to<describe_query>::with<actor_report_ptr>>;

class listener_actor final : public pinned<listener_handle::base>, public io_handler {
public:
  listener_actor(caf::actor_config& cfg, bound_socket socket, std::vector<hub_handle> hubs);
  ~listener_actor() override;

  const char* name() const override { return "listener"; }
  void on_io(uint32_t events) override;

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  bool accept_one();
  void back_off(int error);
  void stop();
  static void retry(void* self, nanos now);

  bound_socket socket_;
  bool paces_;
  std::vector<hub_handle> hubs_;
  size_t next_hub_ = 0;
  uint32_t slot_ = UINT32_MAX;
  accept_backoff backoff_;
  timer retry_;
  nanos started_;
  uint64_t accepted_ = 0;
  std::string last_error_;
};

} // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::stop_listening)
