#include "actors/node/node.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <future>
#include <iterator>
#include <optional>
#include <thread>

#include "actors/auth/callout_core.hpp"
#include "actors/auth/operator_core.hpp"
#include "actors/auth/zone_files.hpp"
#include "actors/node/node_actor.hpp"
#include "actors/node/operator_mode.hpp"
#include "actors/node/signal_source.hpp"
#include "actors/node/websocket_setup.hpp"
#include "actors/observe/logger.hpp"
#include "actors/observe/snapshots.hpp"
#include "actors/ocsp/peer_check.hpp"
#include "actors/ocsp/staple_watch.hpp"
#include "actors/routing/exchange.hpp"
#include "actors/session/client_hub.hpp"
#include "config/load.hpp"
#include "config/log_options.hpp"
#include "config/version.hpp"
#include "protocol/auth/nkey.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr size_t described_connections = 1024;
constexpr auto listener_patience = 10s;

struct system_config : caf::actor_system_config {
  system_config() {
    // Work stealing polls; an idle node must not. One worker serves the few unpinned actors.
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", size_t{1});
  }
};

session_settings settings_from(const config::server_options& o) {
  session_settings s;
  s.max_control_line = static_cast<uint32_t>(o.max_control_line);
  s.max_payload = o.max_payload;
  s.max_pending = o.max_pending;
  s.max_subscriptions = o.max_subscriptions;
  s.max_sub_tokens = o.max_sub_tokens;
  s.headers = !o.no_header_support;
  s.auth_required = o.authorization.required();
  s.no_fast_producer_stall = o.no_fast_producer_stall;
  s.trace = o.trace;
  if (auto levels = config::parse_log_level_override(o.log_level_override))
    for (auto [subsystem, least] : *levels)
      if (config::log_subsystems[subsystem] == "session") s.trace = least == config::log_level::trace;
  s.trace_headers_only = o.trace_headers;
  s.max_traced_msg_len = o.max_traced_msg_len;
  s.auth_timeout = o.authorization.timeout;
  s.ping_interval = o.ping_interval;
  s.ping_max = o.ping_max;
  s.write_deadline = o.write_deadline;
  s.close_on_write_timeout = o.write_timeout != config::write_timeout_policy::retry;
  return s;
}

server_info info_from(const config::server_options& o, const std::string& id) {
  server_info info;
  info.server_id = id;
  info.server_name = o.server_name.empty() ? id : o.server_name;
  info.version = config::compatible_version;
  info.proto = config::protocol_level;
  info.go = "troupe " + std::string(config::own_version);
  info.host = o.host;
  info.api_level = config::jetstream_api_level;
  info.headers = !o.no_header_support;
  info.max_payload = o.max_payload;
  info.tls_required = o.tls && !o.allow_non_tls;
  info.tls_available = o.tls && o.allow_non_tls;
  info.tls_verify = o.tls && o.tls->verify;
  info.auth_required =
    (o.authorization.required() && (o.no_auth_user.empty() || o.no_auth_user_is_ours))
    || o.operators.enabled();
  return info;
}

} // namespace

struct node::parts {
  ~parts() {
    if (websocket_socket) ::close(websocket_socket->fd);
  }

  config::server_options options;  // as started
  reload_hooks hooks;
  std::string id;
  std::shared_ptr<const node_keys> keys;
  unsigned reactor_count = 1;
  std::shared_ptr<node_context> context = std::make_shared<node_context>();
  std::unique_ptr<driver_pool> drivers;
  system_config caf_config;
  std::unique_ptr<caf::actor_system> system;
  std::shared_ptr<operator_accounts> operators;  // of operator mode
  std::shared_ptr<claims_requests> claims;       // its resolver's part in the system account
  std::shared_ptr<activation_watch> activations; // what accounts took over from each other by tokens
  std::shared_ptr<session_renewal> renewals = std::make_shared<session_renewal>();
  system_hooks system_account_hooks;
  custom_authentication custom;
  std::shared_ptr<system_service> system_account;  // nullptr: there is none
  std::vector<hub_handle> hubs;
  node_handle root;
  std::promise<int> stopped;
  std::atomic<uint16_t> port{0};
  std::atomic<uint16_t> websocket_port{0};
  std::optional<bound_socket> websocket_socket;  // until its listener has it
  bool started = false;
  std::shared_ptr<staple_watch> staples;  // of the policy in force

  /// Asked about clients' certificates; what it keeps outlives a reload. At rest until a policy wants it.
  std::shared_ptr<peer_check> peers = std::make_shared<peer_check>();

