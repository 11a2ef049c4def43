// The dashboard's files, compiled in from http/ui by cmake/embed.cmake.
#pragma once

#include <span>
#include <string_view>

namespace troupe::http {

struct ui_file {
  std::string_view path; // below the base path: "/ui", "/ui/app.js"
  std::string_view content_type;
  std::string_view body;
};

std::span<const ui_file> ui_files();

/// Sent with each of them: what is not of this origin, and everything inline, is refused.
inline constexpr std::string_view ui_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

} // namespace troupe::http
