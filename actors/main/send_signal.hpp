// `--signal`: finds the running server and signals it.
#pragma once

#include "config/cli.hpp"
#include "protocol/result.hpp"

namespace troupe {

/// Errors name the processes found, or that there is none, as the Go server's do.
result<void> send_signal(const config::signal_request& request);

} // namespace troupe
