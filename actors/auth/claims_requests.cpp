#include "actors/auth/claims_requests.hpp"

#include <algorithm>

#include "protocol/auth/claims_check.hpp"
#include "protocol/auth/jwt.hpp"
#include "protocol/auth/nkey.hpp"

namespace troupe {

/// A cache says so in its answers.
std::string claims_requests::place::words(std::string_view what) const {
  return (is_cache ? "jwt update cache " : "jwt update ") + std::string(what);
}

claims_requests::place claims_requests::now() const {
  std::lock_guard lock(mutex_);
  return place_;
}

void claims_requests::keep_in(std::shared_ptr<directory_source> directory, bool is_cache) {
  std::lock_guard lock(mutex_);
  if (place_.directory) place_ = {std::move(directory), is_cache};
}

claims_answer claims_requests::update(const std::string& jwt, const std::optional<std::string>& key) {
  const place here = now();
  const std::string failed = here.words("resulted in error");
  if (jwt.empty() && !here.directory)
    return claims_answer::failed(key.value_or("n/a"), "jwt update error", "request body is empty");
  auto claims = decode_account_jwt(jwt);
  if (!claims)
    return claims_answer::failed(here.is_full() ? "n/a" : key.value_or("n/a"), failed, claims.error().context);
  const std::string& subject = claims->data.subject;
  if (key && subject != *key)
    return claims_answer::failed(*key, failed, "subject does not match jwt content");
  const auto trust = accounts_->trust();
  if (trust->strict_operator && claims->data.issuer == trust->operator_key)
    return claims_answer::failed(subject, failed, "operator requires issuer to be a signing key");
  if (!here.is_full() && !accounts_->find(subject)) return {subject, here.words("skipped"), {}};
  const char* invalid = here.is_cache ? "jwt update cache validation failed" : "jwt validation failed";
  if (const claim_faults faults = check_claims(*claims, accounts_->environment().now_s()); !faults.empty())
    return claims_answer::failed(subject, invalid, "validation errors: [" + faults.front() + "]");
  if (auto mappings = check_mappings(*claims); !mappings)
    return claims_answer::failed(subject, invalid, mappings.error().context);
  if (!trust->trusts(claims->data.issuer))
    return claims_answer::failed(subject, failed, "jwt not signed by a trusted operator");
  return put(here, jwt, subject);
}

claims_answer claims_requests::put(const place& here, const std::string& jwt, const std::string& key) {
  const char* done = here.is_cache ? "jwt updated cache" : "jwt updated";
  if (here.directory) {
    auto saved = here.directory->save(key, jwt);
    if (!saved)
      return claims_answer::failed(key, here.words("resulted in error"), saved.error().context);
    // What is kept already is as new: it stays in force.
    if (!*saved) return {key, done, {}};
  }
  if (auto updated = accounts_->update(key, jwt); !updated)
    return claims_answer::failed(key, here.words("resulted in error"), updated.error().context);
  settle_();
  return {key, done, {}};
}

std::vector<std::string> claims_requests::list() const {
  const auto directory = now().directory;
  return directory ? directory->keys() : std::vector<std::string>{};
}

claims_answer claims_requests::remove(const std::string& token) {
  const auto claims = decode_generic_jwt(token);
  const std::string who = claims ? claims->data.subject : std::string();
  const auto trust = accounts_->trust();
  const auto directory = now().directory;
  std::string why;
  if (!claims) why = claims.error().context;
  else if (!directory || !directory->may_delete()) why = "delete must be enabled in server config";
  else if (claims->data.subject != claims->data.issuer) why = "not self signed";
  else if (!trust->trusts(claims->data.issuer)) why = "not trusted";
  else if (!claims->lists_accounts) why = "malformed request";
  if (why.empty())
    for (const std::string& account : claims->accounts) {
      if (!is_public_nkey(account, nkey_role::account)) why = "malformed request";
      else if (account == trust->system_account) why = "not allowed to delete system account";
      if (!why.empty()) break;
    }
  if (!why.empty())
    return claims_answer::failed({}, "delete accounts request by " + who + " failed", why);
  size_t done = 0, failures = 0;
  for (const std::string& account : claims->accounts) {
    if (auto removed = directory->remove(account); !removed) {
      ++failures;
      why += (why.empty() ? "" : "\n") + removed.error().context;
      continue;
    }
    ++done;
    accounts_->remove(account);
  }
  if (done > 0) settle_();
  std::string message = "deleted " + std::to_string(done) + " accounts";
  if (failures == 0) return {{}, std::move(message), {}};
  return claims_answer::failed({}, message + ", failed for " + std::to_string(failures), why);
}

result<std::string> claims_requests::lookup(const std::string& key) {
  const auto directory = now().directory;
  if (!directory || !is_public_nkey(key, nkey_role::account)) return std::string();
  auto jwt = directory->fetch(key);
  if (!jwt && jwt.error().code == errc::not_found) return std::string();
  return jwt;
}

std::vector<std::string> claims_requests::pack(std::string_view contents) {
  std::vector<std::string> lines;
  const auto directory = now().directory;
  if (!directory) return lines;
  const directory_source::hash ours = directory->contents_hash();
  if (contents.size() == ours.size()
      && std::equal(ours.begin(), ours.end(), contents.begin(),
                    [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); }))
    return lines;
  for (const std::string& key : directory->keys())
    if (auto jwt = directory->fetch(key); jwt && !jwt->empty()) lines.push_back(key + '|' + *jwt);
  return lines;
}

} // namespace troupe
