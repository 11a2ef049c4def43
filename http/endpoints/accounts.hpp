// /accountz and /accstatz: the accounts and their traffic. Pure.
#pragma once

#include "actors/observe/snapshots.hpp"
#include "http/query.hpp"

#include <string>
#include <vector>

namespace troupe::http {

struct accountz_options {
  std::string account; // empty: the names of all
};

struct accstatz_options {
  std::vector<std::string> accounts; // empty: all
  bool unused = false;               // those without a connection, too
};

accountz_options parse_accountz(const query& params);
result<accstatz_options> parse_accstatz(const query& params);

/// All account names, or one account in detail; an error is the text of a 400.
result<std::string> render_accountz(const accountz_options& options,
                                    const observe::node_snapshot& node, observe::wall_time now);

/// Traffic of the accounts in use, or of all.
std::string render_accstatz(const accstatz_options& options, const observe::node_snapshot& node,
                            observe::wall_time now);

} // namespace troupe::http
