#include "bench/load/topology.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "bench/load/ws_frames.hpp"

namespace troupe::bench {

namespace {

constexpr size_t full_block_bytes = 128 * 1024;
constexpr uint64_t mib = 1024 * 1024;

std::string subject_of(unsigned index) {
  char name[32];
  std::snprintf(name, sizeof name, "bench.%03u", index % 1000);
  return name;
}

// `pairs` publishers with a subject each and `fan` subscribers on each subject. With `queue` the
// subscribers of a subject share its messages.
topology grid(const options& opt, unsigned pairs, unsigned fan, std::string_view queue) {
  topology t;
  set_delivery_length(t, subject_of(0).size(), 1, opt.size);
  t.window_bytes = opt.window ? opt.window : (fan > 100 ? 64 : 32) * mib;
  const uint64_t copies = queue.empty() ? fan : 1;
  // A block and its copies must fit several times into the window.
  size_t block = full_block_bytes;
  if (copies > 0) block = std::min<uint64_t>(block, t.window_bytes / 8 / copies);
  for (unsigned p = 0; p < pairs; ++p) {
    t.pools.push_back(make_pool(subject_of(p), opt.size, copies, block));
    for (unsigned s = 0; s < fan; ++s) {
      subscriber_plan plan;
      const std::string group = queue.empty() ? "" : std::string(queue) + " ";
      plan.subscribe = "SUB " + subject_of(p) + " " + group + "1\r\n";
      plan.pool = p;
      plan.in_order = queue.empty();
      t.subscribers.push_back(std::move(plan));
    }
  }
  return t;
}

} // namespace

void put_hex8(char* out, uint32_t value) {
  for (int i = 7; i >= 0; --i, value >>= 4) out[i] = "0123456789abcdef"[value & 15u];
}

bool get_hex8(const char* in, uint32_t& value) {
  value = 0;
  for (int i = 0; i < 8; ++i) {
    const char c = in[i];
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return false;
    value = value * 16 + static_cast<uint32_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return true;
}

void publish_block::set_round(uint32_t round) {
  char* at = bytes.data() + round_at;
  put_hex8(at, round);
  for (size_t i = 0; i < round_mask.size(); ++i)
    at[i] = static_cast<char>(static_cast<unsigned char>(at[i]) ^ round_mask[i]);
}

void publish_block::frame() {
  for (size_t i = 0; i < round_mask.size(); ++i) round_mask[i] = mask_key[(round_at + i) % 4];
  round_at = masked_position(bytes.size(), round_at);
  bytes = masked_frames(bytes);
}

void fill_payload(char* out, size_t size, uint32_t index) {
  put_hex8(out, index);
  std::memcpy(out + 8, blank_round.data(), blank_round.size());
  for (size_t i = min_payload_bytes; i < size; ++i)
    out[i] = static_cast<char>('a' + (index + i) % 26);
}

void append_publish(std::string& out, std::string_view subject, size_t size, uint32_t index) {
  out.append("PUB ").append(subject).append(" ").append(std::to_string(size)).append("\r\n");
  const size_t at = out.size();
  out.resize(at + size);
  fill_payload(out.data() + at, size, index);
  out.append("\r\n");
}

void set_delivery_length(topology& t, size_t subject_width, size_t sid_width, size_t size) {
  t.delivery_header_bytes =
      4 + subject_width + 1 + sid_width + 1 + std::to_string(size).size() + 2;
  t.delivery_bytes = t.delivery_header_bytes + size + 2;
}

message_pool make_pool(const std::string& subject, size_t size, uint64_t fan, size_t block_bytes) {
  message_pool pool;
  pool.subjects = {subject};
  publish_block block;
  do {
    append_publish(block.bytes, subject, size, pool.message_count++);
    if (block.messages++ == 0) block.round_at = block.bytes.size() - size - 2 + 8;
  } while (block.bytes.size() / block.messages * (block.messages + 1) <= block_bytes);
  block.deliveries = block.messages * fan;
  pool.blocks.push_back(std::move(block));
  return pool;
}

topology make_topology(const options& opt) {
  const std::string& name = opt.scenario;
  const auto pairs = [&](unsigned usual) { return opt.connections ? opt.connections : usual; };
  if (name == "pub") return grid(opt, pairs(1), 0, "");
  if (name == "1to1") return grid(opt, 1, 1, "");
  if (name == "4to4") return grid(opt, pairs(4), 1, "");
  if (name == "fan16") return grid(opt, 1, 16, "");
  if (name == "fan1000") return grid(opt, 1, 1000, "");
  if (name == "queue8") return grid(opt, 1, 8, "group");
  if (name == "wild") return make_wild_topology(opt);
  throw load_error("unknown scenario: " + name);
}

} // namespace troupe::bench
