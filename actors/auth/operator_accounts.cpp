#include "actors/auth/operator_accounts.hpp"

#include <algorithm>
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
  if (it == accounts_.end() || !it->second.handed_on || it->second.account->expired(env_.now_s())) return nullptr;
  return it->second.account;
}

operator_account_ptr operator_accounts::at_hand(std::string_view key) const {
  std::lock_guard lock(mutex_);
  auto it = accounts_.find(key);
  return it == accounts_.end() || it->second.account->expired(env_.now_s()) ? nullptr : it->second.account;
}

size_t operator_accounts::size() const {
  std::lock_guard lock(mutex_);
  return accounts_.size();
}

void operator_accounts::put(operator_account_ptr account) {
  std::lock_guard lock(mutex_);
  forget_imports(account->key());
  for (const claim_import& i : account->claims.imports) importers_[i.account].insert(account->key());
  operator_account_ptr& place = accounts_[account->key()].account;
  place = std::move(account);
}

/// Under the lock.
void operator_accounts::forget_imports(const std::string& key) {
  auto it = accounts_.find(key);
  if (it == accounts_.end()) return;
  for (const claim_import& i : it->second.account->claims.imports) {
    auto from = importers_.find(i.account);
    if (from == importers_.end()) continue;
    from->second.erase(key);
    if (from->second.empty()) importers_.erase(from);
  }
}

/// Verified claims, at hand or from the source; not announced.
result<operator_account_ptr> operator_accounts::load(const std::string& key) {
  if (auto known = at_hand(key)) return known;
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
  if (account && announce(*account)) env_.on_changed(key);
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
  std::vector<std::shared_ptr<account_source>> all{source()};
  {
    std::lock_guard lock(mutex_);
    for (const auto& one : earlier_) all.push_back(one.lock());
  }
  for (const auto& one : all)
    if (one) one->stop();
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
    before = it->second.account;
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
    forget_imports(key);
    if (accounts_.erase(key) == 0) return;
  }
  env_.on_changed(key);
}

void operator_accounts::replace(operator_trust trust, std::shared_ptr<account_source> source,
                                bool look_again) {
  std::vector<std::string> known;
  {
    std::lock_guard lock(mutex_);
    trust_ = std::make_shared<const operator_trust>(std::move(trust));
    if (!source) return;
    std::erase_if(earlier_, [](const auto& one) { return one.expired(); });
    earlier_.push_back(std::exchange(source_, source));
    if (!look_again) return;
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

std::vector<operator_account_ptr> operator_accounts::importers_of(const std::vector<std::string>& keys) const {
  std::set<std::string> wanted;
  std::vector<operator_account_ptr> out;
  std::lock_guard lock(mutex_);
  for (const std::string& key : keys)
    if (auto it = importers_.find(key); it != importers_.end()) wanted.insert(it->second.begin(), it->second.end());
  for (const std::string& key : keys) wanted.erase(key);
  for (const std::string& key : wanted)
    if (auto it = accounts_.find(key); it != accounts_.end() && !it->second.account->expired(env_.now_s()))
      out.push_back(it->second.account);
  return out;
}

void operator_accounts::hand_on(const operator_account_ptr& account,
                                const std::function<void(const std::string&)>& bring) {
  for (const claim_import& i : account->claims.imports) bring(i.account);
  account_as_options out;
  {
    // One at a time, and the newest: what was worked out of older claims never comes after it.
    std::lock_guard one_at_a_time(handing_on_);
    operator_account_ptr now;
    {
      std::lock_guard lock(mutex_);
      auto it = accounts_.find(account->key());
      if (it == accounts_.end()) return;
      now = it->second.account;
    }
    out = to_account_options(now, [this](const std::string& key) { return at_hand(key); }, env_.now_s());
    env_.on_account(std::make_shared<const config::account_options>(std::move(out.options)));
    std::lock_guard lock(mutex_);
    if (auto it = accounts_.find(account->key()); it != accounts_.end()) {
      it->second.handed_on = true;
      it->second.changes_at_s = out.changes_at_s;
    }
  }
  if (out.changes_at_s != INT64_MAX) env_.on_activation();
  for (const std::string& text : out.left_out) env_.log_warning("Account " + account->key() + ": " + text);
}

bool operator_accounts::announce(const operator_account_ptr& account) {
  std::vector<std::string> fresh{account->key()};
  std::vector<operator_account_ptr> waiting{account};
  std::set<std::string> missing;
  const auto bring = [&](const std::string& key) {
    if (at_hand(key) || fresh.size() >= loaded_max || missing.contains(key)) return;
    auto found = load(key);
    if (!found) {
      missing.insert(key);
      return;
    }
    fresh.push_back(key);
    waiting.push_back(*found);
  };
  const auto hand_on_waiting = [&] {
    while (!waiting.empty()) {
      const operator_account_ptr next = std::move(waiting.back());
      waiting.pop_back();
      hand_on(next, bring);
    }
  };
  hand_on_waiting();
  const std::vector<operator_account_ptr> importers = importers_of(fresh);
  for (const operator_account_ptr& importer : importers) hand_on(importer, bring);
  hand_on_waiting();
  return !importers.empty();
}

int64_t operator_accounts::end_activations() {
  const int64_t now = env_.now_s();
  std::vector<operator_account_ptr> ended;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [key, e] : accounts_)
      if (e.changes_at_s <= now) ended.push_back(e.account);
  }
  for (const operator_account_ptr& account : ended) {
    hand_on(account, [](const std::string&) {});
    env_.on_changed(account->key());
  }
  std::lock_guard lock(mutex_);
  int64_t next = INT64_MAX;
  for (const auto& [key, e] : accounts_) next = std::min(next, e.changes_at_s);
  return next;
}

}  // namespace troupe
