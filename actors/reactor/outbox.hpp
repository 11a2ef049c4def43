// Bytes that wait for one connection's socket, in order, ready for one gathered write.
//
// Small messages are copied into pooled blocks; large payloads stand in the list by reference to
// the block they were read into. Blocks grow 512 B -> 4 KiB -> 64 KiB with the traffic, shrink
// when it ebbs, and go back to the pool whenever the box is empty: an idle connection holds none.
// Lives on the connection's reactor. The limit (max_pending) is the owner's business.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

#include "actors/reactor/buffer.hpp"

namespace troupe {

class outbox {
public:
  ~outbox() { clear(); }

  /// Room for `n` contiguous bytes (n <= 60 KiB); follow with `commit(used)`.
  char* reserve(buffer_pool& pool, size_t n) {
    if (static_cast<size_t>(limit_ - write_) < n) next_chunk(pool, n);
    return write_;
  }
  void commit(size_t n) {
    pieces_.back().length += static_cast<uint32_t>(n);
    write_ += n;
    pending_ += n;
  }

  void append(buffer_pool& pool, std::string_view bytes);
  /// Appends bytes that live in `owner`, without copying.
  void append_ref(buffer* owner, std::string_view bytes);

  size_t pending() const { return pending_; }
  bool empty() const { return pending_ == 0; }
  /// Pieces that wait, for logs.
  size_t chunks() const { return pieces_.size() - head_; }

  /// Fills `iov` with the front of the box; returns how many entries.
  size_t gather(iovec* iov, size_t max) const;
  /// Drops `n` bytes from the front, as written to the socket.
  void consume(size_t n);
  void clear();

  /// Bytes of the blocks that referenced payloads keep alive beyond what is pending here.
  bool pins_too_much() const;
  /// Copies referenced payloads into own blocks, so that a slow reader pins no read block.
  void unpin(buffer_pool& pool);

private:
  struct piece {
    buffer* owner;
    const char* data;
    uint32_t length;
    bool foreign;  // by reference: bytes belong to a read block
    bool holds;    // a reference of `owner`; where the piece after next has the same, that one does
  };

  void push_piece(buffer* owner, const char* data, size_t length, bool foreign);

  void next_chunk(buffer_pool& pool, size_t n);
  void drained();

  std::vector<piece> pieces_;
  uint32_t head_ = 0;       // first piece not yet written
  uint8_t class_ = 0;       // size of the next block
  uint32_t foreign_ = 0;    // pieces by reference
  char* write_ = nullptr;   // free space of the last block ...
  char* limit_ = nullptr;   // ... up to here
  buffer* chunk_ = nullptr; // the block behind write_, kept alive by its pieces
  size_t pending_ = 0;
};

} // namespace troupe
