// The reference of all options as a page: docs/configuration.md, written from the table.
#pragma once

#include <string>

namespace troupe::config {

/// Markdown: how to read it, then a table for the top level and one for every block. Pure.
std::string reference_page();

} // namespace troupe::config
