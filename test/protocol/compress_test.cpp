// Compressed payloads: against a reader of the formats written here from their descriptions.
#include <zlib.h>

#include <random>
#include <string>

#include "protocol/compress/content.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

uint32_t le(std::string_view s, size_t at, size_t bytes) {
  uint32_t n = 0;
  for (size_t i = 0; i < bytes; ++i) n |= uint32_t{static_cast<uint8_t>(s.at(at + i))} << (8 * i);
  return n;
}

std::string read_block(std::string_view in) {
  size_t at = 0, size = 0;
  for (int shift = 0;; shift += 7) {
    const auto b = static_cast<uint8_t>(in.at(at++));
    size |= size_t{b & 127u} << shift;
    if (b < 128) break;
  }
  std::string out;
  while (at < in.size()) {
    const auto tag = static_cast<uint8_t>(in[at++]);
    size_t length = 0, offset = 0;
    if ((tag & 3) == 0) {
      length = tag >> 2;
      if (length >= 60) {
        const size_t more = length - 59;
        length = le(in, at, more);
        at += more;
      }
      ++length;
      out.append(in.substr(at, length));
      at += length;
      continue;
    }
    if ((tag & 3) == 1) {
      length = ((tag >> 2) & 7u) + 4;
      offset = (static_cast<size_t>(tag >> 5) << 8) | static_cast<uint8_t>(in.at(at++));
    } else {
      REQUIRE((tag & 3) == 2);
      length = (tag >> 2) + 1u;
      offset = le(in, at, 2);
      at += 2;
    }
    REQUIRE(offset > 0);
    REQUIRE(offset <= out.size());
    for (; length > 0; --length) out += out[out.size() - offset];
  }
  REQUIRE(out.size() == size);
  return out;
}

std::string read_stream(std::string_view in) {
  REQUIRE(in.substr(0, 10) == std::string_view("\xff\x06\x00\x00sNaPpY", 10));
  std::string out;
  for (size_t at = 10; at < in.size();) {
    const char kind = in[at];
    const size_t length = le(in, at + 1, 3);
    const uint32_t crc = le(in, at + 4, 4);
    std::string_view body = in.substr(at + 8, length - 4);
    std::string plain = kind == 0 ? read_block(body) : std::string(body);
    REQUIRE(plain.size() <= 65536);
    const uint32_t is = crc32c(plain);
    REQUIRE(crc == ((is >> 15) | (is << 17)) + 0xa282ead8u);
    out += plain;
    at += 4 + length;
  }
  return out;
}

std::string gunzip(const std::string& in, size_t size) {
  std::string out(size + 1, '\0');
  z_stream z{};
  REQUIRE(inflateInit2(&z, 15 + 16) == Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  z.avail_in = static_cast<uInt>(in.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  REQUIRE(inflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  inflateEnd(&z);
  return out;
}

} // namespace

TEST_CASE("compress: what is packed comes out as it went in", "[compress]") {
  std::mt19937 random(7);
  std::vector<std::string> texts{"", "a", "abcd", std::string(70000, 'x'), std::string(65536, '\0')};
  std::string json, noise;
  for (int i = 0; i < 5000; ++i)
    json += R"({"cid":)" + std::to_string(i) + R"(,"kind":"Client","ip":"127.0.0.1","port":)"
            + std::to_string(random() % 60000) + "},";
  for (int i = 0; i < 200000; ++i) noise += static_cast<char>(random());
  texts.push_back(json);
  texts.push_back(noise);
  for (int i = 0; i < 300; ++i) {
    std::string mixed;
    while (mixed.size() < random() % 3000)
      mixed += random() % 2 ? std::string(random() % 90, static_cast<char>('a' + random() % 3))
                            : json.substr(random() % 1000, random() % 200);
    texts.push_back(mixed);
  }
  for (const std::string& text : texts) {
    CHECK(read_stream(snappy_content(text)) == text);
    CHECK(gunzip(gzip_content(text), text.size()) == text);
  }
  CHECK(snappy_content(json).size() < json.size() / 2);
  CHECK(snappy_content(noise).size() < noise.size() + 100);
}

TEST_CASE("compress: what is asked for, as the server reads it", "[compress]") {
  CHECK(accepted_encoding("") == content_encoding::none);
  CHECK(accepted_encoding("S2") == content_encoding::snappy);
  CHECK(accepted_encoding("gzip, Snappy") == content_encoding::snappy);
  CHECK(accepted_encoding("deflate, gzip") == content_encoding::gzip);
  CHECK(accepted_encoding("br") == content_encoding::unsupported);
  CHECK(encoding_name(content_encoding::unsupported) == "identity");
  CHECK(crc32c("123456789") == 0xe3069283u);
}