  void watch_certificates(const node_policy& policy);
  result<node_policy_ptr> make_policy(const config::server_options& options,
                                      client_ports ports) const;
  std::shared_ptr<const authenticator> make_authenticator(const config::server_options& options,
                                                          const node_policy& policy) const;
  std::shared_ptr<const authenticator> usual_authenticator(const config::server_options& options,
                                                           const node_policy& policy) const;
  std::shared_ptr<const reload_parts> make_reload_parts();
  result<void> build_context();
  result<void> resolve_system_account();
  void make_system_account(node& owner);
  void serve_traces();
  void spawn_hubs();
  listener_handle adopt_listener(bound_socket socket);
  result<listener_handle> spawn_listener();
  result<void> bind_websocket();
  void add_websocket_listener(node_parts& parts);
};

result<node_policy_ptr> node::parts::make_policy(const config::server_options& options,
                                                 client_ports ports) const {
  auto policy = std::make_shared<node_policy>();
  policy->options = std::make_shared<config::server_options>(options);
  policy->peers = peers;
  if (options.tls) {
    // The files are read again at each reload: a new certificate is used from the next handshake on.
    auto tls = make_tls_context(*options.tls, tls_purpose::clients, peers);
    if (!tls) return tls.error();
    policy->tls = std::move(*tls);
  }
  policy->info = info_from(options, id);
  policy->info.xkey = keys->sealing.public_key();
  policy->info.port = ports.client;
  if (!options.client_advertise.empty()) { // instead of what the socket is bound to
    auto address = config::parse_advertise(options.client_advertise);
    if (!address)
      return error{errc::malformed, "Error setting server INFO with ClientAdvertise value of "
                                      + options.client_advertise
                                      + ", err=" + address.error().context};
    policy->info.host = address->host;
    if (address->port > 0) policy->info.port = static_cast<uint16_t>(address->port);
  }
  policy->settings = settings_from(options);
  if (auto traced = config::trace_filter::parse(options.trace_connections))
    policy->traced = *traced;
  policy->max_connections = options.max_connections;
  if (!options.no_system_account)
    policy->system_account = options.system_account.empty() ? "$SYS" : options.system_account;
  policy->auth = make_authenticator(options, *policy);
  policy->settings.auth_required = policy->auth->required();
  policy->settings.operator_mode = operators != nullptr;
  policy->settings.has_no_auth_user = operators ? !options.operators.default_sentinel.empty()
                                                : policy->auth->admits_silent();
  if (options.authorization.callout)
    for (const std::string& text : callout_complaints(options, policy->system_account))
      log::error("{}", text);
  auto websocket = make_websocket_policy(
    options, *policy, ports.websocket,
    [&](const config::server_options& own) { return make_authenticator(own, *policy); });
  if (!websocket) return websocket.error();
  policy->websocket = std::move(*websocket);
  if (options.tls && options.https_port != 0) {
    // As in the NATS server: browsers show no certificate, unless clients' are checked by OCSP somewhere.
    const auto purpose = policy->judges_peers() ? tls_purpose::clients : tls_purpose::monitoring;
    auto tls = make_tls_context(*options.tls, purpose, peers);
    if (!tls) return tls.error();
    policy->monitor_tls = std::move(*tls);
  }
  auto staples = staple_watch::prepare(
    options, {policy->tls, policy->websocket ? policy->websocket->tls : nullptr, policy->monitor_tls});
  if (!staples) return staples.error();
  policy->staples = std::move(*staples);
  return node_policy_ptr(std::move(policy));
}

std::shared_ptr<const authenticator> node::parts::make_authenticator(
  const config::server_options& options, const node_policy& policy) const {
  auto usual = usual_authenticator(options, policy);
  return custom ? custom(options, std::move(usual)) : usual;
}

std::shared_ptr<const authenticator> node::parts::usual_authenticator(
  const config::server_options& options, const node_policy& policy) const {
  callout_environment asking;
  asking.keys = keys;
  asking.server = {.name = policy.info.server_name,
                   .host = policy.info.host,
                   .id = id,
                   .version = policy.info.version,
                   .cluster = options.cluster_name,
                   .tags = options.server_tags,
                   .xkey = {}};
  asking.timeout = options.authorization.timeout;
  asking.now_s = observe::wall_seconds;
  if (operators) {
    asking.zones = operators->environment().zones;
    return make_operator_authenticator(
      operators, std::make_shared<const callout_environment>(std::move(asking)));
  }
  auto own = make_config_authenticator(options, policy.system_account);
  if (!options.authorization.callout) return own;
  asking.zones = system_zones();
  return make_callout_authenticator(std::move(own), options, policy.system_account,
                                    std::move(asking));
}

