// What goes into a delivery batch comes out of it, and its blocks go home.
#include "actors/routing/delivery_batch.hpp"

#include <random>
#include <string>
#include <vector>

#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::routing;

namespace {

struct on_pool {
  explicit on_pool(buffer_pool& pool) { buffer_pool::set_current(&pool); }
  ~on_pool() { buffer_pool::set_current(nullptr); }
};

struct sent {
  std::string subject, reply, payload;
  int32_t header_bytes = -1;
  bool by_reference = false;
  bool plain = false;
  bool wants_untaken = false;
  uint8_t hops = 0;
  std::vector<std::string> queues;
  producer_ref producer;
};

std::string text(std::mt19937& random, size_t n) {
  std::string s(n, '\0');
  for (char& c : s) c = static_cast<char>(random());
  return s;
}

/// Appends a random message to the batch; its payload lives in `block`.
sent append_random(delivery_batch& batch, std::mt19937& random, buffer_ref& block) {
  sent s;
  s.subject = text(random, 1 + random() % 60);
  s.reply = text(random, random() % 2 ? random() % 40 : 0);
  size_t sizes[] = {0, random() % 127, 127, 128, random() % 4000, random() % 100'000};
  s.payload = text(random, sizes[random() % 6]);
  s.header_bytes = random() % 3 ? -1 : static_cast<int32_t>(s.payload.size() / 2);
  s.plain = random() % 2;
  s.hops = static_cast<uint8_t>(random() % 8);
  s.wants_untaken = random() % 2;
  for (size_t i = random() % 4; i > 0; --i) s.queues.push_back(text(random, random() % 20));
  s.producer = {static_cast<reactor_index>(random() % 64), client_id{random()}};

  std::copy(s.payload.begin(), s.payload.end(), block->data());
  message m;
  m.subject = s.subject;
  m.reply = s.reply;
  m.payload = {block->data(), s.payload.size()};
  m.header_bytes = s.header_bytes;
  m.owner = random() % 5 ? block.get() : nullptr;
  m.producer = s.producer;
  s.by_reference = m.owner && s.payload.size() >= delivery_batch::inline_payload_bytes;
  remote_delivery how;
  how.plain = s.plain;
  how.hops = s.hops;
  for (auto& q : s.queues) how.queues.push_back(q);
  batch.append(m, how, s.wants_untaken);
  return s;
}

bool same(const sent& s, const message& m, const remote_delivery& how) {
  return s.subject == m.subject && s.reply == m.reply && s.payload == m.payload
         && s.header_bytes == m.header_bytes && s.by_reference == (m.owner != nullptr)
         && s.plain == how.plain && s.hops == how.hops && s.producer == m.producer
         && m.origin == nullptr && s.wants_untaken == m.wants_untaken
         && std::equal(s.queues.begin(), s.queues.end(), how.queues.begin(), how.queues.end());
}

} // namespace

TEST_CASE("delivery batch: gives back every message as it was put in", "[reactor][batch]") {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    buffer_pool pool;
    on_pool here(pool);
    delivery_batch batch(3, pool);
    std::vector<sent> all;
    std::vector<buffer_ref> blocks;
    for (int i = 0; i < 120; ++i) {
      blocks.push_back(pool.take(buffer_pool::read_class));
      all.push_back(append_random(batch, random, blocks.back()));
      // An inline payload may be overwritten at once.
      if (!all.back().by_reference) std::fill_n(blocks.back()->data(), 200, '?');
    }
    size_t at = 0, wrong = 0;
    batch.for_each([&](const message& m, const remote_delivery& how) {
      wrong += !same(all[at++], m, how);
    });
    INFO("seed " << seed);
    CHECK(at == all.size());
    CHECK(wrong == 0);
    CHECK(batch.messages() == all.size());
    CHECK(batch.from() == 3);
    CHECK_FALSE(batch.empty());
  }
}

TEST_CASE("delivery batch: keeps referenced blocks alive and lets go of them at its end",
          "[reactor][batch]") {
  buffer_pool pool;
  on_pool here(pool);
  buffer_ref block = pool.take(buffer_pool::read_class);
  message m;
  m.subject = "a";
  m.owner = block.get();
  {
    delivery_batch batch(0, pool);
    CHECK(batch.empty());
    m.payload = {block->data(), delivery_batch::inline_payload_bytes - 1};
    batch.append(m, true);
    CHECK(block.sole_owner());
    m.payload = {block->data(), delivery_batch::inline_payload_bytes};
    batch.append(m, true);
    batch.append(m, true);
    CHECK(block->refs == 2);  // one for all of them
  }
  CHECK(block.sole_owner());
}

TEST_CASE("delivery batch: weighs what it carries", "[reactor][batch]") {
  buffer_pool pool;
  on_pool here(pool);
  buffer_ref block = pool.take(buffer_pool::read_class);
  delivery_batch batch(0, pool);
  message m;
  m.subject = "subject";
  m.owner = block.get();
  m.payload = {block->data(), 50'000};
  batch.append(m, true);
  CHECK(batch.bytes() >= 50'000);
  CHECK(batch.bytes() < 50'200);
  m.payload = {block->data(), 100};
  int64_t before = batch.bytes();
  batch.append(m, true);
  CHECK(batch.bytes() - before >= 107);
  CHECK(batch.bytes() - before < 300);
}

TEST_CASE("delivery batch: a message without a block of its own is copied at any size",
          "[reactor][batch]") {
  buffer_pool pool;
  on_pool here(pool);
  std::string payload(300'000, 'p');
  delivery_batch batch(0, pool);
  message m;
  m.subject = "a";
  m.payload = payload;
  batch.append(m, false);
  std::string expected = payload;
  payload.assign(payload.size(), '?');
  batch.for_each([&](const message& got, const remote_delivery& how) {
    CHECK(got.payload == expected);
    CHECK_FALSE(how.plain);
  });
}
