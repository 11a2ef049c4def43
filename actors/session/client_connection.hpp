// One client: a socket, its outbox and its session core, as an actor of its reactor.
//
// A connection first opens (opening_core.hpp: INFO, TLS, further stages), and nothing is parsed
// before that; a plain TCP client is open at once.
//
// The reactor calls it when the socket is ready or the turn ends; shards and other sessions of the
// same reactor call it directly; everyone else sends it messages. Closing is always put off to
// the end of the turn, so nobody loses the object under its feet.
//
// Reading: into the reactor's block. What is left of an operation is kept in `partial_`; a large
// one gets a block of its own size, grown as its bytes arrive, and is read into that directly.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/auth/permission_core.hpp"
#include "actors/reactor/outbox.hpp"
#include "actors/reactor/pinned_actor.hpp"
#include "actors/reactor/transport.hpp"
#include "actors/routing/account.hpp"
#include "actors/session/client_core.hpp"
#include "actors/session/flow_gate.hpp"
#include "actors/session/opening_core.hpp"
#include "actors/session/session_messages.hpp"
#include "actors/session/shadow_subscriptions.hpp"
#include "actors/session/write_deadline.hpp"
#include "protocol/client/proxy_header.hpp"

namespace troupe {

class client_hub;

class client_connection final : public pinned<client_handle::base>,
                                public io_handler,
                                public turn_hook,
                                public link_waiter,
                                public routing::subscriber,
                                public routing::producer,
                                private client_port {
public:
  client_connection(caf::actor_config& cfg, client_hub& hub, accepted_socket& socket,
                    client_id id);
  ~client_connection() override;

  const char* name() const override { return "client"; }

  /// Sends INFO and begins to read. `refuse` closes it at once with -ERR, for a full server.
  void start(bool refuse);
  /// Ends the connection at the end of this turn.
  void close(closed_reason reason) override;
  /// The same, but the client is told why.
  void dismiss(std::string_view err, closed_reason reason) { core_.end(err, reason); }
  /// A reload: the hub's new policy, which lives until all sessions obey the next one.
  void obey(const node_policy& policy);
  /// Whether it obeys the hub's newest.
  bool obeys() const;
  bool closing() const { return state_ > state::open; }
  bool is_in(const routing::account& account) const { return account_.get() == &account; }
  /// Queues an INFO; false: the client does not understand it, or not yet.
  bool announce_lame_duck();
  /// nullptr before the login.
  user_rules_ptr rules() const { return profile_ ? profile_->rules : nullptr; }
  /// Back-pressure from a consumer: no reading until then, or until `release`.
  void hold(nanos until);
  void release();
  /// A request that another reactor was to answer found nobody there.
  void nobody_took(std::string_view subject, std::string_view reply) {
    if (state_ == state::open) core_.nobody_took(subject, reply);
  }

  observe::connection_snapshot snapshot(bool with_subs) const;
  /// Some of its subscriptions, as sid_table::visit_some tells: at least `slots` are looked at.
  uint64_t list_subscriptions(std::vector<observe::sub_snapshot>& to, uint64_t place,
                              size_t slots) const;
  const std::string& account_name() const { return account_->name(); }
  std::string address() const;
  observe::wall_time started_at() const { return start_time_; }

  // io_handler, turn_hook, link_waiter
  void on_io(uint32_t events) override;
  void at_turn_end() override;
  void link_opened(reactor_index target) override;
  // subscriber
  bool deliver(routing::subscription& sub, const routing::message& m) override;
  void expired(routing::subscription& sub) override { core_.expired(sub); }
  void trace_egress(const routing::subscription& sub, const routing::message& m,
                     std::string_view why) override;
  client_id id() const override { return id_; }
  /// Once it counts as a client.
  void number(client_id id) { id_ = id; }
  // producer
  void pause_for_link(reactor_index target) override;
  routing::requester_text describe_requester(const routing::requester_view& how) const override;

protected:
  behavior_type make_behavior() override;

private:
  enum class state : uint8_t { opening, open, closing, lingering, closed };
  struct profile {  // who it is; made with the first word about that
    std::string name, lang, version;  // as CONNECT told
    std::string user;                 // as monitoring shows it
    std::string identity;             // "user:app", as the log shows it
    bool refused = false;             // what CONNECT told is for monitoring alone
    std::string nonce;                // as INFO told
    std::string proxy_key;            // of the trusted proxy that it came through
    user_rules_ptr rules;
    std::unique_ptr<permission_state> permissions;  // of a user who may not do everything
  };

  // client_port
  void send(std::string_view bytes) override;
  void remember(connect_options& base) override;
  void complete(connect_options& who) override;
  auth_outcome authenticate(const connect_options& who, bool first) override;
  std::string connect_info() override;
  bool begin_trace(const op& pub) override;
  void trace_mapped(std::string_view to) override;
  void trace_refused(std::string_view err) override;
  void end_trace() override;
  bool publish(const op& pub) override;
  routing::subscription* subscribe(std::string_view subject, std::string_view queue,
                                   std::string_view sid) override;
  void unsubscribe(routing::subscription& sub) override;
  void unsubscribe_all(std::span<routing::subscription* const> subs) override;
  std::optional<std::string> map_subject(std::string_view subject) override {
    return shard_->map(subject);
  }
  bool matches(const routing::subscription& sub, std::string_view literal) override;
  bool may_publish(std::string_view subject) override;
  bool may_subscribe(std::string_view subject, std::string_view queue) override;
  void connected(const connect_options& who) override;
  void log_error(std::string_view text) override;
  void log_debug(std::string_view text) override;
  void log_refused(const connect_options& who) override;
  void refused(const connect_options& who, const auth_outcome& outcome) override;
  void trace(std::string_view line) override;
  uint64_t random(uint64_t bound) override;

  void refuse();
  server_info info() const;
  void open_up();
  bool read_proxy_header();
  void refuse_proxy_header(const std::string& why);
  bool begin_stages();
  void fail_handshake(const std::string& why);
  void tell_of_peer();
  bool still_pinned(const node_policy& policy) const;
  void open_session();
  bool join();
  void on_opening_deadline(nanos now);

  void handle_io(uint32_t events);
  bool reads() const {
    return state_ <= state::open && links_full_ == 0 && hold_until_ == nanos::zero()
           && !core_.login_pending() && !step_elsewhere_;
  }

  profile& who() {
    if (!profile_) profile_ = std::make_unique<profile>();
    return *profile_;
  }
  static std::string make_nonce();
  auth_outcome admit(const auth_decision& decision);
  void warn_of_named_user(const connect_options& options, const user_rules& user);
  bool settles_later(const auth_decision& decision);
  bool still_through_trusted_proxy(const node_policy& policy) const;
  bool has_room(const routing::account& account) const;
  bool bind(routing::account_ptr account, bool limited);
  void take_rules(user_rules_ptr rules);
  void apply_bounds();
  void note_client(const connect_options& who);
  void follow_account();
  void follow_expiry();
  void shadow(routing::subscription& sub, std::string_view subject, std::string_view queue);
  nanos moment_of(int64_t wall_s);
  void renew_rules(const authenticator& auth);
  void withdraw_denied();
  void on_verdict(const auth_decision& decision);
  void resume_input();

  void read();
  void read_what_waits();
  void take_input(buffer* block, std::string_view bytes);
  void keep_rest(std::string_view rest);
  void finish_partial(size_t bytes);
  void read_failed(const io_result& r);

  bool deliver_traced(routing::subscription& sub, const routing::message& m);

  void queue_flush(size_t early_bytes);
  void flush();
  /// Nothing is left to send, here or in the stages below.
  bool drained();
  void flush_blocked(bool was_blocked, size_t written);
  void on_write_deadline(nanos now);
  void check_pins();
  void flush_failed(const io_result& r);
  bool drops_instead(const routing::message& m);
  void on_congested(const routing::message& m);
  void release_producers();
  void overflow();  // more than max_pending
  void count_slow_consumer();

  void update_interest();
  /// One session's failure never takes others down: it is closed.
  template <class F>
  void contained(F&& call) {
    try {
      call();
    } catch (const std::exception& e) {
      fail(e.what());
    }
  }
  void fail(const char* what);
  void end_turn();
  void on_core_timer(nanos now);
  void on_flow_timer(nanos now);
  void arm_core_timer();
  void arm_flow_timer();
  void teardown();
  std::string label() const;
  std::string identity(const connect_options& who) const;
  void log_login_failure(const std::string& identity);
  void log_withdrawn(std::string_view subject, std::string_view queue, std::string_view sid) const;
  void end_login(closed_reason reason);
  void choose_trace();
  void trace_delivery(std::string_view line, std::string_view payload, int32_t header_bytes);
  static void core_timer_fired(void* self, nanos now);
  static void flow_timer_fired(void* self, nanos now);

  client_hub& hub_;
  caf::strong_actor_ptr hub_ref_;  // keeps hub_ there until the last byte is flushed
  client_id id_;
  std::unique_ptr<transport> transport_;
  std::unique_ptr<opening_core> opening_;  // only while it opens
  std::unique_ptr<proxy_header_reader> proxy_header_;  // only while one is read
  routing::account_ptr account_;
  routing::shard_actor* shard_;  // of account_, on this reactor
  routing::account_links_ptr links_;  // of shard_, as followed
  std::shared_ptr<routing::message_trace> trace_;  // of the message at hand
  std::unique_ptr<shadow_subscriptions> shadows_;  // where the account imports streams
  client_core core_;
  outbox out_;
  flow_gate gate_;
  timer core_timer_;
  timer flow_timer_;  // write deadline, hold of producers, own hold, linger, opening

  // Input not yet consumed: `partial_bytes_` bytes in `partial_`, which grows towards a large op.
  buffer_ref partial_;
  size_t partial_bytes_ = 0;
  buffer* reading_from_ = nullptr;  // block behind the operations in progress

  std::vector<routing::producer_ref> held_;  // producers that wait for this consumer
  std::unique_ptr<profile> profile_;
  permission_state* guard_ = nullptr;  // profile_'s, when deliveries concern it
  std::unique_ptr<observe::connection_snapshot> last_words_;  // taken when closing begins
  nanos armed_for_ = nanos::max();
  write_deadline write_deadline_;  // while `blocked_`
  nanos hold_until_{};
  nanos release_at_{};  // when `held_` producers go on at the latest
  nanos linger_until_{};
  size_t unpin_check_at_ = 0;  // backlog at which blocks kept by reference are looked at again
  uint64_t links_full_ = 0;  // links this producer waits for
  uint64_t out_msgs_ = 0, out_bytes_ = 0, stalls_ = 0;
  uint64_t counted_in_msgs_ = 0, counted_in_bytes_ = 0;
  uint64_t counted_out_msgs_ = 0, counted_out_bytes_ = 0;
  observe::wall_time start_time_;
  std::string ip_;
  uint16_t port_;
  uint32_t obeyed_;  // hub_'s policy_number()
  uint32_t slot_ = UINT32_MAX;
  uint32_t watched_ = 0;  // epoll events asked for
  closed_reason reason_ = closed_reason::unknown;
  state state_ = state::opening;
  listener_kind kind_;
  bool stages_up_ = false;  // those beyond TCP
  bool step_elsewhere_ = false;  // another thread works on a handshake
  bool step_ended_ = false;      // and is done
  bool opened_ = false;     // has been told INFO
  bool tls_first_ = false;  // TLS began before INFO
  bool filters_ = false;    // a subscription overlaps what is denied
  bool blocked_ = false;  // the socket took no more
  bool wide_reads_ = false;  // large payloads come faster than they are read
  bool slow_ = false;     // was late once, and stayed (write_timeout: retry)
  bool counted_;          // among the connections of account_
  bool has_verdict_ = false;  // a login was answered: what came behind it is still to be read
};

} // namespace troupe
