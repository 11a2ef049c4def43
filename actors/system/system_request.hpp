// What a message on a `$SYS` subject asks for: which service, of which account, with which options.
//
// Pure. Subjects and bodies come from clients and may be anything. Errors carry the texts of the NATS
// server, that is of Go's encoding/json. Source: spec cluster.md 5.2, Go server events.go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/result.hpp"

namespace troupe {

enum class system_call : uint8_t {
  none,
  idz,
  statsz,
  // Pages of the monitoring endpoints.
  varz,
  subsz,
  connz,
  routez,
  gatewayz,
  leafz,
  accountz,
  jsz,
  healthz,
  profilez,
  expvarz,
  ipqueuesz,
  raftz,
  actorz,
  // Orders to one server.
  reload,
  kick,
  ldm,
  // About one account.
  account_info,
  account_statz,
  account_conns,
  account_nsubs,
  user_info,
  debug_subscribers,
  // To the resolver of operator mode.
  claims_update,
  claims_delete,
  claims_list,
  claims_pack,
  claims_lookup,
};

/// A request body of more bytes is refused.
inline constexpr size_t max_request_options_bytes = 64 * 1024;

struct system_subject {
  system_call call = system_call::none;
  std::string_view account;  // of requests about one; empty: none or all
  bool one_account = false;  // the subject has an account in it
};

/// What it asks for; `none`: nothing that this server answers.
system_subject parse_system_subject(std::string_view subject, std::string_view server_id);

/// The filters on which requests to this server come, each once.
std::vector<std::string> system_filters(std::string_view server_id);
/// The same for requests to a resolver: all that one which keeps accounts is asked, or updates of
/// accounts in use. Those for `claims_pack` belong to a queue group, for one server of many answers.
std::vector<std::string> claims_filters(bool keeps_accounts);
inline constexpr std::string_view claims_pack_queue = "responder";

/// Which servers are meant by a request to all.
struct request_filter {
  std::string name, cluster, host, domain;
  std::vector<std::string> tags;
  bool exact = false;  // the first three: equality instead of a part
};

struct server_identity {
  std::string name, cluster, host, domain;
  std::vector<std::string> tags;
};
bool applies_to(const request_filter& filter, const server_identity& server);

struct request_options {
  request_filter filter;
  uint64_t cid = 0;                   // kick, ldm
  std::vector<std::string> accounts;  // statz of accounts
  bool include_unused = false;
  std::string account, subject, queue;  // nsubs
  std::string name;                     // profilez
  int64_t duration_ns = 0;
};

/// Reads a request's body and checks the types of a page's options; an empty one has none.
result<request_options> parse_request_options(system_call call, std::string_view body);

/// A body that was accepted, for a page about that account alone.
std::string options_of_account(system_call call, std::string_view body, std::string_view account);

/// The name of a page, "VARZ". Empty for what is no page.
std::string_view page_name(system_call call);

} // namespace troupe
