// The two versions a node shows: the NATS server it stands in for, and its own.
#pragma once

#include <string_view>

namespace troupe::config {

/// What INFO, /varz and `-v` report, so that clients and tools choose the right features.
inline constexpr std::string_view compatible_version = "2.15.3";
inline constexpr std::string_view own_version = "0.1.0";

/// The client protocol level in INFO and /varz: 1 means dynamic INFO and `echo`.
inline constexpr int protocol_level = 1;

/// The JetStream API level of that server, as `api_lvl` in INFO.
inline constexpr int jetstream_api_level = 5;

} // namespace troupe::config
