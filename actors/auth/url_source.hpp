// Account JWTs from a web server: <url>/<account key>.
//
// Each fetch may take `url_fetch_time`; whoever asks waits. Thread: any.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "actors/auth/operator_accounts.hpp"
#include "actors/fetch/fetch_tls.hpp"

namespace troupe {

/// As long as the NATS server waits for a resolver (DEFAULT_ACCOUNT_FETCH_TIMEOUT).
inline constexpr std::chrono::milliseconds url_fetch_time{1900};

class url_source final : public account_source {
public:
  /// `tls`: nullptr for the system's authorities.
  url_source(std::string url, std::shared_ptr<const fetch_tls> tls);
  result<std::string> fetch(const std::string& key) override;
  bool may_wait() const override { return true; }
  void stop() override { stopping_ = true; }
  /// Whether anybody is there: what stands at the URL itself is asked for. Errors keep a node from starting.
  result<void> knock();

private:
  result<std::string> get(const std::string& key);

  const std::string url_;  // ends with a slash
  const std::shared_ptr<const fetch_tls> tls_;
  std::atomic<bool> stopping_{false};
};

} // namespace troupe
