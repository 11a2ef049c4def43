// A set of filters that rarely changes and is often asked: permissions, lists of a configuration.
//
// A filter may carry the name of a queue group, itself a pattern. Pure, one trie in flat memory; a
// question costs one look-up per token and wildcard branch and allocates nothing for subjects of up
// to 32 tokens. Not for subscriptions: those are routing's subject_index.
//
// Thread: immutable after the last add(), then any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/subject/subject.hpp"

namespace troupe {

class filter_set {
public:
  /// How the asked subject is to be read.
  enum class reading : uint8_t {
    literal, // a published subject: wildcard tokens in it are plain text
    filter,  // a subscription: found are filters that cover all of it
  };

  /// What the filters that match have in common.
  struct found {
    bool plain = false;   // one without a queue group matched
    bool queued = false;  // one with a queue group matched the subject ...
    bool in_queue = false; // ... and its queue pattern the queue that was asked for
  };

  filter_set();

  /// False, and nothing added, if the filter or the queue pattern is no valid subject.
  bool add(std::string_view filter, std::string_view queue = {});
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  bool has_queues() const { return has_queues_; }

  /// Subjects with an empty token match nothing.
  found match(std::string_view subject, reading as, std::string_view queue = {}) const;
  bool contains(std::string_view literal) const { return match(literal, reading::literal).plain; }

private:
  struct node {
    std::map<std::string, uint32_t, std::less<>> children;
    uint32_t any_token = 0; // 0: none, the root is nobody's child
    uint32_t any_tail = 0;
    bool plain = false;
    std::vector<std::string> queues;
  };
  struct question;

  uint32_t child(uint32_t parent, std::string_view token);
  void collect(const node& n, question& q) const;
  void walk(uint32_t id, size_t at, question& q) const;

  std::vector<node> nodes_;
  size_t size_ = 0;
  bool has_queues_ = false;
};

/// True if `queue` is the name or matches the pattern.
bool queue_matches(std::string_view queue, std::string_view pattern);

} // namespace troupe
