// Auth callout: a service of the user's own decides about logins.
//
// Place in the flow: an authenticator that may not decide alone hands back a question (outcome
// `asks`), which the session puts to the service: a JWT that this node signed, sealed if there is a
// key for that. Whatever comes back is judged here: it has to be signed by whom the terms name, for
// this node and for the one key made for this login, so that no answer serves twice. What is wrong
// with an answer refuses the login and nothing else.
//
// Pure but for the keys made and the time asked for. Thread: any.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "actors/auth/auth_core.hpp"
#include "protocol/auth/claims.hpp"
#include "protocol/auth/nkey.hpp"
#include "protocol/auth/user_limits.hpp"
#include "protocol/auth/xkey.hpp"

namespace troupe {

inline constexpr std::string_view callout_subject = "$SYS.REQ.USER.AUTH";
inline constexpr std::string_view callout_replies = "$SYS._INBOX.>";

/// The private keys of a node: what it signs with as itself, and what others seal messages for.
struct node_keys {
  nkey_pair identity;
  curve_key sealing;
};

/// What asking needs of the node.
struct callout_environment {
  std::shared_ptr<const node_keys> keys;
  authorization_request_claims::server_id server;  // without the key for sealing
  std::chrono::nanoseconds timeout{};
  std::function<int64_t()> now_s;  // wall clock
  zone_offset zones;
};

/// What the configuration, or an account of operator mode, lays down for its callout.
class callout_terms {
public:
  virtual ~callout_terms() = default;
  /// Whether an answer that was not sealed is signed by whom it should be. Errors say why not.
  virtual result<void> check_signer(const authorization_response_claims& answer) const = 0;
  /// The rules of the user that the service described, or why there are none; may be deferred.
  virtual auth_decision place(user_claims user, const login_request& login) const = 0;

  std::string account;  // where the service listens
  std::string subject;  // of the request: a public key
  std::string xkey;     // empty: nothing is sealed
  std::string jwt;      // the user's, where that is not what CONNECT said
};

/// The question for a login. `before`: what is known without the service; its name is the one that
/// monitoring shows unless the answer names another.
auth_decision ask_service(std::shared_ptr<const callout_terms> terms,
                          const callout_environment& env, const login_request& login,
                          const auth_decision& before);

/// When the session of a user that a service in `account` described ends, as `session_end` tells it, and whether it may
/// begin at all. Errors are what the owner of the service hears.
result<int64_t> placed_session_end(const user_claims& user, const login_request& login, const std::string& account,
                                   int64_t now_s, const zone_offset& zones);

/// The rules without what might get between the node and the service: nobody but the node asks,
/// and users see neither questions nor answers.
user_rules_ptr with_callout_denies(const user_rules& rules, callout_part part);

/// What the user may do as text, with what a callout takes away.
std::optional<config::permissions> listed_permissions(const user_rules& rules);

/// What of a callout's configuration names something that is not there, for the log.
std::vector<std::string> callout_complaints(const config::server_options& options,
                                            const std::string& system_account);

/// A callout as the configuration's `authorization` asks for, before which `inner` decides.
std::shared_ptr<const authenticator> make_callout_authenticator(
  std::shared_ptr<const authenticator> inner, const config::server_options& options,
  const std::string& system_account, callout_environment env);

} // namespace troupe
