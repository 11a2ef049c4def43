// WebSocket as a stage of the transport: the upgrade, then frames around what the session reads
// and writes.
//
// Incoming bytes come through a block that all connections of a thread share; unmasking moves them
// into the session's buffer, so a frame's announced length costs nothing, and inflating fills that
// buffer and goes on at the next read, so a bomb is noticed when it is over its bound and nothing
// grows before. Outgoing pieces go out behind a frame header as they stand, uncopied; compressed
// ones are the stage's own, one message of bounded size at a time, by a compressor that the
// connections of a thread share. Answers to pings wait between frames, a bounded number of them.
//
// On the connection's reactor.
#pragma once

#include <memory>

#include "actors/reactor/transport.hpp"
#include "actors/session/websocket_policy.hpp"
#include "protocol/websocket/handshake.hpp"

namespace troupe {

/// What a session asks the stage beyond reading and writing.
class websocket_stage : public transport {
public:
  /// What the upgrade told about the client; once `handshake` said ok.
  virtual const websocket::upgrade_facts& facts() const = 0;
  /// All has been written: now the close frame, unless one was sent. Before the upgrade, nothing.
  virtual void say_goodbye(uint16_t code, std::string_view text) = 0;
};

/// `max_payload`: bounds what one compressed message may become; `peer`: "ip:port", for the log.
std::unique_ptr<websocket_stage> make_websocket_stage(std::unique_ptr<transport> lower,
                                                      std::shared_ptr<const websocket_policy> policy,
                                                      int64_t max_payload, std::string peer);

} // namespace troupe
