// Messages that ask for a trace: what the session says about those it publishes and gets.
#include <sodium.h>
#include "actors/routing/message_trace.hpp"
#include "actors/session/client_connection.hpp"
#include "actors/session/client_hub.hpp"
#include "protocol/client/encoder.hpp"
#include "protocol/client/go_quote.hpp"
#include "protocol/subject/subject.hpp"

namespace troupe {

using namespace routing;

bool client_connection::begin_trace(const op& pub) {
  const auto header_bytes = static_cast<size_t>(pub.header_bytes);
  trace_request asked = read_trace_request(pub.payload.substr(0, header_bytes));
  if (!asked.wanted) return true;
  if (!asked.origin.empty()) {
    log_error("Message tracing disabled because of header \"Nats-Trace-Origin-Account\" with value="
              + go_quote(asked.origin));
    return !asked.only;
  }
  if (asked.external) {
    const account::rules_ptr rules = account_->rules();
    if (rules->trace_dest.empty()) return true;
    const int sampling = rules->trace_sampling;
    if (sampling > 0 && sampling < 100 && randombytes_uniform(100) >= static_cast<uint32_t>(sampling)) return true;
    asked.destination = rules->trace_dest;
  }
  const std::string to = asked.destination;
  if (!is_valid_publish_subject(to)) {
    log_error("Destination " + go_quote(to) + " is not valid, won't be able to trace events");
    return !asked.only;
  }
  const bool reserved = to.starts_with("_GR_.") || to.starts_with("$GR.")
                        || (to.starts_with("$NRG.") && !account_->is_system());
  if (reserved || (profile_ && profile_->permissions && !may_publish(to))) {
    log_error("Publish Violation - Subject " + go_quote(to));
    send(err_line(err_text::publish_denied(to)));
    return false;
  }
  message_trace::origin from;
  from.id = value(id_);
  if (profile_) from.name = profile_->name;
  from.account = account_->name();
  from.in = account_;
  from.subject = pub.subject;
  from.message_bytes = pub.payload.size();
  trace_ = std::make_shared<message_trace>(std::move(from), std::move(asked));
  return true;
}

void client_connection::trace_mapped(std::string_view to) {
  if (trace_) trace_->mapped(to);
}

void client_connection::trace_refused(std::string_view err) {
  if (trace_) trace_->refused(err);
}

void client_connection::end_trace() {
  if (!trace_) return;
  shard_->end_trace(*trace_);
  trace_.reset();
}

void client_connection::trace_egress(const subscription& sub, const message& m,
                                      std::string_view why) {
  std::string filter;
  if (m.traced_filter) filter = *m.traced_filter;
  else shard_->core().subject_of(sub, filter);
  trace_target target{value(id_), profile_ ? std::string_view(profile_->name) : std::string_view{},
                      account_->name(), filter, shard_->core().queue_of(sub)};
  m.trace->delivered(target, why);
}

bool client_connection::deliver_traced(subscription& sub, const message& m) {
  const auto fail = [&](std::string_view why) {
    trace_egress(sub, m, why);
    return false;
  };
  if (state_ != state::open) return fail(trace_text::closed);
  if (m.origin == this && !core_.echo()) return fail(trace_text::no_echo);
  if (static_cast<int64_t>(out_.pending()) > gate_.quick_limit() && drops_instead(m))
    return fail(trace_text::slow);
  if (guard_ && filters_ && !guard_->may_deliver(m.subject, shard_->core().queue_of(sub)))
    return fail(trace_text::denied);
  if (!m.trace->only()) {
    message untraced = m;
    untraced.trace = nullptr;
    if (!deliver(sub, untraced)) return fail(trace_text::closed);
  }
  trace_egress(sub, m, {});
  return true;
}

} // namespace troupe
