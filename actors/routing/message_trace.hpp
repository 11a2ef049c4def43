// Tracing of a message: which messages ask for it, and what is told about one.
//
// A publisher asks with the header `Nats-Trace-Dest`, or with a sampled `traceparent` where its
// account has a destination for such traces. Everybody who handles the message notes what happened
// to it; the last reactor that is done with it publishes the event. Names, order and texts are those
// of the Go server (msgtrace.go).
//
// Thread: requests are values; a message_trace is shared by the reactors that the message goes to,
// and its notes are behind a lock, since traced messages are few.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::routing {

class account;

inline constexpr std::string_view trace_destination_header = "Nats-Trace-Dest";
inline constexpr std::string_view tracing_is_off = "trace disabled";  // as a destination

namespace trace_text {
inline constexpr std::string_view no_echo = "Not delivered because of no echo";
inline constexpr std::string_view denied = "Not delivered because subscription denies this subject";
inline constexpr std::string_view closed = "Not delivered because client is closed";
inline constexpr std::string_view expired = "Not delivered because auto-unsubscribe exceeded";
inline constexpr std::string_view slow =
  "Not delivered because fast producer not stalled and consumer is slow";
} // namespace trace_text

/// Cheap: whether a header block may ask for a trace, so that reading it in full is worth it.
bool may_ask_for_trace(std::string_view header_block);

/// What a header block asks for.
struct trace_request {
  bool wanted = false;
  bool external = false;     // by traceparent: the account says where it goes
  bool only = false;         // nothing is to be delivered
  std::string destination;   // not external
  std::string origin;        // an account that only servers name: switches tracing off
  std::string accept_encoding;
  std::vector<std::pair<std::string, std::vector<std::string>>> headers;  // in order
};
trace_request read_trace_request(std::string_view header_block);

/// A client that a traced message goes to.
struct trace_target {
  uint64_t id = 0;
  std::string_view name;
  std::string_view account;
  std::string_view filter, queue;
};

class message_trace : public std::enable_shared_from_this<message_trace> {
public:
  struct origin {
    uint64_t id = 0;
    std::string name;
    std::string account;
    std::shared_ptr<routing::account> in;
    std::string subject;
    size_t message_bytes = 0;
  };

  static constexpr size_t notes_max = 16 * 1024;  // what comes later is left out

  message_trace(origin from, trace_request asked);

  bool only() const { return asked_.only; }
  /// Where the event goes, in the account of the publisher.
  const std::string& destination() const { return asked_.destination; }
  const std::shared_ptr<account>& account_of_origin() const { return from_.in; }
  const trace_request& asked() const { return asked_; }

  // -- what happened to it; any thread -------------------------------------------------------------

  void refused(std::string_view why);
  void mapped(std::string_view to);
  void stream_exported(std::string_view account, std::string_view to);
  void service_imported(std::string_view account, std::string_view from, std::string_view to);
  void delivered(const trace_target& to, std::string_view error = {});

  // -- who still handles it ------------------------------------------------------------------------

  void join() { parties_.fetch_add(1); }
  /// True for the last one: it publishes the event.
  bool leave() { return parties_.fetch_sub(1) == 1; }

  /// The whole event. `server` is the JSON object that describes this server.
  std::string event(std::string_view server) const;

private:
  void keep(std::string note);

  origin from_;
  trace_request asked_;
  int64_t came_at_ns_;
  mutable std::mutex mutex_;
  std::string error_;
  std::vector<std::string> notes_;  // JSON objects
  std::atomic<int> parties_{1};
};

} // namespace troupe::routing
