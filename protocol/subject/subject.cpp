#include "protocol/subject/subject.hpp"

#include <algorithm>

#include "protocol/utf8.hpp"

namespace troupe {
namespace {

constexpr std::string_view forbidden = " \t\n\r\f";

bool is_wildcard(std::string_view token) { return token == any_token || token == any_tail; }

struct wildcards {
  bool one = false;  // some token is *
  bool tail = false; // some token is >
  size_t tokens = 0;
};

wildcards analyse(std::string_view subject) {
  wildcards found;
  for (const std::string_view token : subject_tokens{subject}) {
    ++found.tokens;
    found.one = found.one || token == any_token;
    found.tail = found.tail || token == any_tail;
  }
  return found;
}

bool starts_as_wildcard(std::string_view token) {
  return token.front() == '*' || token.front() == '>';
}

bool tokens_can_match(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return false;
  return starts_as_wildcard(a) || starts_as_wildcard(b) || a == b;
}

} // namespace

token_buffer::token_buffer(std::string_view subject) {
  for (const std::string_view token : subject_tokens{subject}) {
    if (size_ < inline_tokens) {
      few_[size_] = token;
    } else {
      if (more_.empty()) more_.assign(few_.begin(), few_.end());
      more_.push_back(token);
    }
    ++size_;
  }
}

bool is_valid_subject(std::string_view subject) {
  if (subject.find_first_of(forbidden) != std::string_view::npos) return false;
  bool tail_seen = false;
  for (const std::string_view token : subject_tokens{subject}) {
    if (token.empty() || tail_seen) return false;
    tail_seen = token == any_tail;
  }
  return true;
}

bool is_valid_utf8_subject(std::string_view subject) {
  for (std::string_view rest = subject; !rest.empty();) {
    const decoded_rune r = decode_rune(rest);
    if (!r.valid || r.rune == replacement_rune || r.rune == 0) return false;
    rest.remove_prefix(r.bytes);
  }
  return is_valid_subject(subject);
}

bool is_valid_literal_subject(std::string_view subject) {
  for (const std::string_view token : subject_tokens{subject}) {
    if (token.empty() || is_wildcard(token)) return false;
  }
  return true;
}

bool is_valid_publish_subject(std::string_view subject) {
  return is_valid_subject(subject) && !has_wildcard(subject);
}

bool has_wildcard(std::string_view subject) {
  constexpr std::string_view wildcard_chars = "*>";
  for (size_t i = subject.find_first_of(wildcard_chars); i != std::string_view::npos;
       i = subject.find_first_of(wildcard_chars, i + 1)) {
    const bool starts = i == 0 || subject[i - 1] == token_separator;
    const bool ends = i + 1 == subject.size() || subject[i + 1] == token_separator;
    if (starts && ends) return true;
  }
  return false;
}

size_t num_tokens(std::string_view subject) {
  if (subject.empty()) return 0;
  return static_cast<size_t>(std::count(subject.begin(), subject.end(), token_separator)) + 1;
}

std::string_view token_at(std::string_view subject, size_t index) {
  if (index == 0) return {};
  for (const std::string_view token : subject_tokens{subject}) {
    if (--index == 0) return token;
  }
  return {};
}

bool subjects_collide(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const wildcards in_a = analyse(a);
  const wildcards in_b = analyse(b);
  const bool a_literal = !in_a.one && !in_a.tail;
  const bool b_literal = !in_b.one && !in_b.tail;
  if (a_literal && b_literal) return false;
  if (a_literal) return is_subset_match(a, b);
  if (b_literal) return is_subset_match(b, a);
  if (in_a.tokens < in_b.tokens && !in_a.tail) return false;
  if (in_b.tokens < in_a.tokens && !in_b.tail) return false;
  auto ta = subject_tokens{a}.begin();
  auto tb = subject_tokens{b}.begin();
  const auto end = subject_tokens{a}.end();
  for (; ta != end && tb != end; ++ta, ++tb) {
    if (!tokens_can_match(*ta, *tb)) return false;
  }
  return true;
}

bool is_subset_match(std::string_view subject, std::string_view test) {
  auto s = subject_tokens{subject}.begin();
  const auto end = subject_tokens{subject}.end();
  for (const std::string_view t : subject_tokens{test}) {
    if (s == end || t.empty()) return false;
    if (t == any_tail) return true;
    const std::string_view token = *s;
    if (token.empty() || token == any_tail) return false;
    if (token == any_token) {
      if (t != any_token) return false;
    } else if (t.front() != '*' && token != t) {
      return false;
    }
    ++s;
  }
  return s == end;
}

bool matches_filter(std::string_view literal, std::string_view filter) {
  auto l = subject_tokens{literal}.begin();
  const auto end = subject_tokens{literal}.end();
  const auto filter_tokens = subject_tokens{filter};
  for (auto f = filter_tokens.begin(); f != filter_tokens.end(); ++f, ++l) {
    if (l == end) return false;
    if (*f == any_tail && f.is_last()) return true;
    if (*f != any_token && *f != *l) return false;
  }
  return l == end;
}

} // namespace troupe
