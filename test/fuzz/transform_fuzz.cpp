// Transforms: any text for source and destination is taken or refused; results are bounded; a
// reversible transform leads back to the subject it came from; a mapping never selects what its
// destinations do not give; a subject whose functions of accounts are filled in has as many tokens as
// before, and nothing more to fill in.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/subject/account_functions.hpp"
#include "protocol/subject/mapping.hpp"
#include "protocol/subject/transform.hpp"

namespace {

using namespace troupe;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

std::string_view cut_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

void check_reverse(std::string_view source, std::string_view destination,
                   std::string_view subject) {
  const auto t = subject_transform::make(source, destination, subject_transform::kind::reversible);
  if (!t || !is_valid_subject(source) || !is_valid_literal_subject(subject)) return;
  // As in Go, "*a" matches any token but is no wildcard of a transform, and "$1" or "{{wildcard(1)}}" are plain text in a
  // source but not on the way back, where it is the destination: no way leads back.
  for (const std::string_view token : subject_tokens{source})
    if (token.size() > 1 && (token[0] == '*' || token[0] == '>' || token[0] == '$' || token.starts_with("{{"))) return;
  const auto back = t->reverse();
  const auto there = t->match(subject);
  if (!back || !there || !has_wildcard(t->source())) return;
  require(back->apply(*there) == subject);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  const std::string_view source = cut_line(rest);
  const std::string_view destination = cut_line(rest);
  const std::string_view subject = cut_line(rest);

  const auto t = subject_transform::make(source, destination);
  const bool valid = static_cast<bool>(validate_mapping(source, destination));
  require(!valid || t);
  if (t) {
    for (uint64_t chance = 0; chance < 3; ++chance) {
      const auto applied = t->apply(subject, chance);
      require(!applied || applied->size() <= max_transformed_bytes);
      const auto matched = t->match(subject, chance);
      require(!matched || matched == applied || t->source() == any_tail);
    }
  }
  check_reverse(source, destination, subject);
  if (const auto filled = fill_account_functions(source, {"A", "B"})) {
    require(num_tokens(*filled) == num_tokens(source));
    require(fill_account_functions(*filled, {}).value() == *filled);
  }

  mapping_set set;
  if (set.add(source, {{std::string(destination), 30, ""}, {"fixed", 20, "c"}})) {
    require(valid && set.size() == 1);
    for (uint64_t chance = 0; chance < 100; chance += 29) {
      const auto selected = set.select(subject, "", chance);
      require(!selected || is_subset_match(subject, source) || subject == source);
    }
  }
  return 0;
}
