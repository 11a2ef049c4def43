#include "actors/auth/operator_accounts.hpp"

#include <exception>
#include <set>

#include "protocol/auth/nkey.hpp"

namespace troupe {

operator_accounts::operator_accounts(operator_trust trust, std::shared_ptr<account_source> source,
                                     operator_environment env)
    : env_(std::move(env)),
      trust_(std::make_shared<const operator_trust>(std::move(trust))),
      source_(std::move(source)) {}

std::shared_ptr<const operator_trust> operator_accounts::trust() const {
  std::lock_guard lock(mutex_);
  return trust_;
}

std::shared_ptr<account_source> operator_accounts::source() const {
  std::lock_guard lock(mutex_);
  return source_;
}

operator_account_ptr operator_accounts::find(std::string_view key) const {
  std::lock_guard lock(mutex_);
  auto it = accounts_.find(key);
  if (it == accounts_.end() || it->second->expired(env_.now_s())) return nullptr;
  return it->second;
}

size_t operator_accounts::size() const {
  std::lock_guard lock(mutex_);
  return accounts_.size();
}

void operator_accounts::put(operator_account_ptr account) {
  std::lock_guard lock(mutex_);
  accounts_[account->key()] = std::move(account);
}

/// Verified claims, at hand or from the source; not announced.
result<operator_account_ptr> operator_accounts::load(const std::string& key) {
  if (auto known = find(key)) return known;
  if (!is_public_nkey(key, nkey_role::account))
    return error{errc::malformed, "will only fetch valid account keys"};
  const auto from = source();
  auto jwt = from->fetch(key);
  if (!jwt && from->may_wait()) env_.log_warning("Account fetch failed: " + jwt.error().context);
  if (!jwt) return jwt.error();
  auto account = read_operator_account(std::move(*jwt), key, *trust(), env_.now_s());
  if (account) put(*account);
  return account;
}

result<operator_account_ptr> operator_accounts::fetch(const std::string& key) {
  if (auto known = find(key)) return known;
  auto account = load(key);
  if (account) announce(*account);
  return account;
}

void operator_accounts::fetch_later(const std::string& key, fetched then) {
  {
    std::lock_guard lock(mutex_);
    std::vector<fetched>& waiting = under_way_[key];
    waiting.push_back(std::move(then));
    if (waiting.size() > 1) return;
  }
  const auto settle = [this, key](const result<operator_account_ptr>& account) {
    std::vector<fetched> waiting;
    {
      std::lock_guard lock(mutex_);
      if (auto node = under_way_.extract(key)) waiting = std::move(node.mapped());
    }
    for (const fetched& tell : waiting) tell(account);
  };
  const bool begun = fetches_.run([this, key, settle] {
    try {
      settle(fetch(key));
    } catch (const std::exception& e) {
      settle(error{errc::unavailable, std::string("the fetch failed: ") + e.what()});
    }
  });
  if (begun) return;
  if (!fetches_.stopping()) return settle(error{errc::unavailable, "too many accounts are being fetched"});
  std::lock_guard lock(mutex_);
  under_way_.erase(key);
}

void operator_accounts::stop() {
  source()->stop();
  fetches_.stop();
  std::lock_guard lock(mutex_);
  under_way_.clear();
}

result<bool> operator_accounts::update(const std::string& key, std::string jwt) {
  operator_account_ptr before;
  {
    std::lock_guard lock(mutex_);
    auto it = accounts_.find(key);
    if (it == accounts_.end()) return false;
    before = it->second;
  }
  if (before->jwt == jwt) return false;
  auto account = read_operator_account(std::move(jwt), key, *trust(), env_.now_s());
  if (!account) return account.error();
  put(*account);
  announce(*account);
  env_.on_changed(key);
  return true;
}

void operator_accounts::remove(const std::string& key) {
  {
    std::lock_guard lock(mutex_);
    if (accounts_.erase(key) == 0) return;
  }
  env_.on_changed(key);
}

void operator_accounts::replace(operator_trust trust, std::shared_ptr<account_source> source) {
  std::vector<std::string> known;
  {
    std::lock_guard lock(mutex_);
    trust_ = std::make_shared<const operator_trust>(std::move(trust));
    if (!source) return;
    source_ = source;
    // Who keeps what others say asks them no sooner than somebody needs it.
    if (source->may_wait()) return;
    for (const auto& [key, account] : accounts_) known.push_back(key);
  }
  for (const std::string& key : known) {
    auto jwt = source->fetch(key);
    if (!jwt) {
      remove(key);
    } else if (auto done = update(key, std::move(*jwt)); !done) {
      env_.log_warning("Account " + key + ": " + done.error().context);
    }
  }
}

void operator_accounts::announce(const operator_account_ptr& account) {
  std::set<std::string> seen{account->key()};
  std::vector<operator_account_ptr> waiting{account};
  while (!waiting.empty()) {
    const operator_account_ptr next = std::move(waiting.back());
    waiting.pop_back();
    const exporter_lookup exporter = [&](const std::string& key) -> operator_account_ptr {
      if (seen.size() >= exporters_max) return nullptr;
      auto found = load(key);
      if (!found) return nullptr;
      if (seen.insert(key).second) waiting.push_back(*found);
      return *found;
    };
    account_as_options out = to_account_options(*next, exporter, env_.now_s());
    for (const std::string& text : out.left_out)
      env_.log_warning("Account " + next->key() + ": " + text);
    env_.on_account(std::make_shared<const config::account_options>(std::move(out.options)));
  }
}

}  // namespace troupe
