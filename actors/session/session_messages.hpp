// Messages between the hubs (one per reactor), the node and the listeners, and the hub's interface.
// All payloads are node-local: they share memory and never leave the process.
#pragma once

#include <caf/typed_actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/observe/snapshots.hpp"
#include "actors/reactor/timer_wheel.hpp"
#include "actors/routing/message.hpp"
#include "actors/routing/untaken_watch.hpp"
#include "actors/session/account_census.hpp"
#include "actors/session/node_context.hpp"
#include "protocol/client/error_text.hpp"

namespace troupe::routing {
struct measured_answer;
using measured_answer_ptr = std::shared_ptr<measured_answer>;
} // namespace troupe::routing

namespace troupe {

/// A socket that a listener accepted for this reactor; the receiver owns it.
struct accepted_socket {
  accepted_socket() = default;
  accepted_socket(const accepted_socket&) = delete;
  accepted_socket& operator=(const accepted_socket&) = delete;
  ~accepted_socket();
  int take_fd() { return std::exchange(fd, -1); }

  int fd = -1;
  listener_kind kind = listener_kind::client;
  std::string ip;
  uint16_t port = 0;
};

/// A consumer on another reactor holds a producer back, or lets it go on.
struct hold_producer {
  client_id producer{};
  nanos until{};  // on the reactors' clock
};
struct release_producer {
  client_id producer{};
};

/// Tells every client that takes it that the node is about to go; `connect_urls` of others.
struct lame_duck_notice {};

/// Closes clients: up to `at_most` of them, oldest first; newest first, and with -ERR, when the
/// reason is that there are too many.
struct close_clients {
  size_t at_most = SIZE_MAX;
  closed_reason reason = closed_reason::server_shutdown;
};
struct close_one {
  client_id id{};
  closed_reason reason = closed_reason::kicked;
};

/// Tells one client that takes it that the node is about to go, though it stays.
struct lame_duck_one {
  client_id id{};
};
enum class lame_duck_outcome : uint8_t { no_client, told, not_ready };
/// Who a client is; nullptr: there is none, or it has not said so yet.
struct user_query {
  client_id id{};
};

// What monitoring asks. A reactor tells of a part of it and goes on with its work: whoever wants all asks
// for one slice after the other (gather.hpp).

/// How many connections, or subscriptions, a hub looks at for one slice; it may be a few more.
inline constexpr size_t report_slice = 256;

/// Where a hub's report goes on.
struct report_place {
  uint64_t number = 0;  // of a connection, of one that was closed, of an account: the first one not told of
  uint64_t within = 0;  // which of its subscriptions have been told; 0: none
};
struct connections_slice {
  bool closed = false;   // the closed ones instead of the open ones
  bool subs = false;     // with the subscriptions of open ones
  bool as_actors = false;  // the open ones as `actors`, and nothing else of them
  uint64_t cid = 0;      // 0: all
  std::string account;   // empty: all
  report_place from{};
  uint64_t before = UINT64_MAX;  // of the numbers of `from`: newer ones do not count
};
struct hub_report {
  /// In the order of their numbers. The first may be the last of the slice before, with more of its
  /// subscriptions.
  std::vector<observe::connection_snapshot> open;
  std::vector<std::shared_ptr<const observe::connection_snapshot>> closed;  // oldest first
  std::vector<observe::actor_snapshot> actors;
  uint64_t end = UINT64_MAX;  // of the closed ones: the number that the next one will have
  std::optional<report_place> next;  // nothing: this was all
};
struct subs_slice {
  enum class wanted : uint8_t { figures, list, count } what = wanted::figures;
  std::shared_ptr<const std::vector<std::shared_ptr<routing::account>>> accounts = {};
  /// To count clients' subscriptions: to whom a literal subject goes, or whose filter lies within one
  /// with wildcards.
  std::string subject = {}, queue = {};
  report_place from{};  // an index into `accounts`; of one's figures, a place in its results
};
struct subs_report {
  std::vector<observe::sublist_stats> figures;  // by account, from the one asked for on; to be added up
  std::vector<observe::sub_snapshot> subs;
  uint64_t counted = 0;
  std::optional<report_place> next;
};
struct describe_query {};
/// The name of a hub in /actorz.
inline std::string clients_of(reactor_index r) { return "clients of reactor " + std::to_string(r); }

struct session_settings;

using accepted_socket_ptr = std::shared_ptr<accepted_socket>;
using hub_report_ptr = std::shared_ptr<hub_report>;
using subs_report_ptr = std::shared_ptr<subs_report>;
using actor_report_ptr = std::shared_ptr<observe::actor_snapshot>;

/// How a login that took its time ended.
using login_verdict_ptr = std::shared_ptr<const auth_decision>;

/// A step of a handshake that was done elsewhere has ended.
struct step_done {};

using client_handle = caf::typed_actor<
  // The answer to a login.
  caf::reacts_to<login_verdict_ptr>,
  caf::reacts_to<step_done>,
  // Ends the connection with this reason.
  caf::reacts_to<close_one>,
  // For /actorz.
  caf::replies_to<describe_query>::with<actor_report_ptr>>;

using hub_handle = caf::typed_actor<
  // A new client for this reactor.
  caf::reacts_to<accepted_socket_ptr>,
  // A reload: these rules from now on.
  caf::reacts_to<node_policy_ptr>,
  // Back-pressure from consumers on other reactors.
  caf::reacts_to<hold_producer>,
  caf::reacts_to<release_producer>,
  // Nobody took a request of a client here, wherever it went.
  caf::reacts_to<routing::untaken_request>,
  // Lame duck mode begins.
  caf::reacts_to<lame_duck_notice>,
  // Closes many or one; answers how many were closed.
  caf::replies_to<close_clients>::with<uint64_t>,
  caf::replies_to<close_one>::with<uint64_t>,
  // An account may have fewer connections than before.
  caf::reacts_to<account_census_ptr>,
  caf::reacts_to<dismiss_surplus>,
  // A client here gave an answer that is measured: completes and publishes the event.
  caf::reacts_to<routing::measured_answer_ptr>,
  caf::replies_to<lame_duck_one>::with<lame_duck_outcome>,
  // For the system account: what a client's user may do.
  caf::replies_to<user_query>::with<user_rules_ptr>,
  // For /connz, /subsz and /actorz; what is described has no connections.
  caf::replies_to<connections_slice>::with<hub_report_ptr>,
  caf::replies_to<subs_slice>::with<subs_report_ptr>,
  caf::replies_to<describe_query>::with<actor_report_ptr>>;

/// Has the newest sessions of the account closed if there are more than it may have. Does not wait;
/// the hubs have to know each other. Any thread.
void close_surplus(const std::vector<hub_handle>& hubs, const routing::account_ptr& account);

/// How long a hub has for what it is asked.
constexpr auto hub_patience = std::chrono::seconds(10);
/// Returns when all sessions obey the rules that the hubs were told of, and the reactors know of the
/// interest that came and went with them. Any thread but a reactor's.
void wait_until_obeyed(const std::vector<hub_handle>& hubs);

} // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::login_verdict_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::step_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::accepted_socket_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::node_policy_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::hold_producer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::release_producer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::routing::untaken_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::lame_duck_notice)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::routing::measured_answer_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::close_clients)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::close_one)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::account_census_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::dismiss_surplus)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::lame_duck_one)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::lame_duck_outcome)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::user_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::user_rules_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::connections_slice)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::subs_slice)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::describe_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::hub_report_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::subs_report_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::actor_report_ptr)
