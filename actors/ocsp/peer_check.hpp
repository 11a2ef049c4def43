// Asks responders about clients' certificates and keeps what they say: the verifier of a node whose
// tls blocks have ocsp_peer.
//
// Steps of handshakes run on threads of its own (wait_pool.hpp), each of which waits for one responder at
// a time; whose step finds no place is left to the patience of its handshake. `stop` before what the
// steps need is gone.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "actors/fetch/wait_pool.hpp"
#include "actors/ocsp/answer_cache.hpp"
#include "actors/ocsp/peer_core.hpp"
#include "actors/reactor/peer_verifier.hpp"

namespace troupe {

class peer_check final : public peer_verifier {
public:
  peer_check() = default;
  ~peer_check() override;

  peer_verdict verify(const std::vector<X509*>& chain,
                      const config::ocsp_peer_options& options) override;
  void run(std::function<void()> step) override;
  std::optional<observe::ocsp_cache_snapshot> cache_counts() override;

  /// For the policy in force: reads what was kept when it is first told; later saves, and begins anew
  /// where the options differ. Not from two threads at once.
  void obey(const config::ocsp_cache_options& options);
  /// Saves; steps that wait never run. Returns within a fraction of a second.
  void stop();

private:
  struct link {
    X509* cert = nullptr;
    X509* issuer = nullptr;
    std::vector<std::string> responders;
    std::string subject, fingerprint;
  };

  void keep_saving();
  link_ruling judge_link(const link& l, const config::ocsp_peer_options& options);
  /// A kept answer that counts; else `was_revoked` tells whether one that does not says so.
  std::optional<ocsp_answer> kept(const link& l, const config::ocsp_peer_options& options,
                                  bool& was_revoked);
  result<std::string> fetch(const link& l, const config::ocsp_peer_options& options);
  static void load(answer_cache& into);
  void save();

  wait_pool steps_;
  std::mutex mutex_;  // of what follows
  std::condition_variable save_due_;
  std::optional<answer_cache> cache_;  // none before it was told to obey
  std::thread saver_;
  std::atomic<bool> stopping_{false};
};

} // namespace troupe
