#include "actors/session/websocket_inflow.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace troupe {

namespace {

using namespace websocket;

constexpr size_t unmask_at_once_bytes = 16 * 1024;
constexpr size_t spare_inflaters = 8;

std::vector<std::unique_ptr<inflater>>& spares() {
  thread_local std::vector<std::unique_ptr<inflater>> list;
  return list;
}

std::unique_ptr<inflater> borrow() {
  auto& list = spares();
  if (list.empty()) return std::make_unique<inflater>();
  auto one = std::move(list.back());
  list.pop_back();
  return one;
}

void give_back(std::unique_ptr<inflater> one) {
  if (one && spares().size() < spare_inflaters) spares().push_back(std::move(one));
}

} // namespace

websocket_inflow::~websocket_inflow() = default;

websocket_inflow::event websocket_inflow::take(std::string_view& in, room_cursor& out) {
  if (has_more() && pump(out) != step::go_on) return failure_.empty() ? event::more : event::failed;
  while (true) {
    size_t used = 0;
    const auto e = reader_.next(in, used);
    in.remove_prefix(used);
    switch (e) {
      case frame_reader::event::more: return event::more;
      case frame_reader::event::ping: return event::ping;
      case frame_reader::event::pong: break;
      case frame_reader::event::closed: return event::closed;
      case frame_reader::event::failed: return event::failed;
      case frame_reader::event::payload: {
        const step s = reader_.compressed() ? inflate(in, out) : copy(in, out);
        if (s == step::failed) return event::failed;
        if (s == step::full) return event::more;
      }
    }
  }
}

websocket_inflow::step websocket_inflow::copy(std::string_view& in, room_cursor& out) {
  while (reader_.bytes() > 0) {
    const size_t n = std::min(reader_.bytes(), out.contiguous());
    if (n == 0) return step::full;
    reader_.take(out.here(), in.data(), n);
    in.remove_prefix(n);
    out.advance(n);
  }
  return step::go_on;
}

websocket_inflow::step websocket_inflow::inflate(std::string_view& in, room_cursor& out) {
  if (!inflater_) {
    inflater_ = borrow();
    inflater_->begin(bound_);
  }
  const size_t n = std::min(reader_.bytes(), unmask_at_once_bytes);
  finishing_ = reader_.last() && n == reader_.bytes();
  plain_.resize(n);
  reader_.take(plain_.data(), in.data(), n);
  in.remove_prefix(n);
  return pump(out);
}

websocket_inflow::step websocket_inflow::pump(room_cursor& out) {
  while (true) {
    const size_t room = out.contiguous();
    if (room == 0) return step::full;
    const std::string_view left = std::string_view(plain_).substr(plain_at_);
    const auto done = inflater_->run(left, finishing_, out.here(), room);
    plain_at_ += done.used;
    out.advance(done.made);
    switch (done.is) {
      case inflater::state::wants_room: continue;
      case inflater::state::too_large: return fail(close_code::too_big, "maximum payload exceeded");
      case inflater::state::corrupt: return fail(close_code::invalid_data, "corrupt compressed data");
      case inflater::state::done:
        give_back(std::move(inflater_));
        inflater_.reset();
        std::string().swap(plain_);
        [[fallthrough]];
      case inflater::state::wants_input:
        finishing_ = false;
        plain_.clear();
        plain_at_ = 0;
        return step::go_on;
    }
  }
}

websocket_inflow::step websocket_inflow::fail(uint16_t code, const char* why) {
  code_ = code;
  failure_ = why;
  return step::failed;
}

} // namespace troupe
