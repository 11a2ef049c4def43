#include "actors/node/reload_actor.hpp"

#include <caf/scoped_actor.hpp>

#include <unistd.h>

#include <algorithm>

#include "actors/node/websocket_setup.hpp"
#include "actors/observe/logger.hpp"

namespace troupe {

namespace {

/// Errors of a file in one text, as the NATS server prints them.
std::string joined(const std::vector<config::diagnostic>& list) {
  std::string out;
  for (const config::diagnostic& d : list) out += (out.empty() ? "" : "\n") + d.to_string();
  return out;
}

class reload {
public:
  reload(caf::actor_system& system, const reload_parts& parts) : self_(system), parts_(parts) {}

  reload_answer run() {
    const node_policy_ptr before = parts_.context->policy();
    if (!parts_.hooks.read || before->options->config_file.empty())
      return "can only reload config when a file is provided using -c or --config";
    config::load_result loaded = parts_.hooks.read();
    if (!loaded.ok()) return joined(loaded.errors);
    if (auto valid = config::validate(loaded.options); !valid) return valid.error().context;
    auto plan = plan_reload(*before->options, std::move(loaded.options));
    if (!plan) return plan.error().context;
    for (auto list : {&loaded.warnings, &loaded.notices})
      for (const config::diagnostic& d : *list) log::warn("{}", d.to_string());
    try {
      if (auto ready = prepare(*plan); !ready) return ready.error().context;
    } catch (const std::exception& e) {
      return std::string("cannot open what it needs: ") + e.what(); // no thread, no descriptor
    }
    commit(*plan);
    wait_until_obeyed(parts_.hubs);
    const uint64_t unpinned = policy_->tls ? policy_->tls->take_unpinned() : 0;
    if (unpinned > 0)
      log::info("Disconnect {} clients due to pinned certs reload", unpinned);
    if (plan->max_connections) close_excess();
    for (const std::string& line : plan->lines) log::info("{}", line);
    log::info("Reloaded server configuration ({})", plan->options.config_digest);
    return {};
  }

private:
  /// Everything that may fail, the log last, since it changes with it.
  result<void> prepare(const reload_plan& plan) {
    client_ports ports = parts_.ports();
    if (plan.client_listener) {
      auto bound = listen_on(plan.options.host, plan.options.port);
      if (!bound) return bound.error();
      sockets_.push_back(std::make_unique<open_socket>(*bound));
      ports.client = bound->port;
    }
    if (plan.websocket_listener) {
      auto bound = listen_for_websocket(plan.options, plan.options.websocket.port);
      if (!bound) return bound.error();
      sockets_.push_back(std::make_unique<open_socket>(*bound));
      ports.websocket = bound->port;
    }
    auto operators = parts_.prepare_operators(plan.options);
    if (!operators) return operators.error();
    commit_operators_ = std::move(*operators);
    auto policy = parts_.make_policy(plan.options, ports);
    if (!policy) return policy.error();
    policy_ = *policy;
    if (parts_.hooks.prepare) {
      auto commit = parts_.hooks.prepare(plan);
      if (!commit) return commit.error();
      commit_outside_ = std::move(*commit);
    }
    if (plan.logging) return log::configure(log::settings_of(plan.options));
    return {};
  }

  void commit(const reload_plan& plan) {
    parts_.context->accounts->apply(plan.options, policy_->system_account);
    commit_operators_();
    parts_.context->publish(policy_);
    for (auto& socket : sockets_) parts_.move_listener(socket->take());
    for (const hub_handle& hub : parts_.hubs) self_->send(hub, policy_);
    // Behind that message: who has to go for another reason makes room.
    for (const routing::account_ptr& account : parts_.context->accounts->all())
      close_surplus(parts_.hubs, account);
    if (commit_outside_) commit_outside_();
    if (parts_.published) parts_.published(*policy_);
  }

  /// The newest go first; hubs lose about as many each.
  void close_excess() {
    const int64_t most = std::max<int64_t>(policy_->max_connections, 0);
    const int64_t open = parts_.context->sessions.load();
    if (open <= most) return;
    uint64_t left = static_cast<uint64_t>(open - most);
    const uint64_t excess = left;
    bool some = true;
    while (left > 0 && some) {
      some = false;
      for (size_t i = 0; i < parts_.hubs.size() && left > 0; ++i) {
        const uint64_t hubs_left = parts_.hubs.size() - i;
        close_clients order{(left + hubs_left - 1) / hubs_left,
                            closed_reason::max_connections_exceeded};
        self_->request(parts_.hubs[i], hub_patience, order)
          .receive(
            [&](uint64_t closed) {
              left -= std::min(closed, left);
              some = some || closed > 0;
            },
            [](const caf::error&) {});
      }
    }
    log::info("Closed {} connections to fall within max_connections", excess - left);
  }

  /// Closes the socket unless somebody takes it.
  struct open_socket {
    explicit open_socket(bound_socket s) : socket(std::move(s)) {}
    ~open_socket() {
      if (socket.fd >= 0) ::close(socket.fd);
    }
    open_socket(const open_socket&) = delete;
    open_socket& operator=(const open_socket&) = delete;
    bound_socket take() {
      bound_socket out = socket;
      socket.fd = -1;
      return out;
    }
    bound_socket socket;
  };

  caf::scoped_actor self_;
  const reload_parts& parts_;
  std::vector<std::unique_ptr<open_socket>> sockets_;
  node_policy_ptr policy_;
  std::function<void()> commit_outside_;
  std::function<void()> commit_operators_;
};

} // namespace

reload_handle::behavior_type reload_actor(reload_handle::pointer self,
                                          std::shared_ptr<const reload_parts> parts) {
  // The rules that were in force before stay until the next reload: freeing those of ten thousand
  // users is then no business of a reactor.
  auto old = std::make_shared<node_policy_ptr>();
  self->set_exception_handler([](std::exception_ptr& failure) { return error_of(failure); });
  return {[=](const reload_request&) -> reload_answer {
    node_policy_ptr before = parts->context->policy();
    auto tell = [&](bool begins) {
      if (parts->hooks.under_way) parts->hooks.under_way(begins);
    };
    tell(true);
    reload_answer why;
    try {
      why = reload(self->system(), *parts).run();
    } catch (...) {
      tell(false);
      throw;
    }
    tell(false);
    if (!why.empty()) {
      log::error("Failed to reload server configuration: {}", why);
      return why;
    }
    *old = std::move(before);
    return {};
  }};
}

} // namespace troupe
