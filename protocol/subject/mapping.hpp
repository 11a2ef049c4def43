// An account's mappings: where a subject that a client publishes to really goes.
//
// Each source has destinations with weights, and others for named clusters. What the weights leave
// of 100 stays with the source, unless the source is listed itself: then it is lost on purpose.
// Errors: `malformed` with the Go server's text.
//
// Pure; chance is an argument. A publish in an account with mappings costs one comparison per
// mapping until the first that matches. Thread: immutable after the last add().
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.hpp"
#include "protocol/subject/transform.hpp"

namespace troupe {

struct weighted_destination {
  std::string subject;
  int weight = 100;    // per cent
  std::string cluster; // empty: any that has none of its own
};

class mapping_set {
public:
  /// Replaces what the source was mapped to before.
  result<void> add(std::string_view source, const std::vector<weighted_destination>& destinations);

  bool empty() const { return mappings_.empty(); }
  size_t size() const { return mappings_.size(); }

  /// Nothing: the subject is not mapped. An empty text: it is mapped to nowhere. `chance` is any
  /// number that differs from call to call.
  std::optional<std::string> select(std::string_view subject, std::string_view cluster,
                                    uint64_t chance) const;

private:
  struct destination {
    subject_transform transform;
    int up_to; // chosen when the chance in 0..99 is below; ascending
  };
  using choice = std::vector<destination>;
  struct mapping {
    std::string source;
    bool literal = true;
    choice anywhere;
    std::map<std::string, choice, std::less<>> of_cluster;
  };

  static result<void> finish(const mapping& m, bool source_listed, choice& list);

  std::vector<mapping> mappings_; // the first that matches counts
};

} // namespace troupe
