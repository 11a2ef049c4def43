// The places that account JWTs come from: the configuration, a directory, a web server
// (url_source.hpp).
//
// Every call may block and belongs on a thread that may wait. Names of files are built from
// well-formed public keys only (attack case 29). Thread: any.
#pragma once

#include <array>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/auth/operator_accounts.hpp"
#include "config/security_options.hpp"

namespace troupe {

/// Accounts that the configuration lists.
class memory_source final : public account_source {
public:
  explicit memory_source(std::map<std::string, std::string> preload)
      : preload_(std::move(preload)) {}
  result<std::string> fetch(const std::string& key) override;

private:
  const std::map<std::string, std::string> preload_;
};

/// A file per account, "<key>.jwt", as the NATS server's resolvers of type full and cache keep them.
/// Files of deleted accounts may stay as "<key>.jwt.deleted". Writing is atomic.
class directory_source final : public account_source {
public:
  using hash = std::array<uint8_t, 32>;

  /// Makes the directory if it is not there. Errors: `io_failed`.
  static result<std::shared_ptr<directory_source>> open(const config::resolver_options& options);

  result<std::string> fetch(const std::string& key) override;
  /// Keeps a verified JWT unless the file is as new. True if it wrote. Errors: `limit_exceeded` when
  /// a full directory has no room, `io_failed`.
  result<bool> save(const std::string& key, const std::string& jwt);
  /// Deleting what is not there is fine. Errors: `unauthorized` if deleting is off, `io_failed`.
  result<void> remove(const std::string& key);
  bool may_delete() const { return options_.allow_delete || is_cache(); }

  std::vector<std::string> keys() const;
  /// Differs when the contents differ, whatever their order: the XOR of all files' SHA-256.
  hash contents_hash();

private:
  struct entry {
    std::list<std::string>::iterator place; // in used_
    int64_t expires_s = 0;                  // steady; 0: never
    std::optional<hash> contents;           // as far as known
  };

  explicit directory_source(config::resolver_options options) : options_(std::move(options)) {}
  bool is_cache() const { return options_.kind == config::resolver_kind::cache; }
  size_t limit() const;
  std::string path_of(const std::string& key) const;
  result<void> scan();
  void touch(const std::string& key);
  void forget(const std::string& key);

  const config::resolver_options options_;
  mutable std::mutex mutex_;
  std::map<std::string, entry> entries_;
  std::list<std::string> used_; // least lately first
};

/// What the options ask for, preloaded accounts in it. Errors: what keeps a node from starting.
result<std::shared_ptr<account_source>> make_account_source(
  const config::resolver_options& options);

} // namespace troupe
