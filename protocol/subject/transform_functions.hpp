// What the functions of a transform's destination do to one token. Numbers that do not fit leave
// the token as it is.
//
// Pure; for transform.cpp and its tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/subject/subject.hpp"

namespace troupe::transforms {

inline bool cuts(std::string_view token, int32_t at) {
  return at > 0 && static_cast<size_t>(at) < token.size();
}

inline std::string_view left(std::string_view token, int32_t length) {
  return cuts(token, length) ? token.substr(0, static_cast<size_t>(length)) : token;
}

inline std::string_view right(std::string_view token, int32_t length) {
  return cuts(token, length) ? token.substr(token.size() - static_cast<size_t>(length)) : token;
}

inline void cut_at(std::string_view token, size_t place, std::string& out) {
  out.append(token.substr(0, place)) += token_separator;
  out += token.substr(place);
}

inline void split_from_left(std::string_view token, int32_t place, std::string& out) {
  if (cuts(token, place))
    cut_at(token, static_cast<size_t>(place), out);
  else
    out += token;
}

inline void split_from_right(std::string_view token, int32_t place, std::string& out) {
  if (cuts(token, place))
    cut_at(token, token.size() - static_cast<size_t>(place), out);
  else
    out += token;
}

/// Pieces of `size`, after a first one of `head` bytes.
inline void slice(std::string_view token, size_t head, size_t size, std::string& out) {
  out += token.substr(0, head);
  for (size_t at = head; at < token.size(); at += size) {
    if (at > 0) out += token_separator;
    out += token.substr(at, size);
  }
}

inline void slice_from_left(std::string_view token, int32_t size, std::string& out) {
  if (cuts(token, size))
    slice(token, 0, static_cast<size_t>(size), out);
  else
    out += token;
}

inline void slice_from_right(std::string_view token, int32_t size, std::string& out) {
  if (cuts(token, size))
    slice(token, token.size() % static_cast<size_t>(size), static_cast<size_t>(size), out);
  else
    out += token;
}

/// Parts between delimiters. An empty delimiter parts every character from the next.
void split(std::string_view token, std::string_view delimiter, std::string& out);

/// A number below `ceiling`, and a new `chance`.
void random(int32_t ceiling, uint64_t& chance, std::string& out);

} // namespace troupe::transforms