result<void> node::parts::build_context() {
  node_context& c = *context;
  if (options.operators.enabled()) {
    auto made = make_operator_accounts(options, context, renewals);
    if (!made) return made.error();
    operators = std::move(made->accounts);
    activations = std::move(made->activations);
    claims = std::move(made->claims);
  }
  auto policy = make_policy(options, {port, websocket_port});
  if (!policy) return policy.error();
  c.publish(*policy);
  c.closed_kept = static_cast<uint64_t>(std::max<int64_t>(options.max_closed_clients, 0));
  for (unsigned i = 0; i < reactor_count; ++i)
    c.counters.push_back(std::make_shared<observe::reactor_counters>());
  auto shards = std::make_shared<routing::shard_environment>();
  shards->pool = drivers.get();
  shards->counters = c.counters;
  for (unsigned i = 0; i < reactor_count; ++i)
    shards->exchanges.push_back(
      std::make_shared<routing::exchange>(drivers->at(static_cast<reactor_index>(i))));
  shards->use_cache = !options.disable_sublist_cache;
  shards->on_spawned = [this](const routing::shard_handle& shard, const std::string& name) {
    // The first ones come before the root, which finds them in its parts.
    if (root) caf::anon_send(root, shard_started{shard, name});
  };
  shards->on_ending = [this](const routing::shard_handle& shard) {
    // As urgent as the word of its end, so that it comes first.
    if (root) caf::anon_send<caf::message_priority::high>(root, shard_ending{shard});
  };
  c.accounts = std::make_shared<routing::account_directory>(std::move(shards));
  c.accounts->apply(options, c.policy()->system_account);
  return resolve_system_account();
}

std::shared_ptr<const reload_parts> node::parts::make_reload_parts() {
  auto out = std::make_shared<reload_parts>();
  out->hooks = hooks;
  out->context = context;
  out->hubs = hubs;
  out->make_policy = [this](const config::server_options& o, client_ports ports) {
    return make_policy(o, ports);
  };
  out->published = [this](const node_policy& policy) { watch_certificates(policy); };
  out->prepare_operators = [this](const config::server_options& o) {
    if (!operators) return result<std::function<void()>>([] {});
    return prepare_operator_reload(*context->policy()->options, o,
                                   {.accounts = operators, .activations = nullptr, .claims = claims});
  };
  out->ports = [this] { return client_ports{port, websocket_port}; };
  out->move_listener = [this](bound_socket socket) {
    (socket.kind == listener_kind::websocket ? websocket_port : port) = socket.port;
    caf::scoped_actor self{*system};
    self->request(root, listener_patience, listener_moved{std::move(socket)})
      .receive([] {}, [](const caf::error&) { log::warn("The listener before may still be open"); });
  };
  return out;
}

/// The certificates of the policy that is in force now are watched, those of the one before no more;
/// and what is known of clients' is kept as it says.
void node::parts::watch_certificates(const node_policy& policy) {
  if (policy.judges_peers()) peers->obey(policy.options->ocsp_cache);
  if (staples) staples->stop();
  staples = policy.staples;
  if (staples) staples->start([root = root] { caf::anon_send(root, signal_event{SIGINT}); });
}

/// Without its system account a node of operator mode could not be told of other accounts.
result<void> node::parts::resolve_system_account() {
  if (!operators || options.system_account.empty()) return {};
  const auto account = operators->fetch(options.system_account);
  if (account) return {};
  if (operators->may_wait()) return {};  // the first of its users to come asks again
  return error{account.error().code,
               "error resolving system account: " + account.error().context};
}

/// Traces tell which server they come from; without a system account there are none, as in Go.
void node::parts::serve_traces() {
  if (!system_account) return;
  for (unsigned i = 0; i < reactor_count; ++i)
    context->accounts->exchange_of(static_cast<reactor_index>(i))
      ->describe_server_by([service = std::weak_ptr(system_account)] {
        const auto there = service.lock();
        return there ? there->introduction() : std::string();
      });
}

