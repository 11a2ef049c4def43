// What the session core asks for: login, routing, subscriptions.
#include "actors/session/client_connection.hpp"

#include "actors/session/client_hub.hpp"
#include "protocol/client/encoder.hpp"
#include "protocol/subject/subject.hpp"

namespace troupe {

auth_outcome client_connection::authenticate(const connect_options& who, bool) {
  auth_decision decision = hub_.policy().auth->check(who);
  if (!decision.ok) {
    hub_.counters().auth_errors.add(1);
    return {};
  }
  if (!profile_) profile_ = std::make_unique<profile>();
  profile_->user = std::move(decision.user);
  return {.ok = true};
}

std::string client_connection::connect_info() {
  server_info told = info();
  told.connect_info = true;
  told.remote_account = shard_->account().name;
  told.account_is_system = shard_->account().is_system;
  return encode_info(told);
}

void client_connection::announce_lame_duck() {
  if (state_ != state::open || !core_.takes_async_info()) return;
  server_info told = info();
  told.lame_duck = true;
  told.connect_urls.clear();
  client_connection::send(encode_info(told));
}

bool client_connection::publish(const op& o) {
  routing::message m;
  m.subject = o.subject;
  m.reply = o.reply;
  m.payload = o.payload;
  m.header_bytes = o.header_bytes;
  m.owner = reading_from_;
  m.producer = {home().index(), id_};
  m.origin = this;
  bool delivered = shard_->publish(m, *this);
  home().run_early_flushes();
  return delivered;
}

routing::subscription* client_connection::subscribe(std::string_view subject,
                                                    std::string_view queue, std::string_view sid) {
  return shard_->subscribe(this, subject, queue, sid);
}

bool client_connection::matches(const routing::subscription& sub, std::string_view literal) {
  std::string filter;
  shard_->core().subject_of(sub, filter);
  return matches_filter(literal, filter);
}

void client_connection::connected(const connect_options& who) {
  profile_->name = who.name;
  profile_->lang = who.lang;
  profile_->version = who.version;
}

uint64_t client_connection::random(uint64_t bound) {
  // Jitter only: spreads the pings of clients that connected together.
  uint64_t x = value(id_) * 0x9e3779b97f4a7c15 ^ static_cast<uint64_t>(home().now().count());
  x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9;
  return (x >> 20) % bound;
}

} // namespace troupe
