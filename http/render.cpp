#include "http/render.hpp"

#include "protocol/time_text.hpp"

namespace troupe::http {

std::string format_time(wall_time t) { return rfc3339_nano(t.time_since_epoch().count()); }

std::string format_uptime(nanoseconds span) { return uptime_text(span.count()); }

std::string format_rtt(nanoseconds span) {
  using namespace std::chrono;
  if (span > microseconds{1} && span < milliseconds{1}) span = duration_cast<microseconds>(span);
  return go_duration_text(span.count());
}

std::string document(const std::function<void(json_writer&)>& body) {
  std::string out;
  json_writer w(out, json_layout::indented);
  w.begin_object();
  body(w);
  w.end_object();
  return out;
}

void write_sub(json_writer& w, const observe::sub_snapshot& sub, bool with_account) {
  w.begin_object();
  if (with_account) {
    w.member_if("account", sub.account);
    w.member_if("account_tag", sub.account_tag);
  }
  w.member("subject", sub.subject);
  w.member_if("qgroup", sub.queue);
  w.member("sid", sub.sid);
  w.member("msgs", sub.msgs);
  w.member_if("max", sub.max);
  w.member("cid", sub.cid);
  w.end_object();
}

void write_sublist_stats(json_writer& w, const observe::sublist_stats& stats) {
  auto ratio = [](uint64_t a, uint64_t b) {
    return a == 0 || b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
  };
  w.member("num_subscriptions", stats.num_subscriptions);
  w.member("num_cache", stats.num_cache);
  w.member("num_inserts", stats.num_inserts);
  w.member("num_removes", stats.num_removes);
  w.member("num_matches", stats.num_matches);
  w.member("cache_hit_rate", ratio(stats.cache_hits, stats.num_matches));
  w.member("max_fanout", stats.max_fanout);
  w.member("avg_fanout", ratio(stats.total_fanout, stats.cached_results));
}

} // namespace troupe::http
