#include "actors/reactor/outbox.hpp"

#include <algorithm>

namespace troupe {

namespace {
constexpr size_t pinned_slack_bytes = 1024 * 1024;
} // namespace

void outbox::next_chunk(buffer_pool& pool, size_t n) {
  if (!pieces_.empty() && class_ < 2) ++class_;
  while (buffer_pool::class_bytes[class_] - sizeof(buffer) < n && class_ < 2) ++class_;
  buffer_ref block = buffer_pool::class_bytes[class_] - sizeof(buffer) < n
                       ? buffer_pool::take_large(n)
                       : pool.take(class_);
  chunk_ = block.get();
  write_ = chunk_->data();
  limit_ = write_ + chunk_->capacity;
  pieces_.push_back({chunk_, write_, 0, false, true});
  block.detach();  // the piece holds the reference now
}

void outbox::append(buffer_pool& pool, std::string_view bytes) {
  while (!bytes.empty()) {
    auto room = static_cast<size_t>(limit_ - write_);
    if (room == 0) {
      reserve(pool, std::min<size_t>(bytes.size(), 16 * 1024));
      room = static_cast<size_t>(limit_ - write_);
    }
    size_t n = std::min(room, bytes.size());
    std::memcpy(write_, bytes.data(), n);
    commit(n);
    bytes.remove_prefix(n);
  }
}

/// Payloads by reference and what is copied between them take turns in the list. The piece before
/// the last hands its reference on, if it has the same owner: pieces leave in order, and the count
/// is shared between threads and too dear for each.
void outbox::push_piece(buffer* owner, const char* data, size_t length, bool foreign) {
  const size_t n = pieces_.size();
  if (n >= head_ + size_t{2} && pieces_[n - 2].owner == owner && pieces_[n - 2].holds)
    pieces_[n - 2].holds = false;
  else
    owner->retain();
  pieces_.push_back({owner, data, static_cast<uint32_t>(length), foreign, true});
}

void outbox::append_ref(buffer* owner, std::string_view bytes) {
  push_piece(owner, bytes.data(), bytes.size(), true);
  ++foreign_;
  pending_ += bytes.size();
  if (chunk_ && write_ != limit_) {
    // What is copied next continues in the open block, behind this piece.
    push_piece(chunk_, write_, 0, false);
  } else {
    write_ = limit_ = nullptr;
    chunk_ = nullptr;
  }
}

size_t outbox::gather(iovec* iov, size_t max) const {
  size_t n = 0;
  for (size_t i = head_; i < pieces_.size() && n < max; ++i) {
    if (pieces_[i].length == 0) continue;
    iov[n].iov_base = const_cast<char*>(pieces_[i].data);
    iov[n].iov_len = pieces_[i].length;
    ++n;
  }
  return n;
}

void outbox::consume(size_t n) {
  pending_ -= n;
  if (pending_ == 0) return drained();
  while (n > 0) {
    piece& front = pieces_[head_];
    if (front.length > n) {
      front.data += n;
      front.length -= static_cast<uint32_t>(n);
      return;
    }
    n -= front.length;
    front.length = 0;
    if (front.foreign) --foreign_;
    if (front.holds) front.owner->release();
    ++head_;
  }
  if (head_ > 64 && head_ * 2 > pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + head_);
    head_ = 0;
  }
}

void outbox::drained() {
  // One block sufficed since the box was last empty: the next one may be smaller.
  if (pieces_.size() == 1 && chunk_ && class_ > 0
      && static_cast<size_t>(write_ - chunk_->data())
           < buffer_pool::class_bytes[class_ - 1] - sizeof(buffer))
    --class_;
  clear();
}

void outbox::clear() {
  for (size_t i = head_; i < pieces_.size(); ++i)
    if (pieces_[i].holds) pieces_[i].owner->release();
  pieces_.clear();
  if (pieces_.capacity() > 1024) pieces_.shrink_to_fit();
  head_ = 0;
  foreign_ = 0;
  pending_ = 0;
  write_ = limit_ = nullptr;
  chunk_ = nullptr;
}

bool outbox::pins_too_much() const {
  if (foreign_ == 0) return false;
  size_t pinned = 0;
  const buffer* last = nullptr;
  for (size_t i = head_; i < pieces_.size(); ++i) {
    if (!pieces_[i].foreign || pieces_[i].owner == last) continue;
    last = pieces_[i].owner;
    pinned += last->capacity;
  }
  return pinned > 2 * pending_ + pinned_slack_bytes;
}

void outbox::unpin(buffer_pool& pool) {
  std::vector<piece> old = std::move(pieces_);
  size_t first = head_;
  pieces_.clear();
  head_ = foreign_ = 0;
  pending_ = 0;
  write_ = limit_ = nullptr;
  chunk_ = nullptr;
  for (size_t i = first; i < old.size(); ++i) {
    append(pool, {old[i].data, old[i].length});
    if (old[i].holds) old[i].owner->release();
  }
}

} // namespace troupe
