// Answers about clients' certificates, by the certificate's fingerprint, and the file that they are
// kept in: cache.json of the NATS server.
//
// Pure: the caller reads and writes the file, tells the time and takes care of threads. Bounded in
// number and bytes; what a file says beyond that, or wrongly, is left out. Answers that the NATS
// server has compressed are left out too: they are asked for again.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "actors/ocsp/staple_core.hpp"
#include "actors/reactor/peer_verifier.hpp"
#include "protocol/result.hpp"

namespace troupe {

struct kept_answer {
  std::string subject;
  wall_seconds cached_at{};
  ocsp_answer said;
  std::string der;
};

inline constexpr size_t max_kept_answers = 16'384;
inline constexpr size_t max_answer_file_bytes = 64 * 1024 * 1024;

class answer_cache {
public:
  explicit answer_cache(const config::ocsp_cache_options& options) : options_(options) {}
  const config::ocsp_cache_options& options() const { return options_; }

  /// nullptr: a miss. Valid until the next change.
  const kept_answer* find(const std::string& fingerprint);
  void put(const std::string& fingerprint, kept_answer answer);
  /// What was found is of no use, so it was a miss. A revocation stays if the options say so.
  void reject(const std::string& fingerprint);

  observe::ocsp_cache_snapshot counts() const;
  /// Whether there is something to save that was not there at the last time this was asked.
  bool take_changed() { return std::exchange(changed_, false); }

  std::string to_json() const;
  /// Replaces what is there. `malformed`: no such file; the cache is empty then.
  result<void> from_json(std::string_view json);

private:
  void count(const kept_answer& answer, int64_t by);

  config::ocsp_cache_options options_;
  std::map<std::string, kept_answer> answers_;
  observe::ocsp_cache_snapshot counts_;
  bool changed_ = false;
};

} // namespace troupe
