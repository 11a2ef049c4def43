#include "actors/routing/latency_core.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocol/headers.hpp"
#include "protocol/json/writer.hpp"
#include "protocol/time_text.hpp"

namespace troupe::routing {

namespace {

constexpr std::string_view event_type = "io.nats.server.metric.v1.service_latency";

std::string_view describe(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 408: return "Request Timeout";
    case 503: return "Service Unavailable";
    case 504: return "Service Timeout";
    default: return {};
  }
}

/// "X-B3-TraceId" -> "X-B3-Traceid"
std::string canonical(std::string_view key) {
  std::string out;
  bool first = true;
  for (char c : key) {
    if (c >= 'a' && c <= 'z' && first) c = static_cast<char>(c - 0x20);
    if (c >= 'A' && c <= 'Z' && !first) c = static_cast<char>(c + 0x20);
    first = c == '-';
    out += c;
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at != std::string_view::npos;) {
    const size_t end = text.find(separator, at);
    out.push_back(text.substr(at, end - at));
    at = end == std::string_view::npos ? end : end + 1;
  }
  return out;
}

/// Whether the lowest bit of one or two hexadecimal digits is set.
bool flag_is_set(std::string_view hex) {
  unsigned n = 0;
  const auto [end, failed] = std::from_chars(hex.data(), hex.data() + hex.size(), n, 16);
  return failed == std::errc{} && end == hex.data() + hex.size() && (n & 1) != 0;
}

class tracing_headers {
public:
  explicit tracing_headers(std::string_view block) {
    header_cursor fields(block);
    while (auto field = fields.next()) all_[canonical(field->key)].emplace_back(field->value);
  }

  std::optional<std::string_view> first(const std::string& key) const {
    auto it = all_.find(key);
    return it == all_.end() ? std::nullopt : std::optional<std::string_view>(it->second.front());
  }
  latency_choice take(std::initializer_list<const char*> keys, std::string_view prefix = {}) const {
    latency_choice out{true, {}};
    for (const char* key : keys)
      if (auto it = all_.find(key); it != all_.end()) out.headers.insert(*it);
    for (const auto& field : all_)
      if (!prefix.empty() && field.first.starts_with(prefix)) out.headers.insert(field);
    return out;
  }

private:
  latency_headers all_;
};

latency_choice choose_by_headers(const tracing_headers& h) {
  if (auto uber = h.first("Uber-Trace-Id")) {
    const auto parts = split(*uber, ':');
    const bool on = parts.size() == 4 && !parts[3].empty() && parts[3].size() <= 2
                    && flag_is_set(parts[3]);
    return on ? h.take({"Uber-Trace-Id"}, "Uberctx-") : latency_choice{};
  }
  const auto sampled = h.first("X-B3-Sampled");
  if (sampled == "0") return {};
  if (sampled == "1" || h.first("X-B3-Traceid"))
    return h.take({"X-B3-Sampled", "X-B3-Traceid", "X-B3-Parentspanid", "X-B3-Spanid"});
  if (auto b3 = h.first("B3")) {
    const auto parts = split(*b3, '-');
    const bool denied = parts.size() > 2 ? parts[2] == "0" : parts.size() == 1 && parts[0] == "0";
    return denied ? latency_choice{} : h.take({"B3"});
  }
  if (auto parent = h.first("Traceparent")) {
    const auto parts = split(*parent, '-');
    if (parts.size() == 4 && parts[3].size() == 2 && flag_is_set(parts[3]))
      return h.take({"Traceparent", "Tracestate"});
  }
  return {};
}

} // namespace

latency_choice choose_latency(int sampling, uint64_t chance, std::string_view header_block) {
  if (sampling >= 100) return {true, {}};
  if (sampling > 0 && static_cast<int>(chance % 100) < sampling) return {true, {}};
  if (header_block.empty()) return {};
  return choose_by_headers(tracing_headers(header_block));
}

std::string latency_event(const service_latency& l, std::string_view id, int64_t now_ns) {
  std::string out;
  json_writer w(out);
  w.begin_object();
  w.member("type", event_type);
  w.member("id", id);
  w.member("timestamp", rfc3339_nano(now_ns));
  w.member("status", l.status);
  w.member_if("description", describe(l.status));
  if (!l.requestor.empty()) {
    w.key("requestor");
    w.raw(l.requestor);
  }
  if (!l.responder.empty()) {
    w.key("responder");
    w.raw(l.responder);
  }
  if (!l.headers.empty()) {
    w.key("header");
    w.begin_object();
    for (const auto& [key, values] : l.headers) w.member(key, values);
    w.end_object();
  }
  w.member("start", rfc3339_nano(l.asked_at_ns - l.requestor_rtt.count()));
  const bool answered = l.status == 200;
  const auto service = std::max(l.took - l.responder_rtt, service_latency::nanoseconds::zero());
  w.member("service", answered ? service.count() : 0);
  w.member("system", answered ? l.system.count() : 0);
  w.member("total", answered ? (l.requestor_rtt + l.took + l.system).count() : 0);
  w.end_object();
  return out;
}

} // namespace troupe::routing
