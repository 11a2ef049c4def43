// Who publishes what to whom in a throughput scenario, and the bytes that are known in advance.
//
// All messages of a scenario have one length on each wire: subjects, subscription ids and payloads
// have fixed widths. So a publisher sends pre-built blocks, a subscriber counts by strides, and
// both sides know exactly how many deliveries a block must cause.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/options.hpp"

namespace troupe::bench {

/// Writes the payload of message `index` of a pool: 8 hex digits of the index, 8 bytes for the
/// round (blank but in the first message of a block), then letters that depend on the index.
void fill_payload(char* out, size_t size, uint32_t index);

/// Writes `value` as 8 hex digits.
void put_hex8(char* out, uint32_t value);

/// Reads 8 hex digits; false when they are none.
bool get_hex8(const char* in, uint32_t& value);

inline constexpr std::string_view blank_round = "--------";
inline constexpr size_t min_payload_bytes = 16;

/// Some 128 KiB of PUB operations, sent as one piece.
struct publish_block {
  std::string bytes;
  uint64_t messages = 0;
  /// Deliveries, over all subscribers, that the block must cause.
  uint64_t deliveries = 0;
  /// Where the round number of the first message is written before each sending.
  size_t round_at = 0;
  /// The mask over the round number; none without WebSocket.
  std::array<unsigned char, 8> round_mask{};

  void set_round(uint32_t round);
  /// Makes masked WebSocket frames of `bytes`.
  void frame();
};

/// The messages that one publisher sends over and over.
struct message_pool {
  std::vector<publish_block> blocks;
  uint32_t message_count = 0;
  /// Subject by message index; a single entry stands for all.
  std::vector<std::string> subjects;

  const std::string& subject(uint32_t index) const {
    return subjects.size() == 1 ? subjects[0] : subjects[index];
  }
};

struct subscriber_plan {
  /// SUB lines.
  std::string subscribe;
  size_t sid_width = 1;
  /// The pool its messages come from.
  size_t pool = 0;
  /// It gets each message of its pool once and in order, so its count tells which comes next.
  bool in_order = true;
};

struct topology {
  std::vector<message_pool> pools; // one per publisher
  std::vector<subscriber_plan> subscribers;
  /// Length of a delivered message: MSG line and payload.
  size_t delivery_bytes = 0;
  size_t delivery_header_bytes = 0;
  uint64_t window_bytes = 0;
};

/// The topology of a scenario by name: pub, 1to1, 4to4, fan16, fan1000, queue8, wild. Throws for
/// another name.
topology make_topology(const options& opt);

/// One pool of single-subject messages; `fan` deliveries each; blocks of at most `block_bytes`.
message_pool make_pool(const std::string& subject, size_t size, uint64_t fan, size_t block_bytes);

/// The 10,000 wildcard subscriptions (topology of "wild"), in wild.cpp.
topology make_wild_topology(const options& opt);

/// Fills the lengths of `t` for a subject and a subscription id of these widths.
void set_delivery_length(topology& t, size_t subject_width, size_t sid_width, size_t size);

/// Appends one PUB operation with the payload of `index`.
void append_publish(std::string& out, std::string_view subject, size_t size, uint32_t index);

} // namespace troupe::bench
