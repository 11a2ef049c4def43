#include "protocol/subject/transform.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "protocol/subject/transform_functions.hpp"

namespace troupe {

namespace {

constexpr std::string_view blanks = " \t\n\f\r";

std::string_view trim(std::string_view s, std::string_view what) {
  const size_t first = s.find_first_not_of(what);
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(what) - first + 1);
}

error bad_destination(std::string_view why, std::string_view token) {
  std::string text = "invalid mapping destination: " + std::string(why);
  if (!token.empty()) text += " in " + std::string(token);
  return {errc::malformed, std::move(text)};
}

error bad_argument(std::string_view token) {
  return bad_destination("function argument is invalid or in the wrong format", token);
}
error too_few(std::string_view token) {
  return bad_destination("not enough arguments passed to the function", token);
}
error too_many(std::string_view token) {
  return bad_destination("too many arguments passed to the function", token);
}
error bad_subject() { return {errc::malformed, "invalid subject"}; }

std::optional<int64_t> integer(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  int64_t n = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (failed != std::errc() || end != text.data() + text.size()) return {};
  return n;
}

/// N of "$N". Others use such tokens for themselves: not a number is not an error but plain text.
std::optional<int64_t> placeholder(std::string_view token) {
  if (token.size() < 2 || token[0] != '$') return {};
  return integer(token.substr(1));
}

std::optional<int64_t> argument(std::string_view text) { return integer(trim(text, " ")); }

/// A number that has to fit 32 bits upwards; below it wraps, as in the Go server.
std::optional<int32_t> bucket_count(std::string_view text) {
  const auto n = argument(text);
  if (!n || *n > std::numeric_limits<int32_t>::max()) return {};
  return static_cast<int32_t>(*n);
}

bool is_call(std::string_view token) {
  return token.size() > 4 && token.starts_with("{{") && token.ends_with("}}");
}

/// "name(arguments)" without the braces, taken apart at commas; no value if it is no call.
struct taken_apart {
  std::string_view name;
  std::vector<std::string_view> arguments;
};
std::optional<taken_apart> take_apart(std::string_view token) {
  const std::string_view inner = trim(token.substr(2, token.size() - 4), blanks);
  const size_t open = inner.find('(');
  if (open == std::string_view::npos || inner.back() != ')') return {};
  taken_apart parts{trim(inner.substr(0, open), blanks), {}};
  std::string_view rest = inner.substr(open + 1, inner.size() - open - 2);
  for (size_t comma = rest.find(','); comma != std::string_view::npos; comma = rest.find(',')) {
    parts.arguments.push_back(rest.substr(0, comma));
    rest.remove_prefix(comma + 1);
    rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
  }
  parts.arguments.push_back(rest);
  return parts;
}

struct subject_shape {
  bool valid = false;
  size_t wildcards = 0;
  bool tail = false;
  size_t tokens = 0;
};

/// Blanks are not looked for: they may stand inside a call.
subject_shape shape_of(std::string_view subject) {
  subject_shape s;
  for (const std::string_view token : subject_tokens{subject}) {
    if (token.empty() || s.tail) return {};
    s.tail = token == any_tail;
    s.wildcards += token == any_token ? 1 : 0;
    ++s.tokens;
  }
  s.valid = true;
  return s;
}

} // namespace

// -- reading a destination ---------------------------------------------------------------------------

struct subject_transform::name_row {
  std::string_view name; // a capital here may be small where used, and the other way round
  function what;

  bool is(std::string_view used) const {
    return used.size() == name.size()
           && std::equal(name.begin(), name.end(), used.begin(), [](char mine, char theirs) {
                const bool starts_word = mine >= 'A' && mine <= 'Z';
                return mine == theirs || (starts_word && mine + ('a' - 'A') == theirs);
              });
  }
};

result<subject_transform::call>
subject_transform::index_and_number(call c, std::string_view token,
                                    const std::vector<std::string_view>& arguments) {
  if (arguments.size() < 2) return too_few(token);
  if (arguments.size() > 2) return too_many(token);
  const auto index = argument(arguments[0]);
  if (!index) return bad_argument(token);
  c.wildcards = {*index};
  if (c.what == function::split) {
    if (arguments[1].find(' ') != std::string_view::npos) return bad_argument(token);
    c.text = arguments[1];
    return c;
  }
  const auto number = argument(arguments[1]);
  if (!number || *number > std::numeric_limits<int32_t>::max()
      || *number < std::numeric_limits<int32_t>::min())
    return bad_argument(token);
  c.number = static_cast<int32_t>(*number);
  return c;
}

