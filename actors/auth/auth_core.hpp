// Who may connect. One interface, so that a further method is one more implementation; every
// attempt takes the same path and time whether the user exists or not.
//
// Pure and immutable: shared by all reactors without a lock. What takes long (a bcrypt hash, asking
// a service) is not done here but handed back as work for elsewhere.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/options.hpp"
#include "protocol/auth/claims.hpp"
#include "protocol/auth/distinguished_name.hpp"
#include "protocol/client/connect.hpp"
#include "protocol/client/error_text.hpp"
#include "protocol/limits.hpp"

namespace troupe {

class permission_set;
struct operator_account;

/// What is known about a connection when it logs in.
struct login_request {
  connect_options who;
  std::string nonce;  // as sent in INFO; empty: none was
  std::string connection_type = "STANDARD";
  std::string host;   // the client's address, without port
  uint64_t client_id = 0;
  std::string proxy_key;  // the trusted proxy whose signature was checked; empty: none
  /// What the client's certificate, which was verified, says of it; nullptr: it showed none.
  std::shared_ptr<const certificate_identity> certificate;
  /// What a service that decides about logins is told; nullptr without TLS or such services.
  std::shared_ptr<const authorization_request_claims::client_tls> tls;
};

/// How a session takes part in the callout of its account.
enum class callout_part : uint8_t { none, service, user };

/// What a user may do; shared by all of its sessions.
struct user_rules {
  std::string name;     // as shown in monitoring; a token shows as [REDACTED]
  std::string account = "$G";
  std::string nkey;     // public key, for users who have one
  std::shared_ptr<const permission_set> permissions;  // nullptr: everything
  std::optional<config::permissions> listed;          // the same as text, for $SYS.REQ.USER.INFO
  /// Tells whether the configured secret changed; not the secret itself.
  std::string secret_digest;
  // Operator mode and callout:
  std::string jwt, name_tag;
  std::string issuer_key;  // a signing key of the account; empty: the account itself
  /// The account as it was when the user was looked at.
  std::shared_ptr<const operator_account> as_of;
  std::vector<std::string> tags;
  int64_t max_subscriptions = no_limit, max_payload = no_limit;  // its own; the account's may be narrower
  int64_t issued_at_s = 0;
  /// Wall clock seconds at which the session ends; 0: never. For the user, and for its account.
  int64_t expires_at_s = 0, account_expires_at_s = 0;
  /// Whether a service answers logins in this account, and whether this is one or is a user.
  callout_part callout = callout_part::none;
  bool by_callout = false;  // a service let it in
  bool proxy_required = false;
};
using user_rules_ptr = std::shared_ptr<const user_rules>;

struct auth_decision;

/// What a service in an account is asked before a login is decided (callout_core.hpp).
struct service_question {
  std::string account;
  /// Where the login would stand without the service; empty: nowhere. If that account is full, nobody is asked.
  std::string account_before;
  std::string subject, headers, body;
  std::chrono::nanoseconds within{};
  /// Decides by the body of the answer; not called when none comes.
  std::function<auth_decision(std::string_view answer)> judge;
};

struct auth_decision {
  enum class outcome : uint8_t { refused, accepted, deferred, asks };
  outcome what = outcome::refused;
  user_rules_ptr user;  // accepted
  closed_reason reason = closed_reason::authentication_failure;
  std::string why;      // refused: for the log and $SYS, never for the client
  /// refused: the account whose owner hears why; empty: the one where the session stands hears the reason.
  std::string heard_by;
  std::string shown;    // the name as monitoring shows it
  /// The configured user or nkey that the login named; empty: there is none.
  std::string known;
  /// deferred: the rest of the check, to be run on a thread that may take its time.
  std::function<auth_decision()> work;
  /// deferred, instead of `work`, where it waits for others: begins the rest of the check and does not
  /// wait. `done` hears the decision once, from any thread, or never when the node stops.
  std::function<void(std::function<void(auth_decision)> done)> begin;
  /// asks: what decides, and where.
  std::shared_ptr<const service_question> question;

  static auth_decision refuse(std::string why, std::string shown = {}) {
    auth_decision d;
    d.why = std::move(why);
    d.shown = std::move(shown);
    return d;
  }
  static auth_decision accept(user_rules_ptr user, std::string shown) {
    auth_decision d;
    d.what = outcome::accepted;
    d.user = std::move(user);
    d.shown = std::move(shown);
    return d;
  }
};

/// How a session ends whose user is no more what it was.
struct session_ending {
  std::string_view err = err_text::authorization_violation;  // empty: the client is not told
  closed_reason reason = closed_reason::authentication_failure;
};

class authenticator {
public:
  virtual ~authenticator() = default;
  virtual auth_decision check(const login_request& request) const = 0;
  /// Whether INFO asks for credentials.
  virtual bool required() const = 0;
  /// Whether INFO carries a nonce to sign.
  virtual bool wants_nonce() const = 0;
  /// Whether first operations other than CONNECT are let in, as some user.
  virtual bool admits_silent() const = 0;
  /// Whether a service may be asked, so that a request has to have what it is told.
  virtual bool asks_services() const { return false; }
  /// After a reload: what the user of an existing session may do now; nullptr when it is gone, or its
  /// secret or account changed, so that the session ends.
  virtual user_rules_ptr renewed(const user_rules& user) const = 0;
  /// Where `renewed` gave nothing: how the session ends. One whose user is gone or moved just loses
  /// its connection, meant to come again.
  virtual session_ending ending_of(const user_rules&) const { return {}; }
};

/// Single user, token, `users` and nkeys of the configuration, with `no_auth_user`.
/// `system_account`: where users of that account alone leave `$G` open, as in the Go server.
std::shared_ptr<const authenticator> make_config_authenticator(const config::server_options& options,
                                                               const std::string& system_account);

} // namespace troupe
