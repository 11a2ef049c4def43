#include "actors/routing/internal_client.hpp"
#include "actors/routing/message_trace.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <charconv>
#include <exception>
#include <utility>

#include "actors/observe/logger.hpp"
#include "protocol/rollback.hpp"

namespace troupe::routing {

namespace {

/// How many messages one resume hands out, so that sockets are not kept waiting.
constexpr size_t messages_per_wake = 256;

size_t weight(const message& m) { return m.subject.size() + m.reply.size() + m.payload.size(); }
size_t weight(const internal_message& m) {
  return m.subject.size() + m.reply.size() + m.payload.size();
}

uint64_t number_in(std::string_view text) {
  uint64_t n = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  return ec == std::errc{} && end == text.data() + text.size() ? n : 0;
}

} // namespace

internal_client::internal_client(caf::actor_config& cfg, std::string name, client_id id,
                                 internal_bounds bounds)
    : pinned(cfg),
      name_(std::move(name)),
      id_(id),
      bounds_(bounds),
      inbox_("$SYS._INBOX." + nuid().next() + '.'),
      late_timer_(late_timer_fired, this) {}

internal_client::~internal_client() = default;

internal_client::behavior_type internal_client::make_behavior() {
  return {
    [this](const internal_wake&) { hand_out(); },
    [this](const internal_task_ptr& task) {
      guarded([&] { (*task)(*this); });
    },
  };
}

void internal_client::on_exit() { forget(); }

void internal_client::forget() {
  late_timer_.cancel();
  for (auto& [number, e] : std::exchange(entries_, {}))
    e.account->shard(home().index()).unsubscribe(e.sub);
  queue_.clear();
  queued_bytes_ = 0;
  inboxes_.clear();
  deadlines_.clear();
  requests_.clear();
}

template <class F>
void internal_client::guarded(F&& call) {
  try {
    call();
  } catch (const std::exception& e) {
    log::error("Internal client {}: {}", name_, e.what());
  }
}

// -- subscribing -----------------------------------------------------------------------------------

uint64_t internal_client::subscribe(const account_ptr& to, std::string_view filter,
                                    std::string_view queue, handler on_message) {
  if (entries_.size() >= bounds_.subscriptions) return 0;
  const uint64_t number = last_number_ + 1;
  // Its place first: nothing may be subscribed that has none.
  const auto at =
    entries_.emplace(number, entry{to, nullptr, std::make_shared<const handler>(std::move(on_message))}).first;
  rollback drop([&] { entries_.erase(at); });
  at->second.sub =
    to->shard(home().index()).subscribe(this, filter, queue, std::to_string(number));
  if (!at->second.sub) return 0;
  drop.keep();
  last_number_ = number;
  return number;
}

void internal_client::unsubscribe(uint64_t number) {
  auto it = entries_.find(number);
  if (it == entries_.end()) return;
  entry e = std::move(it->second);
  entries_.erase(it);
  e.account->shard(home().index()).unsubscribe(e.sub);
}

void internal_client::expired(subscription& sub) { unsubscribe(number_in(sub.sid())); }

bool internal_client::deliver(subscription& sub, const message& m) {
  if (m.origin == this || (m.trace && m.trace->only())) return false;
  const uint64_t number = number_in(sub.sid());
  auto it = entries_.find(number);
  if (it == entries_.end()) return false;
  if (queue_.size() >= bounds_.waiting_messages || queued_bytes_ + weight(m) > bounds_.waiting_bytes) {
    ++dropped_;
    if (!std::exchange(dropping_, true))
      log::error("Internal client {} lags behind: messages to it are dropped, first one to {}", name_,
                 std::string(m.subject.substr(0, 256)));
    return false;
  }
  ++sub.delivered;
  queued_bytes_ += weight(m);
  queue_.push_back({number,
                    {std::string(m.subject), std::string(m.reply), std::string(m.payload),
                     m.header_bytes > 0 ? static_cast<size_t>(m.header_bytes) : 0,
                     it->second.account, m.producer}});
  wake();
  return true;
}

void internal_client::wake() {
  if (std::exchange(awake_, true)) return;
  caf::anon_send(caf::actor_cast<internal_handle>(ctrl()), internal_wake{});
}

void internal_client::hand_out() {
  awake_ = false;
  for (size_t n = 0; n < messages_per_wake && !queue_.empty(); ++n) {
    waiting_message next = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= weight(next.message);
    auto it = entries_.find(next.number);
    if (it == entries_.end()) continue;
    auto call = it->second.on_message;  // the handler may unsubscribe itself
    guarded([&] { (*call)(next.message); });
  }
  if (queue_.empty()) dropping_ = false;
  else wake();
}

// -- publishing ------------------------------------------------------------------------------------

bool internal_client::publish(account& to, const internal_publish& out) {
  message m;
  m.subject = out.subject;
  m.reply = out.reply;
  m.payload = out.body;
  if (!out.headers.empty()) {
    scratch_.assign(out.headers);
    scratch_.append(out.body);
    m.payload = scratch_;
    m.header_bytes = static_cast<int32_t>(out.headers.size());
  }
  m.producer = {home().index(), id_};
  m.origin = this;
  const bool delivered = to.shard(home().index()).publish(m, nullptr);
  home().run_early_flushes();
  return delivered;
}

// -- requests --------------------------------------------------------------------------------------

bool internal_client::request(const account_ptr& to, const internal_publish& m, nanos within,
                              answer_handler on_answer) {
  if (requests_.size() >= bounds_.requests || !open_inbox(to)) return false;
  const uint64_t number = ++last_request_;
  internal_publish asked = m;
  const std::string reply = inbox_ + std::to_string(number);
  asked.reply = reply;
  if (!publish(*to, asked)) return false;
  // No answer can have come yet: what is delivered here waits in the queue.
  requests_.emplace(number, pending_request{std::move(on_answer),
                                            deadlines_.emplace(home().now() + within, number)});
  arm();
  return true;
}

bool internal_client::open_inbox(const account_ptr& of) {
  auto [it, is_new] = inboxes_.try_emplace(of->name(), 0);
  // An account that was dropped and made anew needs one anew.
  if (!is_new) {
    auto e = entries_.find(it->second);
    if (e != entries_.end() && e->second.account == of) return true;
    unsubscribe(it->second);
  }
  it->second = subscribe(of, inbox_ + '*', {}, [this](const internal_message& m) { this->on_answer(m); });
  if (it->second != 0) return true;
  inboxes_.erase(it);
  return false;
}

void internal_client::on_answer(const internal_message& m) {
  auto it = requests_.find(number_in(std::string_view(m.subject).substr(inbox_.size())));
  if (it == requests_.end()) return;  // late, or a second one
  pending_request done = std::move(it->second);
  requests_.erase(it);
  deadlines_.erase(done.deadline);
  done.on_answer(&m);
}

void internal_client::on_late(nanos now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    auto it = requests_.find(deadlines_.begin()->second);
    deadlines_.erase(deadlines_.begin());
    pending_request late = std::move(it->second);
    requests_.erase(it);
    guarded([&] { late.on_answer(nullptr); });
  }
  arm();
}

void internal_client::arm() {
  if (deadlines_.empty()) late_timer_.cancel();
  else home().timers().arm(late_timer_, deadlines_.begin()->first);
}

void internal_client::late_timer_fired(void* self, nanos now) {
  static_cast<internal_client*>(self)->on_late(now);
}

// -- from elsewhere --------------------------------------------------------------------------------

void run_on(const internal_handle& client, internal_task task) {
  auto shared = std::make_shared<const internal_task>(std::move(task));
  caf::anon_send(client, internal_task_ptr(std::move(shared)));
}

spawned_internal_client spawn_internal_client(reactor& home, std::string name, client_id id,
                                              internal_bounds bounds) {
  // Lazy: not resumed before its first message, so the caller may know it first.
  auto handle = spawn_pinned<internal_client, caf::lazy_init>(home, std::move(name), id, bounds);
  auto* direct = static_cast<internal_client*>(caf::actor_cast<caf::abstract_actor*>(handle));
  return {std::move(handle), direct};
}

} // namespace troupe::routing
