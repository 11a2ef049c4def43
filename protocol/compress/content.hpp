// Compression of whole payloads as the system account's replies use it: gzip, and snappy in its
// framing format, which is what s2 readers take too.
//
// Pure. Sizes are bytes. Source of the formats: google/snappy's format_description.txt and
// framing_format.txt.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe {

enum class content_encoding : uint8_t { none, gzip, snappy, unsupported };

/// What the value of an Accept-Encoding header asks for; snappy (or s2) goes before gzip.
content_encoding accepted_encoding(std::string_view header_value);

/// The Content-Encoding of a reply, empty for none. What is asked for and not known is "identity".
std::string_view encoding_name(content_encoding e);

/// `plain` in that encoding; as it is where the encoding is none or not supported.
std::string encode_content(content_encoding e, std::string_view plain);

std::string gzip_content(std::string_view plain);
std::string snappy_content(std::string_view plain);

/// CRC-32C (Castagnoli) of the bytes.
uint32_t crc32c(std::string_view bytes);

} // namespace troupe
