// Subjects: the relations between subjects agree with matching every literal of a small alphabet,
// and the token functions agree with each other on any bytes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/subject/subject.hpp"

namespace {

using namespace troupe;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

constexpr size_t max_filter_tokens = 4;

/// Every literal of 1 to max_filter_tokens + 1 tokens over {a, b, c}.
std::vector<std::string> make_literals() {
  std::vector<std::string> all{"a", "b", "c"};
  size_t first = 0;
  for (size_t tokens = 2; tokens <= max_filter_tokens + 1; ++tokens) {
    const size_t last = all.size();
    for (; first != last; ++first) {
      for (const char* token : {".a", ".b", ".c"})
        all.push_back(all[first] + token);
    }
  }
  return all;
}

/// A filter of whole tokens out of {a, b, *, >}, valid by construction.
std::string make_filter(const uint8_t*& p, const uint8_t* end) {
  std::string filter;
  const size_t tokens = p == end ? 1 : 1 + *p++ % max_filter_tokens;
  for (size_t i = 0; i < tokens; ++i) {
    const unsigned pick = p == end ? 0 : *p++ % 4;
    if (i > 0) filter += '.';
    filter += "ab*>"[pick];
    if (pick == 3) break;
  }
  return filter;
}

void check_relations(const std::string& a, const std::string& b) {
  static const std::vector<std::string> literals = make_literals();
  bool collide = false;
  bool subset = true;
  for (const std::string& literal : literals) {
    const bool in_a = matches_filter(literal, a);
    const bool in_b = matches_filter(literal, b);
    collide = collide || (in_a && in_b);
    subset = subset && (!in_a || in_b);
    require(in_a == is_subset_match(literal, a));
  }
  require(is_valid_subject(a) && is_valid_subject(b));
  require(subjects_collide(a, b) == collide && subjects_collide(b, a) == collide);
  require(is_subset_match(a, b) == subset);
}

void check_tokens(std::string_view subject) {
  const token_buffer tokens{subject};
  size_t i = 0;
  bool wildcard = false;
  std::string joined;
  for (const std::string_view token : subject_tokens{subject}) {
    require(i < tokens.size() && tokens[i] == token);
    require(token_at(subject, i + 1) == token);
    wildcard = wildcard || token == any_token || token == any_tail;
    if (i++ > 0) joined += '.';
    joined += token;
  }
  require(i == tokens.size() && joined == subject);
  require(num_tokens(subject) == (subject.empty() ? 0 : i));
  require(token_at(subject, i + 1).empty() && token_at(subject, 0).empty());
  require(has_wildcard(subject) == wildcard);
  const bool valid = is_valid_subject(subject);
  require(is_valid_publish_subject(subject) == (valid && !wildcard));
  if (is_valid_utf8_subject(subject)) require(valid);
  if (is_valid_publish_subject(subject)) {
    require(is_valid_literal_subject(subject) && matches_filter(subject, subject));
    require(matches_filter(subject, ">") && is_subset_match(subject, subject));
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const size_t half = size / 2;
  check_tokens(text);
  require(subjects_collide(text.substr(0, half), text.substr(half))
          == subjects_collide(text.substr(half), text.substr(0, half)));

  const uint8_t* p = data;
  const std::string a = make_filter(p, data + size);
  check_relations(a, make_filter(p, data + size));
  return 0;
}
