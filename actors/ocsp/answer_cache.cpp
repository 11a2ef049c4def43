#include "actors/ocsp/answer_cache.hpp"

#include <algorithm>
#include <vector>

#include "protocol/base64.hpp"
#include "protocol/compress/content.hpp"
#include "protocol/json/reader.hpp"
#include "protocol/json/writer.hpp"
#include "protocol/time_text.hpp"

namespace troupe {

namespace {

constexpr std::string_view stream_start("\xff\x06\x00\x00sNaPpY", 10);
constexpr size_t chunk_head = 8;  // kind, length of three bytes, checksum
constexpr size_t max_base64 = 128 * 1024;

uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

/// One piece of a snappy stream, not compressed: what every reader of s2 takes.
std::string framed(std::string_view bytes) {
  std::string out(stream_start);
  const size_t length = bytes.size() + 4;
  const uint32_t sum = masked(crc32c(bytes));
  out += '\x01';
  for (int shift : {0, 8, 16}) out += static_cast<char>(length >> shift);
  for (int shift : {0, 8, 16, 24}) out += static_cast<char>(sum >> shift);
  return out.append(bytes);
}

std::optional<std::string> unframed(std::string_view stream) {
  if (!stream.starts_with(stream_start)) return std::nullopt;
  stream.remove_prefix(stream_start.size());
  if (stream.size() < chunk_head || stream[0] != '\x01') return std::nullopt;
  auto byte = [&](size_t at) { return static_cast<uint32_t>(static_cast<unsigned char>(stream[at])); };
  const size_t length = byte(1) | byte(2) << 8 | byte(3) << 16;
  const uint32_t sum = byte(4) | byte(5) << 8 | byte(6) << 16 | byte(7) << 24;
  const std::string_view bytes = stream.substr(chunk_head);
  if (length != bytes.size() + 4 || masked(crc32c(bytes)) != sum) return std::nullopt;
  return std::string(bytes);
}

std::string text_of(wall_seconds t) {
  return rfc3339_nano(std::chrono::nanoseconds(t.time_since_epoch()).count());
}

ocsp_status status_of(std::string_view text) {
  return text == "good" ? ocsp_status::good
         : text == "revoked" ? ocsp_status::revoked
                             : ocsp_status::unknown;
}

std::string_view member(const simdjson::dom::object& o, const char* name) {
  std::string_view out;
  if (o[name].get(out) != simdjson::SUCCESS) return {};
  return out;
}

} // namespace

void answer_cache::count(const kept_answer& answer, int64_t by) {
  counts_.answers += by;
  switch (answer.said.status) {
    case ocsp_status::good: counts_.good += by; break;
    case ocsp_status::revoked: counts_.revoked += by; break;
    case ocsp_status::unknown: counts_.unknown += by; break;
  }
}

const kept_answer* answer_cache::find(const std::string& fingerprint) {
  if (!options_.local) return nullptr;
  auto it = answers_.find(fingerprint);
  ++(it == answers_.end() ? counts_.misses : counts_.hits);
  return it == answers_.end() ? nullptr : &it->second;
}

void answer_cache::put(const std::string& fingerprint, kept_answer answer) {
  if (!options_.local) return;
  if (auto it = answers_.find(fingerprint); it != answers_.end()) {
    count(it->second, -1);
    answers_.erase(it);
  } else if (answers_.size() >= max_kept_answers) {
    auto oldest = std::min_element(answers_.begin(), answers_.end(), [](auto& a, auto& b) {
      return a.second.cached_at < b.second.cached_at;
    });
    count(oldest->second, -1);
    answers_.erase(oldest);
  }
  count(answer, 1);
  answers_.emplace(fingerprint, std::move(answer));
  changed_ = true;
}

void answer_cache::reject(const std::string& fingerprint) {
  auto it = answers_.find(fingerprint);
  if (it == answers_.end()) return;
  --counts_.hits;
  ++counts_.misses;
  if (it->second.said.status == ocsp_status::revoked && options_.preserve_revoked) return;
  count(it->second, -1);
  answers_.erase(it);
  changed_ = true;
}

observe::ocsp_cache_snapshot answer_cache::counts() const {
  observe::ocsp_cache_snapshot out = counts_;
  out.type = options_.local ? "local" : "none";
  return out;
}

std::string answer_cache::to_json() const {
  std::string out;
  json_writer w(out);
  w.begin_object();
  for (auto& [fingerprint, kept] : answers_) {
    w.key(fingerprint);
    w.begin_object();
    w.member_if("subject", kept.subject);
    w.member("cached_at", text_of(kept.cached_at));
    w.member("resp_status", to_text(kept.said.status));
    w.member("resp_expires", kept.said.next_update ? text_of(*kept.said.next_update)
                                                   : std::string(zero_time_text));
    w.member("resp", base64_encode(framed(kept.der)));
    w.end_object();
  }
  w.end_object();
  return out;
}

result<void> answer_cache::from_json(std::string_view json) {
  answers_.clear();
  counts_ = {};
  changed_ = false;
  json_reader reader;
  auto document = reader.read(json);
  if (!document) return document.error();
  simdjson::dom::object all;
  if (document->get(all) != simdjson::SUCCESS)
    return error{errc::malformed, "json: cannot unmarshal into a map of responses"};
  for (auto [fingerprint, value] : all) {
    simdjson::dom::object fields;
    if (answers_.size() >= max_kept_answers) break;
    if (fingerprint.size() > 64 || value.get(fields) != simdjson::SUCCESS) continue;
    const std::string_view text = member(fields, "resp");
    auto stream = text.size() <= max_base64 ? base64_decode(text) : std::nullopt;
    auto der = stream ? unframed(*stream) : std::nullopt;
    if (!der || der->size() > max_ocsp_answer_bytes) continue;
    kept_answer kept;
    kept.subject = std::string(member(fields, "subject").substr(0, 4096));
    kept.said.status = status_of(member(fields, "resp_status"));
    kept.der = std::move(*der);
    if (auto [it, fresh] = answers_.emplace(std::string(fingerprint), std::move(kept)); fresh)
      count(it->second, 1);
  }
  return {};
}

} // namespace troupe