result<subject_transform::call>
subject_transform::parse_call(std::string_view token, std::string_view name,
                              const std::vector<std::string_view>& arguments) {
  static constexpr std::array rows{
      name_row{"Wildcard", function::wildcard},
      name_row{"Partition", function::partition},
      name_row{"SplitFromLeft", function::split_from_left},
      name_row{"SplitFromRight", function::split_from_right},
      name_row{"SliceFromLeft", function::slice_from_left},
      name_row{"SliceFromRight", function::slice_from_right},
      name_row{"Right", function::right},
      name_row{"Left", function::left},
      name_row{"Split", function::split},
      name_row{"Random", function::random},
  };
  const auto* row =
      std::find_if(rows.begin(), rows.end(), [&](const name_row& r) { return r.is(name); });
  if (row == rows.end()) return bad_destination("unknown function", token);
  call c;
  c.what = row->what;
  switch (c.what) {
  case function::wildcard: {
    if (arguments.size() > 1) return too_many(token);
    if (arguments[0].empty()) return too_few(token);
    const auto index = argument(arguments[0]);
    if (!index) return bad_argument(token);
    c.wildcards = {*index};
    return c;
  }
  case function::random:
    if (arguments.size() != 1) return too_few(token);
    [[fallthrough]];
  case function::partition: {
    const auto buckets = bucket_count(arguments[0]);
    if (!buckets) return bad_argument(token);
    c.number = *buckets;
    for (size_t i = 1; i < arguments.size(); ++i) {
      const auto index = argument(arguments[i]);
      if (!index) return bad_argument(token);
      c.wildcards.push_back(*index);
    }
    return c;
  }
  default:
    return index_and_number(std::move(c), token, arguments);
  }
}

result<subject_transform::call> subject_transform::parse_token(std::string_view token) {
  call plain;
  plain.text = token;
  if (token == any_tail) plain.what = function::tail;
  if (const auto index = placeholder(token)) {
    plain.what = function::wildcard;
    plain.wildcards = {*index};
    return plain;
  }
  if (!is_call(token)) return plain;
  const auto parts = take_apart(token);
  if (!parts) return bad_destination("unknown function", token);
  return parse_call(token, parts->name, parts->arguments);
}

result<void> subject_transform::bind(call& c, std::string_view token,
                                     const std::vector<size_t>& places, kind k) {
  if (c.what == function::text || c.what == function::tail) return {};
  if (!has_wildcard(source_)) {
    if (c.what != function::random && c.what != function::partition)
      return bad_destination("wildcard index out of range", token);
    c.wildcards.clear();
    return {};
  }
  if (k == kind::reversible && c.what != function::wildcard)
    return bad_destination("the only mapping function allowed for import transforms is {{Wildcard()}}",
                           token);
  for (const int64_t index : c.wildcards) {
    if (index > static_cast<int64_t>(places.size()))
      return bad_destination("wildcard index out of range",
                             std::string(token) + ": [" + std::to_string(index) + "]");
    // The Go server takes index 0 and below for the first token.
    c.tokens.push_back(index < 1 ? 0 : places[static_cast<size_t>(index - 1)]);
  }
  return {};
}

result<subject_transform> subject_transform::make(std::string_view source,
                                                  std::string_view destination, kind k) {
  subject_transform t;
  t.source_ = source.empty() ? any_tail : source;
  t.destination_ = destination;
  const subject_shape from = shape_of(t.source_);
  const subject_shape to = shape_of(destination);
  if (!from.valid || !to.valid || to.wildcards > 0 || from.tail != to.tail) return bad_subject();
  t.source_tokens_ = from.tokens;
  std::vector<size_t> places;
  size_t at = 0;
  for (const std::string_view token : subject_tokens{t.source_}) {
    if (token == any_token) places.push_back(at);
    ++at;
  }
  size_t used = 0;
  for (const std::string_view token : subject_tokens{destination}) {
    auto c = parse_token(token);
    if (!c) return c.error();
    if (auto bound = t.bind(*c, token, places, k); !bound) return bound.error();
    used += c->tokens.size();
    t.calls_.push_back(std::move(*c));
  }
  if (k == kind::reversible && used < places.size())
    return bad_destination("not using all of the token wildcard(s)", destination);
  return t;
}

// -- applying it -------------------------------------------------------------------------------------

