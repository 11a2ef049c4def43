#include "protocol/websocket/deflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <new>

namespace troupe::websocket {

namespace {

constexpr int raw_window = -15;  // no zlib header
constexpr int memory_level = 8;
/// What a sender leaves out at the end of a message.
constexpr std::string_view tail{"\x00\x00\xff\xff", 4};
constexpr size_t growth_bytes = 16 * 1024;

Bytef* bytes_of(std::string_view text) {
  // zlib does not write to its input; its interface is older than const.
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}

} // namespace

// -- inflating -------------------------------------------------------------------------------------

struct inflater::stream {
  z_stream z{};
  uint64_t left = 0;       // bytes that the message may still become
  size_t tail_used = 0;
  bool ended = false;      // a final block was seen: the rest of the message says nothing

  /// Inflates from `in`; moves it on. Whether zlib found it sound.
  bool inflate(std::string_view& in, char*& out, size_t& room) {
    if (ended) {
      in = {};
      return true;
    }
    z.next_in = bytes_of(in);
    z.avail_in = static_cast<uInt>(in.size());
    z.next_out = reinterpret_cast<Bytef*>(out);
    z.avail_out = static_cast<uInt>(room);
    const int rc = ::inflate(&z, Z_SYNC_FLUSH);
    in.remove_prefix(in.size() - z.avail_in);
    out += room - z.avail_out;
    room = z.avail_out;
    ended = rc == Z_STREAM_END;
    if (ended) in = {};
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR;
  }
};

inflater::inflater() : z_(std::make_unique<stream>()) {
  if (::inflateInit2(&z_->z, raw_window) != Z_OK) throw std::bad_alloc();
}

inflater::~inflater() { ::inflateEnd(&z_->z); }

void inflater::begin(uint64_t bound) {
  ::inflateReset(&z_->z);
  z_->left = bound;
  z_->tail_used = 0;
  z_->ended = false;
}

inflater::step inflater::run(std::string_view in, bool last, char* out, size_t room) {
  // One byte more than may come shows that more would come.
  const size_t size = in.size();
  const size_t allowed = static_cast<size_t>(std::min<uint64_t>(room, z_->left + 1));
  char* p = out;
  size_t free = allowed;
  bool sound = z_->inflate(in, p, free);
  if (sound && in.empty() && free > 0 && last) {
    std::string_view rest = tail.substr(z_->tail_used);
    sound = z_->inflate(rest, p, free);
    z_->tail_used = tail.size() - rest.size();
  }
  const size_t made = allowed - free;
  if (made > z_->left) return {state::too_large, size - in.size(), made - 1};
  z_->left -= made;
  const size_t used = size - in.size();
  if (!sound) return {state::corrupt, used, made};
  if (free == 0 && !z_->ended) return {state::wants_room, used, made};
  if (last && in.empty()) return {state::done, used, made};
  return {state::wants_input, used, made};
}

// -- deflating -------------------------------------------------------------------------------------

struct deflater::stream {
  z_stream z{};
  std::string* out = nullptr;
  size_t begun_at = 0;
  bool sound = true;

  void run(int flush) {
    do {
      const size_t size = out->size();
      out->resize(size + growth_bytes);
      z.next_out = reinterpret_cast<Bytef*>(out->data() + size);
      z.avail_out = growth_bytes;
      const int rc = ::deflate(&z, flush);
      out->resize(size + growth_bytes - z.avail_out);
      if (rc != Z_OK && rc != Z_BUF_ERROR) sound = false;
    } while (sound && z.avail_out == 0);
  }
};

deflater::deflater() : z_(std::make_unique<stream>()) {
  if (::deflateInit2(&z_->z, Z_BEST_SPEED, Z_DEFLATED, raw_window, memory_level, Z_DEFAULT_STRATEGY)
      != Z_OK)
    throw std::bad_alloc();
}

deflater::~deflater() { ::deflateEnd(&z_->z); }

void deflater::begin(std::string& out) {
  ::deflateReset(&z_->z);
  z_->out = &out;
  z_->begun_at = out.size();
  z_->sound = true;
}

void deflater::add(std::string_view piece) {
  z_->z.next_in = bytes_of(piece);
  z_->z.avail_in = static_cast<uInt>(piece.size());
  if (z_->sound && !piece.empty()) z_->run(Z_NO_FLUSH);
}

bool deflater::end() {
  z_->z.next_in = nullptr;
  z_->z.avail_in = 0;
  if (z_->sound) z_->run(Z_SYNC_FLUSH);
  std::string& out = *z_->out;
  const bool whole = out.size() >= z_->begun_at + tail.size() && out.ends_with(tail);
  if (!z_->sound || !whole) return false;
  out.resize(out.size() - tail.size());
  return true;
}

} // namespace troupe::websocket
