#include "actors/session/websocket_stage.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <random>

#include "protocol/websocket/deflate.hpp"
#include "protocol/websocket/frame.hpp"
#include "test/catch.hpp"

using namespace troupe;
namespace ws = troupe::websocket;

namespace {

/// A socket whose peer takes and gives as many bytes as it is let.
struct fake_wire {
  std::string in, out;
  size_t takes = SIZE_MAX;  // of the next writes, all together
  size_t gives = SIZE_MAX;  // of each read
  bool closed = false;
};

class fake_transport final : public transport {
public:
  explicit fake_transport(fake_wire& w) : w_(w) {}
  io_result read(const iovec* iov, int count) override {
    if (w_.in.empty()) return {w_.closed ? io_status::closed : io_status::would_block, 0, 0};
    size_t done = 0;
    for (int i = 0; i < count && done < w_.gives; ++i) {
      const size_t n = std::min({iov[i].iov_len, w_.in.size(), w_.gives - done});
      std::copy_n(w_.in.data(), n, static_cast<char*>(iov[i].iov_base));
      w_.in.erase(0, n);
      done += n;
    }
    return {io_status::ok, done, 0};
  }
  io_result write(const iovec* iov, int count) override {
    size_t done = 0;
    for (int i = 0; i < count && w_.takes > 0; ++i) {
      const size_t n = std::min(iov[i].iov_len, w_.takes);
      w_.out.append(static_cast<const char*>(iov[i].iov_base), n);
      if (w_.takes != SIZE_MAX) w_.takes -= n;
      done += n;
    }
    if (done == 0 && count > 0) return {io_status::would_block, 0, 0};
    return {io_status::ok, done, 0};
  }
  void close() override {}
  int fd() const override { return -1; }

private:
  fake_wire& w_;
};

std::string upgrade(bool compression, bool browser) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  if (compression) text += "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  if (browser) text += "User-Agent: Mozilla/5.0\r\n";
  return text + "\r\n";
}

struct fixture {
  fake_wire wire;
  std::unique_ptr<websocket_stage> stage;

  explicit fixture(bool compression = false, bool browser = false, int64_t max_payload = 1 << 20) {
    auto policy = std::make_shared<websocket_policy>();
    policy->upgrade.compression = compression;
    stage = make_websocket_stage(std::make_unique<fake_transport>(wire), policy, max_payload, "peer");
    wire.in = upgrade(compression, browser);
    REQUIRE(stage->handshake().status == io_status::ok);
    REQUIRE(wire.out.starts_with("HTTP/1.1 101 "));
    wire.out.clear();
  }
};

std::string masked(std::string_view payload, ws::opcode op = ws::opcode::binary, bool final = true,
                   bool compressed = false) {
  char head[ws::max_header_bytes];
  std::string out(head, ws::write_header(head, op, final, compressed, payload.size()));
  out[1] = static_cast<char>(out[1] | 0x80);
  const std::array<unsigned char, 4> key{7, 11, 13, 17};
  out.append(reinterpret_cast<const char*>(key.data()), 4);
  const size_t at = out.size();
  out.resize(at + payload.size());
  ws::unmask(out.data() + at, payload.data(), payload.size(), key, 0);
  return out;
}

/// What a client makes of the frames: payload of data frames, and how many pongs came.
struct seen {
  std::string data;
  size_t pongs = 0, largest = 0;
  bool goodbye = false;
};

seen decode(std::string_view wire, bool compression) {
  ws::frame_reader reader(false, compression);
  ws::inflater inflater;
  seen s;
  bool fresh = true;
  std::string room(1 << 20, '\0');
  while (true) {
    size_t used = 0;
    const auto e = reader.next(wire, used);
    wire.remove_prefix(used);
    if (e == ws::frame_reader::event::more) return s;
    REQUIRE(e != ws::frame_reader::event::failed);
    if (e == ws::frame_reader::event::pong) ++s.pongs;
    if (e == ws::frame_reader::event::closed) s.goodbye = true;
    if (e != ws::frame_reader::event::payload) continue;
    const size_t n = reader.bytes();
    const bool packed = reader.compressed(), last = reader.last();
    s.largest = std::max(s.largest, n);
    std::string part(n, '\0');
    reader.take(part.data(), wire.data(), n);
    wire.remove_prefix(n);
    if (!packed) {
      s.data += part;
      continue;
    }
    if (std::exchange(fresh, false)) inflater.begin(1 << 30);
    std::string_view rest = part;
    while (true) {
      const auto step = inflater.run(rest, last, room.data(), room.size());
      rest.remove_prefix(step.used);
      s.data.append(room.data(), step.made);
      if (step.is == ws::inflater::state::wants_room) continue;
      REQUIRE((step.is == ws::inflater::state::done || step.is == ws::inflater::state::wants_input));
      break;
    }
    if (last) fresh = true;
  }
}

std::string noise(std::mt19937& rng, size_t n) {
  std::string s(n, '\0');
  const bool dull = rng() % 2 == 0;
  for (char& c : s) c = static_cast<char>(dull ? 'a' + rng() % 3 : rng());
  return s;
}

} // namespace

