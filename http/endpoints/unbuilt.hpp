// Pages of features that are not built yet: their true, empty state, shaped as the NATS server's
// when the feature is off. Pure.
#pragma once

#include "actors/observe/snapshots.hpp"
#include "http/query.hpp"

#include <cstdint>
#include <string>

namespace troupe::http {

struct routez_options {
  bool subs = false;
  bool subs_detail = false;
};

struct gatewayz_options {
  std::string name; // only this remote gateway
  bool accounts = false;
  std::string account; // only this account; implies `accounts`
  bool subs = false;
  bool subs_detail = false;
};

struct leafz_options {
  bool subs = false;
  std::string account; // empty: all
};

struct jsz_options {
  std::string account; // empty: all
  bool accounts = false, streams = false, consumers = false, direct_consumers = false;
  bool config = false, leader_only = false, stream_leader_only = false, raft = false;
  int64_t offset = 0, limit = 0;
};

struct raftz_options {
  std::string account; // empty: the system account
  std::string group;   // empty: all
};

struct ipqueuesz_options {
  bool all = false;   // empty queues, too
  std::string filter; // only queues with this in their name
};

/// An error is the text of a 400.
result<routez_options> parse_routez(const query& params);
result<gatewayz_options> parse_gatewayz(const query& params);
result<leafz_options> parse_leafz(const query& params);
result<jsz_options> parse_jsz(const query& params);
raftz_options parse_raftz(const query& params);
result<ipqueuesz_options> parse_ipqueuesz(const query& params);

std::string render_routez(const routez_options& options, const observe::node_snapshot& node,
                          observe::wall_time now);
std::string render_gatewayz(const gatewayz_options& options, const observe::node_snapshot& node,
                            observe::wall_time now);
std::string render_leafz(const leafz_options& options, const observe::node_snapshot& node,
                         observe::wall_time now);
/// Fails for `leader_only`: a server without JetStream leads nothing.
result<std::string> render_jsz(const jsz_options& options, const observe::node_snapshot& node,
                               observe::wall_time now);
/// Always the text of a 404: there is no group.
result<std::string> render_raftz(const raftz_options& options);
std::string render_ipqueuesz(const ipqueuesz_options& options, const observe::node_snapshot& node);

} // namespace troupe::http
