#include "protocol/client/redact.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace troupe {

namespace {

constexpr std::string_view hidden = "[REDACTED]";
constexpr std::string_view blanks = " \t\r\n";

constexpr std::array<std::string_view, 7> secret_names = {
    "pass", "password", "auth_token", "jwt", "sig", "proxy_sig", "nkey"};

bool is_secret(std::string_view name) {
  if (name.find('\\') != name.npos) return true;
  // Go's JSON reader takes some letters beyond ASCII for plain ones (the long s, the Kelvin sign).
  if (std::any_of(name.begin(), name.end(), [](char c) { return (c & 0x80) != 0; })) return true;
  auto same = [&](std::string_view secret) {
    return std::equal(name.begin(), name.end(), secret.begin(), secret.end(), [](char a, char b) {
      return std::tolower(static_cast<unsigned char>(a)) == b;
    });
  };
  return std::any_of(secret_names.begin(), secret_names.end(), same);
}

/// One pass over the document, copying what may be shown.
class redactor {
public:
  explicit redactor(std::string_view in) : in_(in) {}

  std::string run() {
    while (at_ < in_.size()) {
      if (in_[at_] != '"') {
        if (!copy_plain()) return cut();
        continue;
      }
      auto n = string_at(at_);
      if (n == 0) return cut();
      auto name = in_.substr(at_ + 1, n - 2);
      copy(n);
      copy_blanks();
      if (at_ == in_.size() || in_[at_] != ':' || !is_secret(name)) continue;
      copy(1);
      copy_blanks();
      if (!hide_value()) return cut();
    }
    return std::move(out_);
  }

private:
  void copy(size_t n) {
    out_ += in_.substr(at_, n);
    at_ += n;
  }

  void copy_blanks() {
    while (at_ < in_.size() && blanks.find(in_[at_]) != blanks.npos)
      copy(1);
  }

  /// A mark, a number or a word of JSON. False: something else.
  bool copy_plain() {
    constexpr std::string_view marks = "{}[]:, \t\r\n";
    if (marks.find(in_[at_]) != marks.npos) {
      copy(1);
      return true;
    }
    auto token = in_.substr(at_, in_.find_first_of("{}[]:, \t\r\n\"", at_) - at_);
    bool word = token == "true" || token == "false" || token == "null";
    if (!word && token.find_first_not_of("0123456789+-.eE") != token.npos) return false;
    copy(token.size());
    return true;
  }

  /// Bytes of the string that begins here, quotes included; 0 without an end.
  size_t string_at(size_t from) const {
    for (size_t i = from + 1; i < in_.size(); ++i) {
      if (in_[i] == '\\') ++i;
      else if (in_[i] == '"') return i - from + 1;
    }
    return 0;
  }

  /// False: a value that does not end well, or is neither text nor a plain word.
  bool hide_value() {
    if (at_ == in_.size()) return true;
    if (in_[at_] == '"') {
      auto n = string_at(at_);
      if (n == 0) return false;
      if (n == 2) out_ += "\"\"";
      else out_.append("\"").append(hidden).append("\"");
      at_ += n;
    } else {
      auto word = in_.substr(at_, in_.find_first_of("{}[]:, \t\r\n\"", at_) - at_);
      if (word == "null" || word == "true" || word == "false") out_ += word;
      else if (!word.empty()) out_.append("\"").append(hidden).append("\"");
      at_ += word.size();
    }
    copy_blanks();
    return at_ == in_.size() || in_[at_] == ',' || in_[at_] == '}';
  }

  std::string cut() {
    out_ += hidden;
    return std::move(out_);
  }

  std::string_view in_;
  size_t at_ = 0;
  std::string out_;
};

} // namespace

std::string redact_connect(std::string_view json) { return redactor(json).run(); }

} // namespace troupe
