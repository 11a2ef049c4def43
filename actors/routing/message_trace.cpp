#include "actors/routing/message_trace.hpp"

#include <algorithm>
#include <charconv>

#include "actors/observe/snapshots.hpp"
#include "protocol/headers.hpp"
#include "protocol/json/writer.hpp"
#include "protocol/text.hpp"
#include "protocol/time_text.hpp"

namespace troupe::routing {

namespace {

constexpr std::string_view traceparent = "traceparent";
constexpr int client_kind = 0;  // as in the Go server

int64_t wall_ns() { return observe::wall_now().time_since_epoch().count(); }

/// "00-<trace>-<parent>-01"
bool is_sampled(std::string_view parent) {
  if (std::count(parent.begin(), parent.end(), '-') != 3) return false;
  const std::string_view flags = parent.substr(parent.rfind('-') + 1);
  unsigned n = 0;
  const auto [end, failed] = std::from_chars(flags.data(), flags.data() + flags.size(), n, 16);
  constexpr unsigned highest = 0x7f;  // Go reads a signed byte
  return flags.size() == 2 && failed == std::errc{} && end == flags.data() + flags.size()
         && n <= highest && (n & 1) != 0;
}

bool is_yes(std::string_view text) {
  return text == "1" || same_ignoring_case(text, "true") || same_ignoring_case(text, "on");
}

class note {
public:
  explicit note(std::string_view type) {
    writer_.begin_object();
    writer_.member("type", type);
    writer_.member("ts", rfc3339_nano(wall_ns()));
  }
  template <class T>
  note& with(std::string_view key, const T& v) {
    writer_.member(key, v);
    return *this;
  }
  note& with_if(std::string_view key, std::string_view v) {
    writer_.member_if(key, v);
    return *this;
  }
  std::string done() {
    writer_.end_object();
    return std::move(text_);
  }

private:
  std::string text_;
  json_writer writer_{text_};
};

} // namespace

bool may_ask_for_trace(std::string_view block) {
  for (size_t at = block.find('\n'); at != std::string_view::npos; at = block.find('\n', at + 1)) {
    const std::string_view line = block.substr(at + 1);
    if (line.empty()) return false;
    if (line[0] == 'N' && line.starts_with(trace_destination_header)) return true;
    if ((line[0] | 0x20) == 't' && line.size() > traceparent.size()
        && same_ignoring_case(line.substr(0, traceparent.size()), traceparent))
      return true;
  }
  return false;
}

trace_request read_trace_request(std::string_view block) {
  trace_request out;
  bool has_destination = false, has_parent = false, says_only = false;
  header_cursor lines(block);
  while (auto field = lines.next()) {
    const std::string_view value = trim_blanks(field->value);
    if (field->key.empty() || value.empty()) continue;
    if (same_ignoring_case(field->key, traceparent)) {
      has_parent = has_parent || is_sampled(value);
    } else if (field->key == trace_destination_header && !has_destination) {
      if (value == tracing_is_off) return {};
      has_destination = true;
      out.destination = value;
    } else if (field->key == "Nats-Trace-Only") {
      says_only = says_only || is_yes(value);
    } else if (field->key == "Nats-Trace-Origin-Account") {
      out.origin = value;
    } else if (field->key == "Accept-Encoding" && out.accept_encoding.empty()) {
      out.accept_encoding = value;
    }
    auto same = std::find_if(out.headers.begin(), out.headers.end(),
                             [&](auto& h) { return h.first == field->key; });
    if (same == out.headers.end())
      same = out.headers.insert(same, {std::string(field->key), {}});
    same->second.emplace_back(value);
  }
  out.wanted = has_destination || has_parent;
  out.external = out.wanted && !has_destination;
  out.only = has_destination && says_only;
  return out;
}

message_trace::message_trace(origin from, trace_request asked)
    : from_(std::move(from)), asked_(std::move(asked)), came_at_ns_(wall_ns()) {
  std::sort(asked_.headers.begin(), asked_.headers.end());  // as Go writes maps
}

void message_trace::refused(std::string_view why) {
  std::lock_guard lock(mutex_);
  error_ = why;
}

void message_trace::mapped(std::string_view to) { keep(note("sm").with("to", to).done()); }

void message_trace::stream_exported(std::string_view account, std::string_view to) {
  keep(note("se").with("acc", account).with("to", to).done());
}

void message_trace::service_imported(std::string_view account, std::string_view from,
                                     std::string_view to) {
  keep(note("si").with("acc", account).with("from", from).with("to", to).done());
}

void message_trace::delivered(const trace_target& to, std::string_view error) {
  note n("eg");
  n.with("kind", client_kind).with("cid", to.id).with_if("name", to.name);
  n.with_if("acc", to.account == from_.account ? std::string_view{} : to.account);
  n.with_if("sub", to.filter).with_if("queue", to.queue).with_if("error", error);
  keep(n.done());
}

void message_trace::keep(std::string text) {
  std::lock_guard lock(mutex_);
  if (notes_.size() < notes_max) notes_.push_back(std::move(text));
}

std::string message_trace::event(std::string_view server) const {
  std::lock_guard lock(mutex_);
  std::string out;
  json_writer w(out);
  w.begin_object();
  w.key("server");
  w.raw(server.empty() ? "{}" : server);
  w.key("request");
  w.begin_object();
  w.key("header");
  w.begin_object();
  for (const auto& [key, values] : asked_.headers) w.member(key, values);
  w.end_object();
  w.member_if("msgsize", from_.message_bytes);
  w.end_object();
  w.key("events");
  w.begin_array();
  w.begin_object();
  w.member("type", "in");
  w.member("ts", rfc3339_nano(came_at_ns_));
  w.member("kind", client_kind);
  w.member("cid", from_.id);
  w.member_if("name", from_.name);
  w.member("acc", from_.account);
  w.member("subj", from_.subject);
  w.member_if("error", error_);
  w.end_object();
  for (const std::string& n : notes_) w.raw(n);
  w.end_array();
  w.end_object();
  return out;
}

} // namespace troupe::routing