void subject_transform::run(const call& c, const token_buffer& tokens, uint64_t& chance,
                            std::string& out) {
  const auto token = [&](size_t i) {
    return i < tokens.size() ? tokens[i] : std::string_view{};
  };
  const std::string_view first = c.tokens.empty() ? std::string_view{} : token(c.tokens[0]);
  switch (c.what) {
  case function::text:
  case function::tail: out += c.text; break;
  case function::wildcard: out += first; break;
  case function::random: transforms::random(c.number, chance, out); break;
  case function::split: transforms::split(first, c.text, out); break;
  case function::split_from_left: transforms::split_from_left(first, c.number, out); break;
  case function::split_from_right: transforms::split_from_right(first, c.number, out); break;
  case function::slice_from_left: transforms::slice_from_left(first, c.number, out); break;
  case function::slice_from_right: transforms::slice_from_right(first, c.number, out); break;
  case function::left: out += transforms::left(first, c.number); break;
  case function::right: out += transforms::right(first, c.number); break;
  case function::partition: {
    uint32_t hash = fnv1a_32({});
    if (c.tokens.empty()) {
      for (size_t i = 0; i < tokens.size(); ++i)
        hash = fnv1a_32(tokens[i], i == 0 ? hash : fnv1a_32(".", hash));
    }
    for (const size_t place : c.tokens)
      hash = fnv1a_32(token(place), hash);
    const auto buckets = static_cast<uint32_t>(c.number);
    out += std::to_string(buckets == 0 ? 0 : hash % buckets);
    break;
  }
  }
}

std::optional<std::string> subject_transform::apply(std::string_view subject,
                                                    uint64_t chance) const {
  const token_buffer tokens{subject};
  std::string out;
  for (size_t i = 0; i < calls_.size(); ++i) {
    if (i > 0) out += token_separator;
    if (calls_[i].what == function::tail) {
      for (size_t t = source_tokens_ - 1; t < tokens.size(); ++t) {
        out += tokens[t];
        if (t + 1 < tokens.size()) out += token_separator;
      }
    } else {
      run(calls_[i], tokens, chance, out);
    }
    if (out.size() > max_transformed_bytes) return {};
  }
  return out;
}

std::optional<std::string> subject_transform::match(std::string_view subject,
                                                    uint64_t chance) const {
  if (source_ == any_tail && destination_ == any_tail) return std::string(subject);
  if (!is_valid_literal_subject(subject)) return {};
  if (source_ != any_tail && !is_subset_match(subject, source_)) return {};
  return apply(subject, chance);
}

result<subject_transform> subject_transform::reverse() const {
  // The source's k-th wildcard comes back from where the destination puts it.
  std::vector<size_t> in_destination; // place among the destination's wildcards -> source token
  for (const call& c : calls_) {
    if (c.what == function::wildcard) in_destination.push_back(c.tokens.front());
  }
  std::string back;
  size_t at = 0;
  for (const std::string_view token : subject_tokens{source_}) {
    if (at > 0) back += token_separator;
    if (token == any_token) {
      const auto it = std::find(in_destination.begin(), in_destination.end(), at);
      if (it == in_destination.end())
        return bad_destination("not using all of the token wildcard(s)", destination_);
      back += "$" + std::to_string(it - in_destination.begin() + 1);
    } else {
      back += token;
    }
    ++at;
  }
  return make(without_placeholders(destination_), back);
}

// -- helpers -----------------------------------------------------------------------------------------

result<void> validate_mapping(std::string_view source, std::string_view destination) {
  bool tail = false;
  for (const std::string_view token : subject_tokens{destination}) {
    if (token.empty() || tail) return bad_destination("invalid transform", token);
    if (is_call(token)) continue;
    tail = token == any_tail;
    if (token.find_first_of(blanks) != std::string_view::npos)
      return bad_destination("invalid transform", {});
  }
  const auto made = subject_transform::make(source, destination);
  if (!made) return made.error();
  return {};
}

std::string with_placeholders(std::string_view filter) {
  std::string out;
  size_t wildcard = 0;
  for (const std::string_view token : subject_tokens{filter}) {
    if (!out.empty()) out += token_separator;
    if (token == any_token)
      out += "$" + std::to_string(++wildcard);
    else
      out += token;
  }
  return out;
}

std::string without_placeholders(std::string_view destination) {
  std::string out;
  for (const std::string_view token : subject_tokens{destination}) {
    if (!out.empty()) out += token_separator;
    const auto parts = is_call(token) ? take_apart(token) : std::nullopt;
    const bool named = parts && (parts->name == "wildcard" || parts->name == "Wildcard");
    out += placeholder(token) || named ? any_token : token;
  }
  return out;
}

uint32_t fnv1a_32(std::string_view text, uint32_t seed) {
  constexpr uint32_t prime = 16777619;
  for (const char c : text)
    seed = (seed ^ static_cast<uint8_t>(c)) * prime;
  return seed;
}

} // namespace troupe
