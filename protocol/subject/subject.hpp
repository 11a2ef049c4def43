// Subjects: tokens between dots, `*` for one token, `>` for one or more at the end.
//
// Pure, no allocation except in token_buffer beyond its inline room. Wildcard characters inside a
// longer token are literal. Rules are those of the Go server, its few oddities named below.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

namespace troupe {

inline constexpr char token_separator = '.';
inline constexpr std::string_view any_token = "*";
inline constexpr std::string_view any_tail = ">";

/// The tokens of a subject, in order, as views. An empty subject has one empty token.
///   for (std::string_view token : subject_tokens{subject}) ...
class subject_tokens {
public:
  class iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string_view*;
    using reference = std::string_view;

    iterator() = default;
    explicit iterator(std::string_view rest) : rest_(rest), done_(false) { cut(); }
    std::string_view operator*() const { return token_; }
    iterator& operator++() {
      if (last_) {
        done_ = true;
      } else {
        rest_.remove_prefix(token_.size() + 1);
        cut();
      }
      return *this;
    }
    iterator operator++(int) {
      iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const iterator& other) const { return done_ == other.done_; }
    /// True while this is the last token.
    bool is_last() const { return last_; }

  private:
    void cut() {
      const size_t dot = rest_.find(token_separator);
      last_ = dot == std::string_view::npos;
      token_ = rest_.substr(0, dot);
    }

    std::string_view rest_;
    std::string_view token_;
    bool last_ = true;
    bool done_ = true;
  };

  explicit subject_tokens(std::string_view subject) : subject_(subject) {}
  iterator begin() const { return iterator{subject_}; }
  iterator end() const { return {}; }

private:
  std::string_view subject_;
};

/// The tokens of one subject side by side; up to 32 without allocation. Views into the subject.
class token_buffer {
public:
  explicit token_buffer(std::string_view subject);
  token_buffer(const token_buffer&) = delete;
  token_buffer& operator=(const token_buffer&) = delete;

  size_t size() const { return size_; }
  std::string_view operator[](size_t i) const { return data()[i]; }
  const std::string_view* begin() const { return data(); }
  const std::string_view* end() const { return data() + size_; }

private:
  static constexpr size_t inline_tokens = 32;

  const std::string_view* data() const { return more_.empty() ? few_.data() : more_.data(); }

  size_t size_ = 0;
  std::array<std::string_view, inline_tokens> few_;
  std::vector<std::string_view> more_;
};

/// Not empty, no empty token, no blank, tab, CR, LF or FF, and `>` only as the last token.
bool is_valid_subject(std::string_view subject);

/// The same, and neither NUL nor U+FFFD nor bytes that are no UTF-8.
bool is_valid_utf8_subject(std::string_view subject);

/// No empty token and no wildcard token; blanks are not looked for. What pedantic clients get
/// their publishes checked with.
bool is_valid_literal_subject(std::string_view subject);

/// Valid and without wildcard tokens: what a configured destination has to be.
bool is_valid_publish_subject(std::string_view subject);

/// True if a token is `*` or `>`.
bool has_wildcard(std::string_view subject);

/// Tokens in the subject; 0 for an empty one.
size_t num_tokens(std::string_view subject);

/// The token at `index`, counted from 1; empty if there is none.
std::string_view token_at(std::string_view subject, size_t index);

/// True if one literal subject could match both. As in Go, tokens that merely begin with a
/// wildcard character count as wildcards when both subjects have some wildcard.
bool subjects_collide(std::string_view a, std::string_view b);

/// True if everything that matches `subject` also matches `test`; both may have wildcards. As in
/// Go, a token of `test` that merely begins with `*` matches any token.
bool is_subset_match(std::string_view subject, std::string_view test);

/// True if the literal subject matches the filter. Wildcard characters in `literal` mean nothing.
bool matches_filter(std::string_view literal, std::string_view filter);

} // namespace troupe