void node::parts::make_system_account(node& owner) {
  const std::string name = context->policy()->system_account;
  if (name.empty()) return;
  system_parts p;
  p.system = system.get();
  p.home = &drivers->at(0);
  p.context = context;
  p.server_id = id;
  p.reactors = reactor_count;
  p.hooks = std::move(system_account_hooks);
  p.reload = [&owner] { return owner.reload(); };
  // Its shards are there before anybody stops the node: later ones would not be among those it ends.
  const routing::account_ptr account = context->accounts->get(name, true);
  account->shard(0);
  p.claims = claims;
  system_account = std::make_shared<system_service>(std::move(p), account);
  context->events = system_account;
}

void node::parts::spawn_hubs() {
  for (unsigned i = 0; i < reactor_count; ++i)
    hubs.push_back(
      spawn_pinned<client_hub>(drivers->at(static_cast<reactor_index>(i)), context));
  for (unsigned i = 0; i < reactor_count; ++i)
    context->accounts->exchange_of(static_cast<reactor_index>(i))
      ->on_measured([hubs = hubs](routing::measured_answer_ptr what) {
        const hub_handle& hub = hubs[what->responder.reactor % hubs.size()];
        caf::anon_send(hub, std::move(what));
      });
  // The drivers do not run yet, so this thread may still touch the actors.
  for (auto& hub : hubs)
    static_cast<client_hub*>(caf::actor_cast<caf::abstract_actor*>(hub))->introduce(hubs);
}

listener_handle node::parts::adopt_listener(bound_socket socket) {
  return spawn_pinned<listener_actor>(drivers->at(0), std::move(socket), hubs);
}

result<listener_handle> node::parts::spawn_listener() {
  auto bound = listen_on(context->policy()->options->host, port);
  if (!bound) return bound.error();
  return adopt_listener(std::move(*bound));
}

result<void> node::parts::bind_websocket() {
  if (options.websocket.port == 0) return {};
  auto bound = listen_for_websocket(options, options.websocket.port);
  if (!bound) return bound.error();
  websocket_port = bound->port;
  websocket_socket = std::move(*bound);
  return {};
}

void node::parts::add_websocket_listener(node_parts& parts) {
  if (!websocket_socket) return;
  further_listener one;
  one.what = "WebSocket";
  one.kind = listener_kind::websocket;
  one.handle = adopt_listener(*std::exchange(websocket_socket, std::nullopt));
  one.spawn = [this]() -> result<listener_handle> {
    auto bound = listen_for_websocket(*context->policy()->options, websocket_port);
    if (!bound) return bound.error();
    return adopt_listener(std::move(*bound));
  };
  parts.more_listeners.push_back(std::move(one));
}

node::node(config::server_options options, reload_hooks hooks) : p_(std::make_unique<parts>()) {
  p_->options = std::move(options);
  p_->hooks = std::move(hooks);
  unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  p_->reactor_count = std::min(p_->options.reactors ? p_->options.reactors : cores, max_reactors);
}

node::~node() { finish(); }

result<void> node::start() {
  if (sodium_init() < 0) return error{errc::unavailable, "libsodium cannot be initialised"};
  p_->keys = std::make_shared<const node_keys>(
    node_keys{generate_server_identity(), curve_key::generate()});
  p_->id = p_->keys->identity.public_key();
  p_->drivers = std::make_unique<driver_pool>(p_->reactor_count);
  p_->system = std::make_unique<caf::actor_system>(p_->caf_config);
  p_->drivers->attach(*p_->system);
  // As in the Go server, the ports of other kinds come before that of clients.
  if (auto ok = p_->bind_websocket(); !ok) return ok.error();
  auto bound = listen_on(p_->options.host, p_->options.port);
  if (!bound) return bound.error();
  p_->port = bound->port;
  if (auto ok = p_->build_context(); !ok) {
    ::close(bound->fd);
    return ok.error();
  }
  routing::account_ptr global = p_->context->accounts->get(routing::global_account);
  global->shard(0);
  p_->make_system_account(*this);
  p_->spawn_hubs();
  if (p_->system_account) p_->system_account->open(p_->hubs);
  p_->serve_traces();
  p_->renewals->open(p_->hubs, p_->context);

  node_parts parts;
  parts.context = p_->context;
  for (const routing::account_ptr& account : p_->context->accounts->all()) {
    const auto shards = account->shard_handles();
    for (size_t r = 0; r < shards.size(); ++r)
      parts.shards.push_back({shards[r], account->shard_name(r)});
  }
  parts.hubs = p_->hubs;
  parts.spawn_listener = [p = p_.get()] { return p->spawn_listener(); };
  parts.adopt_listener = [p = p_.get()](bound_socket s) { return p->adopt_listener(std::move(s)); };
  parts.listener = p_->adopt_listener(std::move(*bound));
  p_->add_websocket_listener(parts);
  parts.reload = p_->make_reload_parts();
  parts.system_account = p_->system_account;
  parts.on_stopped = [p = p_.get()](int code) { p->stopped.set_value(code); };
  parts.spawn_signals = [home = &p_->drivers->at(0)](const node_handle& root) -> caf::actor {
    return spawn_pinned<signal_source>(*home, root);
  };
  p_->root = p_->system->spawn<node_actor>(std::move(parts));
  p_->drivers->hear_failures([root = p_->root](reactor_index r, const char* where, const char* what) {
    caf::anon_send(root, reactor_failed{r, std::string(where) + ": " + what});
  });
  p_->drivers->start();
  p_->watch_certificates(*p_->context->policy());
  p_->started = true;
  return {};
}

