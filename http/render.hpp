// Shapes that several pages share: times, spans, JSON documents. Pure.
#pragma once

#include "actors/observe/snapshots.hpp"
#include "protocol/json/writer.hpp"

#include <functional>
#include <string>

namespace troupe::http {

using observe::nanoseconds;
using observe::wall_time;

/// RFC 3339 in UTC with up to nine decimals, trailing zeros dropped, as Go writes time.Time.
std::string format_time(wall_time t);

/// "3d4h5m6s", as uptime and idle are shown.
std::string format_uptime(nanoseconds span);

/// A round trip as /connz shows it: whole microseconds below a millisecond.
std::string format_rtt(nanoseconds span);

/// One indented object, its members written by `body`.
std::string document(const std::function<void(json_writer&)>& body);

/// The members of a subscription, in order, as an object.
void write_sub(json_writer& w, const observe::sub_snapshot& sub, bool with_account);

/// The members of /subsz's statistics, without braces.
void write_sublist_stats(json_writer& w, const observe::sublist_stats& stats);

} // namespace troupe::http
