#include "actors/routing/exchange.hpp"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "actors/observe/snapshots.hpp"
#include "actors/routing/message_trace.hpp"
#include "protocol/compress/content.hpp"
#include "protocol/headers.hpp"
#include "protocol/text.hpp"

namespace troupe::routing {

namespace {

constexpr std::string_view digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr size_t token_digits = 6;
constexpr uint64_t token_bound = uint64_t{62} * 62 * 62 * 62 * 62 * 62;
constexpr std::string_view requester_header = "Nats-Request-Info";
/// A reply subject of acknowledgements passes account borders as it is.
constexpr std::string_view acknowledgement_prefix = "$JS.ACK.";

/// How often it is looked whether those whose requests are measured still wait.
constexpr nanos watch_interval = std::chrono::seconds(1);

nanos steady_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

uint64_t random_token() {
  uint64_t raw;
  randombytes_buf(&raw, sizeof raw);
  return raw % token_bound;
}

std::string token_text(uint64_t n) {
  std::string out(token_digits, '0');
  for (char& c : out) {
    c = digits[n % digits.size()];
    n /= digits.size();
  }
  return out;
}

/// token_bound if it is no token.
uint64_t token_of(std::string_view text) {
  if (text.size() != token_digits) return token_bound;
  uint64_t n = 0;
  for (size_t i = text.size(); i-- > 0;) {
    const size_t digit = digits.find(text[i]);
    if (digit == std::string_view::npos) return token_bound;
    n = n * digits.size() + digit;
  }
  return n;
}

} // namespace

exchange::exchange(reactor& home)
    : home_(home),
      prefix_("_R_." + token_text(random_token()) + "."),
      timer_(timer_fired, this) {}

// -- the way there ---------------------------------------------------------------------------------

bool exchange::serve(const account_links& importer, const service_import& import, const message& m,
                     producer* from, const request_chain* before) {
  if (closed_) return false;
  request_chain chain{&import, before, before ? before->shared : import.share};
  for (const request_chain* c = before; c; c = c->before)
    if (c->import == &import) return false;
  if (chain.length() > chain_max) return false;
  const account_ptr exporter = importer.exporter(import.exporter);
  auto subject = import.subject_there(m.subject);
  if (!exporter || !subject) return false;
  shard_actor& shard = exporter->shard(home_.index());
  if (auto mapped = shard.map(*subject)) subject = std::move(mapped);
  if (subject->empty()) return false;

  message there = m;
  there.subject = *subject;
  there.origin = nullptr;
  there.by_service = true;
  there.wants_untaken = false;  // the names there mean nothing to who asked
  std::string trace_to;
  if (m.trace) [[unlikely]] {
    m.trace->service_imported(exporter->name(), m.subject, *subject);
    if (!import.allow_trace && m.trace->only()) return false;
    if (!import.allow_trace) there.trace = nullptr;
    trace_to = import.allow_trace ? reply_subject(random_token()) : std::string(tracing_is_off);
  }
  std::string who;
  if (from) {
    requester_view view;
    view.detailed = chain.shared;
    view.server = import.share || exporter->is_system();
    const account_ptr middle = before ? importer.self.lock() : nullptr;
    if (middle) view.service = middle->name();
    who = from->describe_requester(view).json;
  }
  std::string payload;
  if (!who.empty() || !trace_to.empty()) {
    std::string block = who.empty() ? std::string(m.headers()) : with_requester(m, who);
    if (!trace_to.empty()) block = set_header(block, trace_destination_header, trace_to);
    there.header_bytes = static_cast<int32_t>(block.size());
    payload = block.append(m.payload.substr(m.headers().size()));
    there.payload = payload;
    there.owner = nullptr;
  }
  std::unique_ptr<service_latency> latency;
  if (import.latency) [[unlikely]]
    latency = measure(import, m, from);
  if (latency && m.reply.empty()) failed(exporter, *std::exchange(latency, nullptr), 400);
  std::string reply;
  request_number number = token_bound;
  if (!m.reply.empty() && !m.reply.starts_with(acknowledgement_prefix) && !(m.trace && m.trace->only())
      && listen(exporter)) {
    number = expect({importer.self, exporter, std::string(m.reply), import.response,
                     import.threshold, {}, std::move(latency), steady_now()});
    reply = reply_subject(number);
    there.reply = reply;
    if (m.watch) m.watch->note(number);
  }
  const bool taken = shard.publish(there, from, &chain);
  if (!taken && number != token_bound) give_up(number, 503);
  return taken;
}

/// The header block of `m`, in which nobody but the exchange says who asks.
std::string exchange::with_requester(const message& m, const std::string& who) {
  std::string block(header_line);
  header_cursor lines(m.headers());
  const std::string_view first_line = m.headers().substr(0, m.headers().find("\r\n"));
  if (first_line.size() > header_version.size()) block = std::string(first_line) + "\r\n";
  while (auto field = lines.next()) {
    if (same_ignoring_case(field->key, requester_header)) continue;
    block.append(field->key).append(": ").append(field->value).append("\r\n");
  }
  return block.append(requester_header).append(": ").append(who).append("\r\n\r\n");
}

/// Hears what is answered in `to`; false: its shard takes no subscription.
bool exchange::listen(const account_ptr& to) {
  ear& e = ears_[to->name()];
  if (e.sub && e.in.lock() == to) return true;
  e.in = to;
  e.sub = to->shard(home_.index()).subscribe(this, prefix_ + "*", {}, "exchange");
  return e.sub != nullptr;
}

exchange::request_number exchange::expect(waiting_request request) {
  if (waiting_.size() >= requests_max) forget(deadlines_.begin()->second);
  request_number number;
  do number = random_token();
  while (waiting_.contains(number));
  request.patience = request.patience.count() > 0 ? request.patience : nanos(std::chrono::minutes(2));
  request.deadline = home_.now() + request.patience;
  deadlines_.emplace(request.deadline, number);
  if (request.latency) watched_.insert(number);
  waiting_.emplace(number, std::move(request));
  if (!timer_.armed() || watched_.size() == 1) arm(home_.now());
  return number;
}

void exchange::forget(request_number number) {
  auto it = waiting_.find(number);
  if (it == waiting_.end()) return;
  deadlines_.erase({it->second.deadline, number});
  watched_.erase(number);
  waiting_.erase(it);
}

std::string exchange::reply_subject(request_number number) const {
  return prefix_ + token_text(number);
}

// -- traces ----------------------------------------------------------------------------------------

void exchange::publish_trace(message_trace& trace) {
  if (closed_ || !describe_server_) return;
  answer a;
  a.to = trace.account_of_origin();
  a.subject = trace.destination();
  const std::string event = trace.event(describe_server_());
  const content_encoding encoding = accepted_encoding(trace.asked().accept_encoding);
  if (encoding_name(encoding).empty()) {
    a.copied = event;
  } else {
    a.copied = set_header(empty_header_block, "Content-Encoding", encoding_name(encoding));
    a.header_bytes = static_cast<int32_t>(a.copied.size());
    a.copied += encode_content(encoding, event);
  }
  answers_.push_back(std::move(a));
  home_.publish_later(*this);
}

// -- the way back ----------------------------------------------------------------------------------

bool exchange::deliver(subscription& sub, const message& m) {
  const request_number number = token_of(m.subject.substr(prefix_.size()));
  auto it = waiting_.find(number);
  if (it == waiting_.end()) return false;
  waiting_request& asked = it->second;
  account_ptr importer = asked.importer.lock();
  if (!importer) {
    forget(number);
    return false;
  }
  if (m.trace) [[unlikely]] {
    m.trace->service_imported(importer->name(), m.subject, asked.reply);
    if (m.trace->only()) return false;
  }
  ++sub.delivered;
  if (asked.latency) [[unlikely]] {
    measured(asked, m.producer);
    watched_.erase(number);
  }
  answer a;
  a.to = std::move(importer);
  a.subject = asked.reply;
  a.header_bytes = m.header_bytes;
  a.producer = m.producer;
  if (m.trace) [[unlikely]] {  // of the responder's account: it ends at the border
    a.copied = set_header(m.headers(), trace_destination_header, tracing_is_off);
    a.header_bytes = static_cast<int32_t>(a.copied.size());
    a.copied.append(m.payload.substr(m.headers().size()));
  } else if (m.owner) {
    a.block = buffer_ref::share(m.owner);
    a.payload = m.payload;
  } else {
    a.copied = std::string(m.payload);
  }
  const bool last = asked.response == config::response_type::single || m.payload.empty();
  // The responder may ask back.
  if (!m.reply.empty() && !m.reply.starts_with(acknowledgement_prefix)) {
    account_ptr exporter = asked.exporter.lock();
    waiting_request back{asked.exporter, asked.importer, std::string(m.reply), asked.response,
                         asked.patience, {}, nullptr, {}};
    if (exporter && listen(a.to)) a.reply = reply_subject(expect(std::move(back)));
  }
  if (last) {
    forget(number);
  } else if (auto again = waiting_.find(number); again != waiting_.end()) {
    deadlines_.erase({again->second.deadline, number});
    again->second.deadline = home_.now() + again->second.patience;
    deadlines_.emplace(again->second.deadline, number);
  }
  answers_.push_back(std::move(a));
  home_.publish_later(*this);
  return true;
}

void exchange::at_turn_end() {
  std::vector<answer> now;
  now.swap(answers_);
  for (const answer& a : now) {
    message m;
    m.subject = a.subject;
    m.reply = a.reply;
    m.payload = a.block ? a.payload : std::string_view(a.copied);
    m.header_bytes = a.header_bytes;
    m.owner = a.block.get();
    m.producer = a.producer;
    m.by_service = true;
    a.to->shard(home_.index()).publish(m, nullptr);
  }
}

// -- time ------------------------------------------------------------------------------------------

void exchange::timer_fired(void* self, nanos now) { static_cast<exchange*>(self)->sweep(now); }

void exchange::sweep(nanos now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    give_up(deadlines_.begin()->second, 504);
  // Whoever asks may be gone before there is an answer.
  std::vector<request_number> gone;
  for (request_number number : watched_) {
    const waiting_request& asked = waiting_.at(number);
    const account_ptr importer = asked.importer.lock();
    if (!importer || !importer->shard(home_.index()).core().has_interest(asked.reply))
      gone.push_back(number);
  }
  for (request_number number : gone) give_up(number, 408);
  arm(now);
}

void exchange::arm(nanos now) {
  if (deadlines_.empty()) return;
  nanos next = deadlines_.begin()->first;
  if (!watched_.empty()) next = std::min(next, now + watch_interval);
  home_.timers().arm(timer_, next);
}

// -- latency ---------------------------------------------------------------------------------------

/// nullptr: this one is not measured.
std::unique_ptr<service_latency> exchange::measure(const service_import& import, const message& m,
                                                   producer* from) const {
  latency_choice choice = choose_latency(import.latency->sampling, random_token(), m.headers());
  if (!choice.measure) return nullptr;
  auto out = std::make_unique<service_latency>();
  out->subject = import.latency->subject;
  out->headers = std::move(choice.headers);
  out->asked_at_ns = observe::wall_now().time_since_epoch().count();
  if (from) {
    requester_text who = from->describe_requester({import.share, import.share, {}});
    out->requestor = std::move(who.json);
    out->requestor_rtt = who.rtt;
  }
  return out;
}

void exchange::measured(waiting_request& asked, const producer_ref& responder) {
  auto out = std::make_shared<measured_answer>();
  out->latency = std::move(*std::exchange(asked.latency, nullptr));
  out->latency.took = steady_now() - asked.asked_at;
  out->exporter = asked.exporter.lock();
  out->responder = responder;
  if (out->exporter && complete_) complete_(std::move(out));
}

void exchange::failed(const account_ptr& exporter, const service_latency& l, int status) {
  service_latency told = l;
  told.status = status;
  answer a;
  a.to = exporter;
  a.subject = told.subject;
  a.copied = latency_event(told, ids_.next(), observe::wall_now().time_since_epoch().count());
  answers_.push_back(std::move(a));
  home_.publish_later(*this);
}

/// No answer comes any more.
void exchange::give_up(request_number number, int status) {
  auto it = waiting_.find(number);
  if (it == waiting_.end()) return;
  const account_ptr exporter = it->second.exporter.lock();
  if (it->second.latency && exporter) failed(exporter, *it->second.latency, status);
  forget(number);
}

void exchange::close() {
  closed_ = true;
  on_untaken_ = nullptr;
  timer_.cancel();
  waiting_.clear();
  watched_.clear();
  deadlines_.clear();
  answers_.clear();
  ears_.clear();
  describe_server_ = nullptr;
  complete_ = nullptr;  // it knows the hubs
}

} // namespace troupe::routing
