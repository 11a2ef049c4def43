// /connz: connections, filtered, sorted and paged. Pure.
#pragma once

#include "http/monitor_source.hpp"
#include "http/query.hpp"

#include <cstdint>
#include <string>

namespace troupe::http {

inline constexpr int64_t default_list_size = 1024;

enum class connz_sort : uint8_t {
  cid,
  start,
  subs,
  pending,
  msgs_to,
  msgs_from,
  bytes_to,
  bytes_from,
  last,
  idle,
  uptime,
  stop,
  reason,
  rtt
};

struct connz_options {
  connz_sort sort = connz_sort::cid;
  bool auth = false; // show users and accounts
  bool subs = false;
  bool subs_detail = false;
  int64_t offset = 0;
  int64_t limit = default_list_size;
  uint64_t cid = 0; // 0: all
  connection_state state = connection_state::open;
  std::string user;
  std::string account;
  std::string mqtt_client;
  std::string filter_subject; // only connections with a subscription that collides; needs `account`
};

/// Reads the parameters of a page; an error is the text of a 400.
result<connz_options> parse_connz(const query& params);

/// The sort order of that name ("" is cid); an error is the text of a 400.
result<connz_sort> parse_connz_sort(const std::string& name);

/// Refuses what contradicts itself and puts offset and limit into their bounds.
result<connz_options> check_connz(connz_options options);

/// What the source is to be asked for.
connections_request connz_request(const connz_options& options);

std::string render_connz(const connz_options& options, const observe::connections_snapshot& all,
                         const std::string& server_id, observe::wall_time now);

} // namespace troupe::http
