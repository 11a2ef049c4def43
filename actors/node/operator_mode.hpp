// Operator mode of a node: the accounts that operators signed, wired to routing and to the sessions.
//
// Thread: made before the node runs; afterwards any.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "actors/auth/claims_requests.hpp"
#include "actors/auth/operator_accounts.hpp"
#include "actors/session/node_context.hpp"
#include "actors/session/session_messages.hpp"
#include "protocol/result.hpp"

namespace troupe {

/// Has the sessions of a node look at their rules again, as long as the node runs. Any thread.
class session_renewal {
public:
  void open(std::vector<hub_handle> hubs, std::shared_ptr<node_context> context);
  /// What this account allows has changed.
  void renew(const std::string& account);
  /// Returns when all do. Any thread that may wait; no hub's.
  void wait();
  void close();

private:
  std::mutex mutex_;
  std::vector<hub_handle> hubs_;
  std::shared_ptr<node_context> context_;
};

/// Has accounts give up what they imported by activations, when these end. A thread, as soon as there
/// is such an activation. Thread: any.
class activation_watch {
public:
  activation_watch() = default;
  ~activation_watch() { stop(); }
  activation_watch(const activation_watch&) = delete;
  activation_watch& operator=(const activation_watch&) = delete;

  void open(std::weak_ptr<operator_accounts> accounts);
  /// There is another activation that ends.
  void look();
  void stop();

private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::weak_ptr<operator_accounts> accounts_;
  bool looks_ = false, stopping_ = false;
  std::thread thread_;
};

struct operator_parts {
  std::shared_ptr<operator_accounts> accounts;
  std::shared_ptr<activation_watch> activations;
  std::shared_ptr<claims_requests> claims;  // what the resolver is asked over the system account
};

/// Accounts become those of `context` when somebody uses them; sessions are renewed when what their
/// account says has changed. Errors: what keeps a node from starting.
result<operator_parts> make_operator_accounts(
  const config::server_options& options, std::weak_ptr<node_context> context,
  std::shared_ptr<session_renewal> renewal);

/// What a reload makes of operator mode: whom it trusts and where accounts come from. Who keeps accounts in
/// a directory takes pushed ones into the new one; whether there are any to be pushed is settled at the start.
/// The function puts it in force and may look all accounts up. Errors: what refuses the reload.
result<std::function<void()>> prepare_operator_reload(
  const config::server_options& before, const config::server_options& after,
  const operator_parts& running);

} // namespace troupe
