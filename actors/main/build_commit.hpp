// Which commit this program was built from.
#pragma once

#include <string_view>

namespace troupe {

/// The first seven digits, as the NATS server shows its own; empty: not known. Written by cmake/commit.cmake.
extern const std::string_view build_commit;

} // namespace troupe
