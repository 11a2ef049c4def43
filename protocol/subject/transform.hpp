// Subject transforms: a source filter and a destination that may use what its wildcards matched.
//
// Destinations know $N and {{wildcard(n)}}, partition, random, split, splitFromLeft, splitFromRight,
// sliceFromLeft, sliceFromRight, left and right, as the Go server writes them. Used by account
// mappings, imports, and stream sources. Errors: `malformed` with the Go server's text.
//
// Pure; chance is an argument. Applying one allocates only the result. Thread: immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.hpp"
#include "protocol/subject/subject.hpp"

namespace troupe {

/// A longer result counts as none: what a destination makes of a subject is bounded.
inline constexpr size_t max_transformed_bytes = 64 * 1024;

class subject_transform {
public:
  enum class kind : uint8_t {
    one_way,    // any function; wildcards may stay unused
    reversible, // of imports: only wildcard functions, and as many as the source has wildcards
  };

  /// An empty source means ">". The destination must not be empty.
  static result<subject_transform> make(std::string_view source, std::string_view destination,
                                        kind k = kind::one_way);

  const std::string& source() const { return source_; }
  const std::string& destination() const { return destination_; }

  /// The new subject of a literal one, if the source matches it. `chance` feeds {{random(n)}}.
  std::optional<std::string> match(std::string_view subject, uint64_t chance = 0) const;

  /// The same without asking whether the source matches. Also for filters, as imports need it.
  std::optional<std::string> apply(std::string_view subject, uint64_t chance = 0) const;

  /// The transform back. Errors: `malformed` if a wildcard of the source is not in the destination.
  result<subject_transform> reverse() const;

private:
  enum class function : uint8_t {
    text,
    tail, // ">"
    wildcard,
    partition,
    random,
    split,
    split_from_left,
    split_from_right,
    slice_from_left,
    slice_from_right,
    left,
    right,
  };
  struct call {
    function what = function::text;
    std::vector<int64_t> wildcards; // counted from 1, as written
    std::vector<size_t> tokens;     // the same as places in the source
    int32_t number = 0;
    std::string text; // plain text, or split's delimiter
  };
  struct name_row;

  static result<call> parse_token(std::string_view token);
  static result<call> parse_call(std::string_view token, std::string_view name,
                                 const std::vector<std::string_view>& arguments);
  static result<call> index_and_number(call c, std::string_view token,
                                       const std::vector<std::string_view>& arguments);
  result<void> bind(call& c, std::string_view token, const std::vector<size_t>& places, kind k);
  static void run(const call& c, const token_buffer& tokens, uint64_t& chance, std::string& out);

  std::string source_;
  std::string destination_;
  std::vector<call> calls_; // one per token of the destination
  size_t source_tokens_ = 0;
};

/// What the configuration of a mapping is checked with. Errors: `malformed`, the Go server's text.
result<void> validate_mapping(std::string_view source, std::string_view destination);

/// "foo.*.*" -> "foo.$1.$2"
std::string with_placeholders(std::string_view filter);

/// "foo.$2.{{wildcard(1)}}" -> "foo.*.*"
std::string without_placeholders(std::string_view destination);

/// The hash that {{partition(n)}} takes modulo n: FNV-1a of 32 bits.
uint32_t fnv1a_32(std::string_view text, uint32_t seed = 2166136261U);

} // namespace troupe
