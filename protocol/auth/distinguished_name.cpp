#include "protocol/auth/distinguished_name.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace troupe {

namespace {

constexpr std::string_view domain_component = "0.9.2342.19200300.100.1.25";

struct known_attribute {
  std::string_view oid;
  std::string_view name;
};

/// In the order in which Go's text has them from its end.
constexpr std::array<known_attribute, 9> known{{{"2.5.4.6", "C"},
                                                {"2.5.4.8", "ST"},
                                                {"2.5.4.7", "L"},
                                                {"2.5.4.9", "STREET"},
                                                {"2.5.4.17", "POSTALCODE"},
                                                {"2.5.4.10", "O"},
                                                {"2.5.4.11", "OU"},
                                                {"2.5.4.3", "CN"},
                                                {"2.5.4.5", "SERIALNUMBER"}}};

std::string_view known_name(std::string_view oid) {
  for (const known_attribute& one : known)
    if (one.oid == oid) return one.name;
  return {};
}

/// Of which a subject has one, the last.
bool is_single(std::string_view name) { return name == "CN" || name == "SERIALNUMBER"; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class name_parser {
public:
  explicit name_parser(std::string_view text) : text_(text) {}

  std::optional<distinguished_name> run() {
    if (text_.size() > max_name_text_bytes) return std::nullopt;
    for (at_ = 0; at_ < text_.size(); ++at_)
      if (!take(text_[at_]) || parts_ > max_name_parts) return std::nullopt;
    if (!gathered_.empty()) {
      if (!end_attribute()) return std::nullopt;
      end_step();
    }
    // What reads as no step at all would be the name of whatever has none.
    if (out_.steps.empty() || parts_ > max_name_parts) return std::nullopt;
    return std::move(out_);
  }

private:
  bool take(char c) {
    switch (c) {
      case '\\': return take_escaped();
      case '=':
        attribute_.type = gathered();
        // Values as hexadecimal BER are not supported, there or here.
        return at_ + 1 >= text_.size() || text_[at_ + 1] != '#';
      case ',':
      case '+':
        if (!end_attribute()) return false;
        if (c == ',') end_step();
        return true;
      case ' ':
        if (gathered_.empty()) return true;
        ++trailing_blanks_;
        gathered_ += c;
        return true;
      default:
        trailing_blanks_ = 0;
        gathered_ += c;
        return true;
    }
  }

  /// A special character, or two hexadecimal digits.
  bool take_escaped() {
    constexpr std::string_view special = " \"#+,;<=>\\";
    trailing_blanks_ = 0;
    if (++at_ == text_.size()) return true;  // nothing was escaped: as Go has it
    const char c = text_[at_];
    if (special.find(c) != std::string_view::npos) {
      gathered_ += c;
      return true;
    }
    if (at_ + 1 == text_.size()) return false;
    const int high = hex_digit(c), low = hex_digit(text_[++at_]);
    if (high < 0 || low < 0) return false;
    gathered_ += static_cast<char>(high * 16 + low);
    return true;
  }

  /// What was read so far, without blanks at its end.
  std::string gathered() {
    gathered_.resize(gathered_.size() - std::exchange(trailing_blanks_, 0));
    return std::exchange(gathered_, {});
  }

  bool end_attribute() {
    if (attribute_.type.empty()) return false;
    attribute_.value = gathered();
    step_.push_back(std::exchange(attribute_, {}));
    ++parts_;
    return true;
  }

  void end_step() { out_.steps.push_back(std::exchange(step_, {})); }

  std::string_view text_;
  size_t at_ = 0;
  size_t parts_ = 0;
  std::string gathered_;
  size_t trailing_blanks_ = 0;
  name_attribute attribute_;
  relative_name step_;
  distinguished_name out_;
};

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

bool all_in(const relative_name& these, const relative_name& those) {
  return std::all_of(these.begin(), these.end(), [&](const name_attribute& x) {
    return std::any_of(those.begin(), those.end(), [&](const name_attribute& y) {
      return x.value == y.value && same_word(x.type, y.type);
    });
  });
}

bool same_step(const relative_name& a, const relative_name& b) {
  return a.size() == b.size() && all_in(a, b) && all_in(b, a);
}

/// A value so that a parser reads it back.
std::string escaped(std::string_view value) {
  constexpr std::string_view special = ",+\"\\<>;";
  std::string out;
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool at_edge = (c == ' ' && (i == 0 || i + 1 == value.size())) || (c == '#' && i == 0);
    if (at_edge || special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

/// As DER, in hexadecimal: "#0c0161". Texts as Go encodes them.
std::string der_text(const subject_attribute& a) {
  constexpr unsigned char utf8 = 12, printable = 19;
  constexpr std::string_view marks = "'()+,-./ :=?";
  static constexpr char digits[] = "0123456789abcdef";
  const bool plain = std::all_of(a.value.begin(), a.value.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || marks.find(c) != std::string_view::npos;
  });
  std::string der(1, static_cast<char>(!a.is_text ? a.tag : plain ? printable : utf8));
  const size_t size = a.value.size();
  if (size < 0x80) {
    der += static_cast<char>(size);
  } else {
    std::string length;
    for (size_t left = size; left > 0; left >>= 8) length.insert(0, 1, static_cast<char>(left & 255));
    der += static_cast<char>(0x80 | length.size());
    der += length;
  }
  std::string out = "#";
  for (const char c : der + a.value) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

void append_known(const certificate_subject& subject, const known_attribute& kind,
                  std::vector<std::string>& steps) {
  std::string step;
  for (const auto& rdn : subject)
    for (const subject_attribute& a : rdn) {
      if (a.oid != kind.oid || !a.is_text) continue;
      if (is_single(kind.name)) step.clear();
      if (is_single(kind.name) && a.value.empty()) continue;
      step += (step.empty() ? "" : "+") + std::string(kind.name) + "=" + escaped(a.value);
    }
  if (!step.empty()) steps.push_back(std::move(step));
}

std::string joined_from_the_end(const std::vector<std::string>& steps) {
  std::string out;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step)
    out += (out.empty() ? "" : ",") + *step;
  return out;
}

} // namespace

std::optional<distinguished_name> parse_distinguished_name(std::string_view text) {
  return name_parser(text).run();
}

bool same_name(const distinguished_name& a, const distinguished_name& b) {
  return std::equal(a.steps.begin(), a.steps.end(), b.steps.begin(), b.steps.end(), same_step);
}

bool same_steps(const distinguished_name& a, const distinguished_name& b) {
  if (a.steps.size() != b.steps.size()) return false;
  std::vector<bool> taken(b.steps.size());
  for (const relative_name& step : a.steps) {
    size_t i = 0;
    while (i < b.steps.size() && (taken[i] || !same_step(step, b.steps[i]))) ++i;
    if (i == b.steps.size()) return false;
    taken[i] = true;
  }
  return true;
}

std::optional<distinguished_name> name_of(const certificate_subject& subject) {
  distinguished_name out;
  for (auto rdn = subject.rbegin(); rdn != subject.rend(); ++rdn) {
    if (rdn->empty()) continue;
    relative_name step;
    for (auto a = rdn->rbegin(); a != rdn->rend(); ++a) {
      const std::string_view name = a->oid == domain_component ? "DC" : known_name(a->oid);
      if (name.empty() || !a->is_text) return std::nullopt;
      step.push_back({std::string(name), a->value});
    }
    out.steps.push_back(std::move(step));
  }
  return out;
}

std::string known_subject_text(const certificate_subject& subject) {
  std::vector<std::string> steps;
  for (const known_attribute& kind : known) append_known(subject, kind, steps);
  return joined_from_the_end(steps);
}

std::string full_subject_text(const certificate_subject& subject) {
  std::vector<std::string> steps;
  for (const auto& rdn : subject)
    for (const subject_attribute& a : rdn)
      if (known_name(a.oid).empty()) steps.push_back(a.oid + "=" + der_text(a));
  for (const known_attribute& kind : known) append_known(subject, kind, steps);
  return joined_from_the_end(steps);
}

std::string domain_components_text(const certificate_subject& subject) {
  std::string out;
  for (const auto& rdn : subject)
    for (const subject_attribute& a : rdn)
      if (a.oid == domain_component && a.is_text) out += (out.empty() ? "DC=" : ",DC=") + a.value;
  return out;
}

} // namespace troupe
