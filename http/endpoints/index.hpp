// The page at the root: links to the others. Pure.
#pragma once

#include <string>

namespace troupe::http {

std::string render_index(const std::string& base_path);

} // namespace troupe::http
