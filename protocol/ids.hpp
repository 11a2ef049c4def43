// Identifiers that must not be mixed up are types of their own.
#pragma once

#include <cstdint>

namespace troupe {

/// A connection's number, unique in the life of a node, as `cid` in /connz and `client_id` in INFO.
enum class client_id : uint64_t {};

/// A reactor's index, 0 .. reactors - 1. At most 64, so that a set of reactors is one word.
using reactor_index = uint8_t;
inline constexpr unsigned max_reactors = 64;

/// What kind of peer sits at the other end; the parser's table says which ops each may send.
enum class connection_kind : uint8_t { client, router, gateway, leaf, system, jetstream, account };

constexpr uint64_t value(client_id id) { return static_cast<uint64_t>(id); }

} // namespace troupe