void node::serve_system_account(system_hooks hooks) {
  p_->system_account_hooks = std::move(hooks);
}

void node::authenticate_by(custom_authentication custom) { p_->custom = std::move(custom); }

int node::wait() { return p_->stopped.get_future().get(); }

void node::finish() {
  if (!p_->started) return;
  p_->renewals->close();
  if (p_->activations) p_->activations->stop();
  if (p_->operators) p_->operators->stop();
  if (p_->system_account) p_->system_account->close();
  p_->hubs.clear();
  p_->system->await_all_actors_done();
  if (p_->staples) p_->staples->stop();
  p_->peers->stop();
  p_->drivers->stop();
  p_->context->accounts->close();  // until here, so that who ends late still finds the shards
  p_->drivers->hear_failures(nullptr);
  p_->root = nullptr;
  p_->context->events = nullptr;
  p_->system_account = nullptr;
  p_->system.reset();
  p_->drivers.reset();
  p_->started = false;
}

void node::signal(int number) { caf::anon_send(p_->root, signal_event{number}); }

result<void> node::reload() {
  caf::scoped_actor self{*p_->system};
  result<void> outcome{};
  self->request(p_->root, caf::infinite, reload_request{})
    .receive(
      [&](const reload_answer& why) {
        if (!why.empty()) outcome = error{errc::malformed, why};
      },
      [&](const caf::error& e) { outcome = error{errc::unavailable, p_->system->render(e)}; });
  return outcome;
}

std::shared_ptr<const config::server_options> node::options() const {
  return p_->context->policy()->options;
}
const node_context& node::context() const { return *p_->context; }
const std::string& node::server_id() const { return p_->id; }
uint16_t node::client_port() const { return p_->port; }
uint16_t node::websocket_port() const { return p_->websocket_port; }
unsigned node::reactors() const { return p_->reactor_count; }
unsigned node::active_drivers() const { return p_->drivers ? p_->drivers->active_drivers() : 0; }

// -- monitoring ------------------------------------------------------------------------------------

result<connections_report> node::connections(const connections_query& q) {
  return gather_connections(*p_->system, p_->hubs, q, p_->context->next_client_id.load());
}

result<subs_report> node::subscriptions(const subs_query& q) {
  return gather_subscriptions(*p_->system, p_->hubs, q);
}

std::vector<observe::queue_snapshot> node::queues() const {
  std::vector<observe::queue_snapshot> all;
  const auto add = [&](const char* name) { all.push_back({name, 0, 0}); };
  if (p_->system_account) {
    add("SendQ");
    // Only requests wait here: what is said is published at once, and pings have no queue of their own.
    all.push_back(p_->system_account->requests());
    add("System recvQ Pings");
    add("System sendQ");
  }
  add("delayed API responses");
  return all;
}

result<observe::actor_snapshot> node::actors(bool with_connections) {
  caf::scoped_actor self{*p_->system};
  result<observe::actor_snapshot> tree = error{errc::unavailable, "the node is stopping"};
  self->request(p_->root, answer_within, describe_query{}).receive(
    [&](const actor_report_ptr& r) { tree = *r; },
    [&](const caf::error& e) { tree = no_answer(e, *p_->system); });
  if (!tree || !with_connections) return tree;
  auto connections = gather_actors(*p_->system, p_->hubs, described_connections);
  if (!connections) return connections.error();
  for (observe::actor_snapshot& reactor : tree->children)
    for (observe::actor_snapshot& child : reactor.children)
      for (reactor_index r = 0; r < connections->size(); ++r)
        if (child.kind == "clients" && child.name == clients_of(r))
          std::move((*connections)[r].begin(), (*connections)[r].end(), std::back_inserter(child.children));
  return tree;
}

} // namespace troupe