TEST_CASE("websocket stage: what is written arrives, however little the socket takes", "[websocket]") {
  const bool compression = GENERATE(false, true), browser = GENERATE(false, true);
  std::mt19937 rng(compression * 2 + browser);
  for (int round = 0; round < 60; ++round) {
    fixture f(compression, browser);
    std::string sent, backlog;
    size_t pings = 0;
    for (int step = 0; step < 120; ++step) {
      if (rng() % 3 == 0) backlog += noise(rng, rng() % (rng() % 8 == 0 ? 200'000 : 300));
      if (rng() % 6 == 0) {
        f.wire.in += masked("x", ws::opcode::ping);
        ++pings;
        char room[100];
        iovec piece{room, sizeof room};
        CHECK(f.stage->read(&piece, 1).status == io_status::would_block);
      }
      f.wire.takes = rng() % 4 == 0 ? 0 : rng() % (rng() % 2 ? 20 : 50'000);
      if (backlog.empty()) {
        f.stage->write(nullptr, 0);
        continue;
      }
      // The session's pieces, of odd sizes.
      std::vector<iovec> pieces;
      for (size_t at = 0; at < backlog.size() && pieces.size() < 512;) {
        const size_t n = std::min<size_t>(1 + rng() % 5000, backlog.size() - at);
        pieces.push_back({backlog.data() + at, n});
        at += n;
      }
      const io_result r = f.stage->write(pieces.data(), static_cast<int>(pieces.size()));
      REQUIRE(r.status != io_status::failed);
      sent += backlog.substr(0, r.bytes);
      backlog.erase(0, r.bytes);
    }
    f.wire.takes = SIZE_MAX;
    while (!backlog.empty()) {
      iovec piece{backlog.data(), backlog.size()};
      const io_result r = f.stage->write(&piece, 1);
      REQUIRE(r.status == io_status::ok);
      sent += backlog.substr(0, r.bytes);
      backlog.erase(0, r.bytes);
    }
    f.stage->write(nullptr, 0);
    CHECK(f.stage->wants() == 0);
    f.stage->say_goodbye(1000, "bye");
    const seen s = decode(f.wire.out, compression);
    CHECK(s.data == sent);
    CHECK(s.pongs == pings);
    CHECK(s.goodbye);
    if (browser) CHECK(s.largest <= 4096);
  }
}

TEST_CASE("websocket stage: what is read is what was framed, however it is cut", "[websocket]") {
  const bool compression = GENERATE(false, true);
  std::mt19937 rng(compression);
  ws::deflater deflater;
  for (int round = 0; round < 60; ++round) {
    fixture f(compression);
    std::string sent, wire, got;
    for (int message = 0; message < 30; ++message) {
      std::string text = noise(rng, rng() % (rng() % 5 == 0 ? 100'000 : 200));
      sent += text;
      const bool packed = compression && rng() % 2 == 0;
      if (packed) {
        std::string out;
        deflater.begin(out);
        deflater.add(text);
        REQUIRE(deflater.end());
        text = out;
      }
      bool first = true;
      do {
        const size_t n = rng() % 2 ? text.size() : rng() % (text.size() + 1);
        wire += masked(text.substr(0, n), first ? ws::opcode::text : ws::opcode::continuation,
                       n == text.size(), first && packed);
        first = false;
        if (n == text.size()) break;
        text.erase(0, n);
        if (rng() % 3 == 0) wire += masked("", ws::opcode::pong);
      } while (true);
    }
    f.wire.in = wire;
    std::string room(70'000, '\0');
    while (!f.wire.in.empty() || f.stage->has_input()) {
      f.wire.gives = 1 + rng() % (rng() % 2 ? 10 : 60'000);
      const size_t cut = 1 + rng() % 3000, rest = 1 + rng() % 60'000;
      iovec pieces[2]{{room.data(), cut}, {room.data() + cut, rest}};
      const io_result r = f.stage->read(pieces, 2);
      REQUIRE((r.status == io_status::ok || r.status == io_status::would_block));
      if (r.status == io_status::ok) {
        REQUIRE(r.bytes > 0);
        got.append(room.data(), r.bytes);
      }
    }
    CHECK(got == sent);
  }
}

TEST_CASE("websocket stage: a bomb ends the connection before it has grown", "[websocket]") {
  fixture f(true, false, 1000);
  ws::deflater deflater;
  std::string bomb;
  deflater.begin(bomb);
  deflater.add(std::string(10'000'000, 'x'));
  REQUIRE(deflater.end());
  f.wire.in = masked(bomb, ws::opcode::binary, true, true);
  std::string room(1000, '\0');
  size_t got = 0;
  io_result r;
  while (true) {
    iovec piece{room.data(), room.size()};
    r = f.stage->read(&piece, 1);
    if (r.status != io_status::ok) break;
    got += r.bytes;
  }
  CHECK(r.status == io_status::failed);
  CHECK(f.stage->failure() == "maximum payload exceeded");
  CHECK(got == 8000);
  f.stage->say_goodbye(1001, "");
  CHECK(f.wire.out.substr(0, 4) == ws::close_frame(1009, "maximum payload exceeded").substr(0, 4));
}

TEST_CASE("websocket stage: who floods with pings and does not read gets few answers", "[websocket]") {
  fixture f;
  f.wire.takes = 0;
  for (int i = 0; i < 10'000; ++i) {
    f.wire.in += masked("0123456789", ws::opcode::ping);
    char room[100];
    iovec piece{room, sizeof room};
    f.stage->read(&piece, 1);
  }
  CHECK(f.stage->wants() == EPOLLOUT);
  f.wire.takes = SIZE_MAX;
  f.stage->write(nullptr, 0);
  CHECK(f.wire.out.size() < 20'000);
  CHECK(decode(f.wire.out, false).pongs == f.wire.out.size() / 12);
}

TEST_CASE("websocket stage: no close frame before the upgrade", "[websocket]") {
  fake_wire wire;
  auto stage = make_websocket_stage(std::make_unique<fake_transport>(wire),
                                    std::make_shared<websocket_policy>(), 1 << 20, "peer");
  CHECK(stage->handshake().status == io_status::would_block);
  stage->say_goodbye(1001, "x");
  CHECK(wire.out.empty());
  wire.closed = true;
  CHECK(stage->handshake().status == io_status::closed);
}
