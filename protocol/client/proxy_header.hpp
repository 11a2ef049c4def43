// The header of the PROXY protocol, versions 1 (text) and 2 (binary): what a load balancer says of
// the client in front of it, before anything that the client itself sends.
//
// Pure; one reader per connection while it opens. Bytes come in any pieces and give the same end.
// It keeps at most 107 bytes; what version 2 carries beyond the addresses (TLVs) is counted and
// dropped, 64 KiB of it at most. Format: haproxy.org/download/2.9/doc/proxy-protocol.txt; what is
// refused, and in which words, is the Go server's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

class proxy_header_reader {
public:
  enum class state : uint8_t {
    more,          // bytes are missing
    done,          // `source` tells who the client is
    unrecognised,  // no such header: `taken` are the client's own first bytes
    failed,        // `failure` says why
  };
  struct address {
    std::string ip;  // as Go prints it; an IPv4-mapped one as IPv4
    uint16_t port = 0;
    bool operator==(const address&) const = default;
  };
  /// From here on it is known which version there is, if any.
  static constexpr size_t recognised_bytes = 6;
  static constexpr size_t max_text_bytes = 107;  // of version 1, with its CR LF

  /// Takes what belongs to the header from the front; returns how many bytes that is.
  size_t feed(std::string_view bytes);

  state is() const { return state_; }
  /// How many bytes to read at most, so that little or nothing behind the header is taken along.
  size_t wanted() const;
  /// In all so far.
  size_t taken_bytes() const { return taken_; }
  /// The bytes that were taken, as long as all of them are kept: before `done`.
  std::string_view taken() const { return head_; }
  /// Of `done`. None: LOCAL, UNKNOWN, or of no family; the socket's own address stands.
  const std::optional<address>& source() const { return source_; }
  const std::string& failure() const { return failure_; }

  /// What the log says if the rest does not come. `why` empty: the peer has ended its side.
  std::string interrupted(std::string_view why) const;

private:
  enum class part : uint8_t { version, text, signature, fixed, addresses, skipped };

  size_t complete_text(size_t before);
  void complete_part();
  void read_text_line(std::string_view line);
  void read_fixed();
  void read_addresses();
  void skip_or_end();
  void fail(std::string why);

  std::string head_;
  std::optional<address> source_;
  std::string failure_;
  size_t taken_ = 0;
  size_t part_end_ = recognised_bytes;  // size of `head_` at which the part is whole
  size_t skip_ = 0;                     // bytes of the header that nobody wants
  part part_ = part::version;
  state state_ = state::more;
};

} // namespace troupe
