#include "protocol/compress/content.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace troupe {

namespace {

constexpr size_t snappy_chunk_bytes = 64 * 1024;
constexpr std::string_view snappy_stream_start{"\xff\x06\x00\x00sNaPpY", 10};

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> crc_table = make_crc_table();

void put_le(std::string& out, uint32_t n, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(n >> (8 * i));
}

uint32_t load32(const char* p) {
  uint32_t n;
  std::memcpy(&n, p, sizeof n);
  return n;
}

// -- snappy blocks ---------------------------------------------------------------------------------

void put_literal(std::string& out, std::string_view text) {
  if (text.empty()) return;
  const auto n = static_cast<uint32_t>(text.size() - 1);
  if (n < 60) {
    out += static_cast<char>(n << 2);
  } else if (n < 256) {
    out += static_cast<char>(60 << 2);
    put_le(out, n, 1);
  } else {
    out += static_cast<char>(61 << 2);
    put_le(out, n, 2);
  }
  out.append(text);
}

void put_copy(std::string& out, uint32_t offset, size_t length) {
  // Never a rest below 4, which has no short form.
  while (length > 0) {
    size_t n = length <= 64 ? length : length < 68 ? 60 : 64;
    if (n >= 4 && n < 12 && offset < 2048) {
      out += static_cast<char>(((n - 4) << 2) | ((offset >> 8) << 5) | 1);
      out += static_cast<char>(offset);
    } else {
      out += static_cast<char>(((n - 1) << 2) | 2);
      put_le(out, offset, 2);
    }
    length -= n;
  }
}

/// One block of at most 64 KiB: greedy matches of four bytes and more, found by hash.
std::string snappy_block(std::string_view plain) {
  constexpr unsigned hash_bits = 12;
  std::string out;
  out.reserve(plain.size() / 2 + 16);
  for (size_t n = plain.size();;) {
    out += static_cast<char>(n < 128 ? n : (n & 127) | 128);
    if ((n >>= 7) == 0) break;
  }
  std::vector<uint16_t> seen(size_t{1} << hash_bits, 0);  // position, 0 also: none
  const char* text = plain.data();
  size_t at = 0, literal_from = 0;
  while (at + 4 <= plain.size()) {
    uint16_t& slot = seen[(load32(text + at) * 0x1e35a7bdu) >> (32 - hash_bits)];
    const size_t candidate = slot;
    slot = static_cast<uint16_t>(at);
    if (candidate >= at || load32(text + candidate) != load32(text + at)) {
      ++at;
      continue;
    }
    size_t length = 4;
    while (at + length < plain.size() && text[candidate + length] == text[at + length]) ++length;
    put_literal(out, plain.substr(literal_from, at - literal_from));
    put_copy(out, static_cast<uint32_t>(at - candidate), length);
    at += length;
    literal_from = at;
  }
  put_literal(out, plain.substr(literal_from));
  return out;
}

} // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (char c : bytes) crc = (crc >> 8) ^ crc_table[(crc ^ static_cast<uint8_t>(c)) & 0xff];
  return ~crc;
}

std::string snappy_content(std::string_view plain) {
  std::string out(snappy_stream_start);
  for (size_t at = 0; at < plain.size(); at += snappy_chunk_bytes) {
    const std::string_view chunk = plain.substr(at, snappy_chunk_bytes);
    const uint32_t crc = crc32c(chunk);
    const std::string block = snappy_block(chunk);
    // What does not shrink is sent as it is.
    const bool shrinks = block.size() < chunk.size();
    const std::string_view body = shrinks ? std::string_view(block) : chunk;
    out += shrinks ? '\x00' : '\x01';
    put_le(out, static_cast<uint32_t>(body.size() + 4), 3);
    put_le(out, ((crc >> 15) | (crc << 17)) + 0xa282ead8u, 4);
    out.append(body);
  }
  return out;
}

std::string gzip_content(std::string_view plain) {
  constexpr int gzip_window = 15 + 16;
  z_stream z{};
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("zlib cannot be initialised");
  std::string out(deflateBound(&z, plain.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  z.avail_in = static_cast<uInt>(plain.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const int end = deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  if (end != Z_STREAM_END) throw std::runtime_error("zlib did not finish");
  return out;
}

content_encoding accepted_encoding(std::string_view header_value) {
  std::string text(header_value);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (text.empty()) return content_encoding::none;
  if (text.find("snappy") != std::string::npos || text.find("s2") != std::string::npos)
    return content_encoding::snappy;
  if (text.find("gzip") != std::string::npos) return content_encoding::gzip;
  return content_encoding::unsupported;
}

std::string_view encoding_name(content_encoding e) {
  switch (e) {
    case content_encoding::gzip: return "gzip";
    case content_encoding::snappy: return "snappy";
    case content_encoding::unsupported: return "identity";
    case content_encoding::none: break;
  }
  return {};
}

std::string encode_content(content_encoding e, std::string_view plain) {
  if (e == content_encoding::gzip) return gzip_content(plain);
  if (e == content_encoding::snappy) return snappy_content(plain);
  return std::string(plain);
}

} // namespace troupe
