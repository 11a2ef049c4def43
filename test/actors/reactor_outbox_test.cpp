// Outbox and buffer pool against a string that is cut and extended.
#include "actors/reactor/heap_return.hpp"
#include "actors/reactor/outbox.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "test/catch.hpp"

using namespace troupe;

namespace {

/// This thread runs the reactor that owns `pool`, as far as releases are concerned.
struct on_pool {
  explicit on_pool(buffer_pool& pool) { buffer_pool::set_current(&pool); }
  ~on_pool() { buffer_pool::set_current(nullptr); }
};

std::string text_of(const outbox& box) {
  std::string text;
  std::vector<iovec> iov(1 + box.chunks());
  size_t n = box.gather(iov.data(), iov.size());
  for (size_t i = 0; i < n; ++i)
    text.append(static_cast<const char*>(iov[i].iov_base), iov[i].iov_len);
  return text;
}

std::string random_text(std::mt19937& random, size_t n) {
  std::string text(n, '\0');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

class outbox_model {
public:
  outbox_model(uint32_t seed, buffer_pool& pool) : random_(seed), pool_(pool) {}

  void step() {
    switch (random_() % 9) {
      case 0:
      case 1: append(random_() % 700); break;
      case 2: append(random_() % 5 == 0 ? random_() % 200'000 : random_() % 40); break;
      case 3: reserve_commit(1 + random_() % (random_() % 4 == 0 ? 60 * 1024 : 600)); break;
      case 4:
      case 5: append_ref(random_() % 20'000); break;
      case 6:
        if (random_() % 6 == 0) box_.unpin(pool_);
        break;
      case 7:
        if (!model_.empty()) consume(1 + random_() % model_.size());
        break;
      default: consume(std::min<size_t>(model_.size(), random_() % 3000)); break;
    }
    if (model_.size() > 1024 * 1024) consume(model_.size());
  }
  void finish() { consume(model_.size()); }
  bool agrees() const {
    return box_.pending() == model_.size() && box_.empty() == model_.empty()
           && text_of(box_) == model_;
  }
  outbox& box() { return box_; }

private:
  void append(size_t n) {
    std::string text = random_text(random_, n);
    box_.append(pool_, text);
    model_ += text;
  }
  void reserve_commit(size_t n) {
    char* at = box_.reserve(pool_, n);
    std::string text = random_text(random_, random_() % (n + 1));
    std::copy(text.begin(), text.end(), at);
    box_.commit(text.size());
    model_ += text;
  }
  void append_ref(size_t n) {
    if (random_() % 2) return append_shared(n % 3000);
    buffer_ref block = n < 10'000 ? pool_.take(buffer_pool::read_class)
                                  : buffer_pool::take_large(n);
    std::string text = random_text(random_, n);
    std::copy(text.begin(), text.end(), block->data());
    box_.append_ref(block.get(), {block->data(), n});
    model_ += text;
  }
  /// As payloads of one read: they lie behind each other in a block that nobody else keeps.
  void append_shared(size_t n) {
    if (!read_ || read_->capacity - read_at_ < n || random_() % 20 == 0) {
      read_ = pool_.take(buffer_pool::read_class);
      read_at_ = 0;
    }
    std::string text = random_text(random_, n);
    std::copy(text.begin(), text.end(), read_->data() + read_at_);
    box_.append_ref(read_.get(), {read_->data() + read_at_, n});
    read_at_ += n;
    model_ += text;
  }
  void consume(size_t n) {
    if (n == 0) return;
    box_.consume(n);
    model_.erase(0, n);
  }

  std::mt19937 random_;
  buffer_pool& pool_;
  outbox box_;
  buffer_ref read_;
  size_t read_at_ = 0;
  std::string model_;
};

/// Capacity of the block that the box would write to next.
size_t size_of_next(outbox& box, buffer_pool& pool) {
  box.append(pool, "x");
  iovec iov;
  box.gather(&iov, 1);
  auto* block = reinterpret_cast<buffer*>(iov.iov_base) - 1;
  size_t bytes = block->capacity + sizeof(buffer);
  box.consume(1);
  return bytes;
}

} // namespace

TEST_CASE("outbox: holds byte for byte what was put in", "[reactor][outbox]") {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    buffer_pool pool;
    on_pool here(pool);
    outbox_model model(seed, pool);
    for (int i = 0; i < 400; ++i) {
      model.step();
      if (!model.agrees()) FAIL("seed " << seed << " step " << i);
    }
    model.finish();
    REQUIRE(model.agrees());
    REQUIRE(model.box().chunks() == 0);
  }
}

TEST_CASE("outbox: blocks grow with the traffic and shrink when it ebbs", "[reactor][outbox]") {
  buffer_pool pool;
  on_pool here(pool);
  outbox box;
  CHECK(size_of_next(box, pool) == 512);
  const std::string burst(100'000, 'b');
  box.append(pool, burst);
  std::vector<size_t> sizes;
  iovec iov[8];
  size_t n = box.gather(iov, 8);
  for (size_t i = 0; i < n; ++i)
    sizes.push_back((reinterpret_cast<buffer*>(iov[i].iov_base) - 1)->capacity + sizeof(buffer));
  CHECK(sizes == std::vector<size_t>{65536, 65536});
  box.consume(burst.size());
  CHECK(size_of_next(box, pool) == 65536);
  CHECK(size_of_next(box, pool) == 4096);
  CHECK(size_of_next(box, pool) == 512);
  CHECK(size_of_next(box, pool) == 512);
}

TEST_CASE("outbox: small messages grow the blocks step by step", "[reactor][outbox]") {
  buffer_pool pool;
  on_pool here(pool);
  outbox box;
  std::vector<size_t> sizes;
  for (int i = 0; i < 100; ++i) {
    char* at = box.reserve(pool, 100);
    std::fill(at, at + 100, 'x');
    box.commit(100);
  }
  iovec iov[8];
  size_t n = box.gather(iov, 8);
  for (size_t i = 0; i < n; ++i)
    sizes.push_back((reinterpret_cast<buffer*>(iov[i].iov_base) - 1)->capacity + sizeof(buffer));
  CHECK(sizes == std::vector<size_t>{512, 4096, 65536});
}

TEST_CASE("outbox: an emptied box refers to no block", "[reactor][outbox]") {
  buffer_pool pool;
  on_pool here(pool);
  buffer_ref block = pool.take(buffer_pool::read_class);
  outbox box;
  box.append(pool, "MSG ");
  box.append_ref(block.get(), {block->data(), 5000});
  box.append(pool, "\r\n");
  CHECK_FALSE(block.sole_owner());
  box.consume(5005);
  CHECK(block.sole_owner());  // the reference went with its last byte
  CHECK(box.pending() == 1);
  box.consume(1);
  CHECK(box.chunks() == 0);
}

TEST_CASE("outbox: payloads of one block keep it with one reference, until the last has left",
          "[reactor][outbox]") {
  buffer_pool pool;
  on_pool here(pool);
  buffer_ref first = pool.take(buffer_pool::read_class);
  buffer_ref second = pool.take(buffer_pool::read_class);
  outbox box;
  const auto deliver = [&](const buffer_ref& from) {
    box.append(pool, "head");
    box.append_ref(from.get(), {from->data(), 100});
  };
  for (int i = 0; i < 3; ++i) deliver(first);
  CHECK(first->refs == 2);
  deliver(second);
  deliver(first);
  CHECK(first->refs == 3);  // two runs
  CHECK(second->refs == 2);
  box.consume(3 * 104 - 1);
  CHECK(first->refs == 3);
  box.consume(1);
  CHECK(first->refs == 2);
  box.consume(104);
  CHECK(second.sole_owner());
  CHECK_FALSE(first.sole_owner());
  box.consume(104);
  CHECK(first.sole_owner());
}

TEST_CASE("outbox: a slow reader lets go of the blocks it pins", "[reactor][outbox]") {
  buffer_pool pool;
  on_pool here(pool);
  outbox box;
  std::vector<buffer_ref> blocks;
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    blocks.push_back(pool.take(buffer_pool::read_class));
    std::fill_n(blocks.back()->data(), 4096, static_cast<char>('a' + i));
    box.append_ref(blocks.back().get(), {blocks.back()->data(), 4096});
    expected.append(4096, static_cast<char>('a' + i));
  }
  CHECK(box.pins_too_much());
  box.unpin(pool);
  CHECK_FALSE(box.pins_too_much());
  CHECK(std::all_of(blocks.begin(), blocks.end(), [](auto& b) { return b.sole_owner(); }));
  CHECK(text_of(box) == expected);
}

TEST_CASE("buffer pool: a released block is taken again", "[reactor][buffer]") {
  buffer_pool pool;
  on_pool here(pool);
  for (uint8_t c = 0; c < buffer_pool::class_count; ++c) {
    buffer_ref first = pool.take(c);
    CHECK(first->capacity + sizeof(buffer) == buffer_pool::class_bytes[c]);
    buffer* raw = first.get();
    first.reset();
    CHECK(pool.take(c).get() == raw);
  }
}

TEST_CASE("buffer pool: a block released by another thread goes home", "[reactor][buffer]") {
  buffer_pool pool;
  on_pool here(pool);
  std::vector<buffer*> mine;
  std::vector<buffer_ref> blocks;
  for (int i = 0; i < 50; ++i) {
    blocks.push_back(pool.take(1));
    mine.push_back(blocks.back().get());
  }
  std::thread([&] {
    buffer_pool other;
    on_pool there(other);
    blocks.clear();
  }).join();
  std::vector<buffer_ref> again;
  std::vector<buffer*> got;
  for (int i = 0; i < 50; ++i) {
    again.push_back(pool.take(1));
    got.push_back(again.back().get());
  }
  std::sort(mine.begin(), mine.end());
  std::sort(got.begin(), got.end());
  CHECK(got == mine);
}

TEST_CASE("buffer pool: taking and releasing on several threads loses nothing",
          "[reactor][buffer]") {
  buffer_pool pool;
  on_pool here(pool);
  constexpr int rounds = 300, batch = 32;
  for (int r = 0; r < rounds; ++r) {
    std::vector<buffer_ref> half[2];
    for (int i = 0; i < batch; ++i) {
      half[i % 2].push_back(pool.take(0));
      half[i % 2].back()->data()[0] = static_cast<char>(i);
      if (i % 3 == 0) half[1 - i % 2].push_back(buffer_ref::share(half[i % 2].back().get()));
    }
    std::thread foreign([&] { half[1].clear(); });
    half[0].clear();
    foreign.join();
  }
  // All are home again: as many blocks are taken as were, and the pool has no more of them.
  std::vector<buffer_ref> all;
  while (pool.resting_bytes() > 0) all.push_back(pool.take(0));
  CHECK(all.size() <= batch);
  CHECK(std::all_of(all.begin(), all.end(), [](auto& b) { return b.sole_owner(); }));
}

TEST_CASE("buffer pool: trimming frees in the end what nobody needs", "[reactor][buffer]") {
  buffer_pool pool;
  on_pool here(pool);
  {
    std::vector<buffer_ref> many;
    for (int i = 0; i < 100; ++i) many.push_back(pool.take(1));
  }
  CHECK(pool.resting_bytes() == 100 * 4096);
  for (int i = 0; i < 100 && pool.resting_bytes() > 0; ++i) pool.trim();
  CHECK(pool.resting_bytes() == 0);
  CHECK(pool.trim() == 0);
  CHECK(pool.take(1).sole_owner());
}

TEST_CASE("heap return: when traffic has ebbed, else after some intervals, and only for much", "[reactor][buffer]") {
  constexpr size_t much = heap_return::worth_bytes, little = much - 1;
  heap_return rule;
  CHECK_FALSE(rule.due(0, little));
  CHECK(rule.due(0, much));
  uint64_t taken = 0;
  const auto busy = [&](size_t freed) { return rule.due(taken += heap_return::ebbed_blocks, freed); };
  for (int round = 0; round < 2; ++round) {
    for (unsigned i = 1; i < heap_return::most_waits; ++i) CHECK_FALSE(busy(much));
    CHECK(busy(much));
  }
  // A pause ends the waiting, and so does memory that somebody else handed back.
  CHECK_FALSE(busy(much));
  CHECK(rule.due(taken + heap_return::ebbed_blocks - 1, much));
  CHECK_FALSE(busy(little));
  for (unsigned i = 1; i < heap_return::most_waits; ++i) CHECK_FALSE(busy(much));
  CHECK(busy(much));
}

TEST_CASE("buffer pool: a block larger than the pooled sizes is of its own", "[reactor][buffer]") {
  buffer_pool pool;
  on_pool here(pool);
  buffer_ref big = buffer_pool::take_large(300'000);
  CHECK(big->capacity >= 300'000);
  big.reset();
  CHECK(pool.resting_bytes() == 0);
}
