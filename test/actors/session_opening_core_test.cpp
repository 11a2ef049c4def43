#include "actors/session/opening_core.hpp"

#include "test/catch.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using act = opening_act;

namespace {

constexpr unsigned char tls_record = 0x16;
constexpr opening_rules required{.tls = true};

opening_rules with(auto change) {
  opening_rules r = required;
  change(r);
  return r;
}

} // namespace

TEST_CASE("A plain client opens at once, without an opening", "[opening]") {
  CHECK(opening_rules{}.immediate());
  CHECK_FALSE(required.immediate());
  CHECK_FALSE(opening_rules{.stages = true}.immediate());
}

TEST_CASE("INFO goes out in clear, then the first byte begins TLS", "[opening]") {
  opening_core o(required, 0s);
  CHECK(o.act() == act::send_info);
  o.info_sent();
  CHECK(o.act() == act::await_first_byte);
  CHECK(o.deadline() == 2s);
  o.first_byte(tls_record, 1s);
  CHECK(o.act() == act::handshake);
  CHECK(o.with_tls());
  CHECK_FALSE(o.tls_first());
  CHECK(o.deadline() == 3s);
  o.handshaken();
  CHECK(o.act() == act::open);
  CHECK(o.info_is_sent());
}

TEST_CASE("Plain text where TLS is required is refused", "[opening]") {
  opening_core o(required, 0s);
  o.info_sent();
  o.first_byte('C', 1s);
  CHECK(o.act() == act::refuse_plain);
}

TEST_CASE("Who leaves before its first byte has failed a handshake unless it might go on in clear", "[opening]") {
  auto needs_tls = [](const opening_rules& rules, bool info_sent) {
    opening_core o(rules, 0s);
    if (info_sent) o.info_sent();
    return o.needs_tls();
  };
  CHECK(needs_tls(required, true));
  CHECK_FALSE(needs_tls(with([](auto& r) { r.allow_plain = true; }), true));
  // Without a delay nobody else is let in, whatever `allow_non_tls` says.
  CHECK(needs_tls(with([](auto& r) { r.info_first = false, r.allow_plain = true; }), false));
  auto within_delay = [](auto& r) { r.info_first = false, r.tls_wait = 50ms; };
  CHECK(needs_tls(with(within_delay), false));
  CHECK_FALSE(needs_tls(with([&](auto& r) { within_delay(r), r.allow_plain = true; }), false));
  CHECK_FALSE(needs_tls(opening_rules{.proxy_header = true}, true));
}

TEST_CASE("Silence and a slow handshake end at the deadline, not before", "[opening]") {
  opening_core o(required, 0s);
  o.info_sent();
  o.timed_out(1999ms);
  CHECK(o.act() == act::await_first_byte);
  o.timed_out(2s);
  CHECK(o.act() == act::give_up);

  opening_core slow(required, 0s);
  slow.info_sent();
  slow.first_byte(tls_record, 1s);
  slow.timed_out(2s);
  CHECK(slow.act() == act::handshake);
  slow.timed_out(3s);
  CHECK(slow.act() == act::give_up);
}

TEST_CASE("Where plain text is allowed the first byte decides, and silence is plain", "[opening]") {
  auto rules = with([](auto& r) { r.allow_plain = true; });
  opening_core plain(rules, 0s), tls(rules, 0s), silent(rules, 0s);
  for (auto* o : {&plain, &tls, &silent}) o->info_sent();
  plain.first_byte('P', 1ms);
  CHECK(plain.act() == act::open);
  CHECK_FALSE(plain.with_tls());
  tls.first_byte(tls_record, 1ms);
  CHECK(tls.act() == act::handshake);
  silent.timed_out(2s);
  CHECK(silent.act() == act::open);
}

TEST_CASE("TLS first: no INFO in clear, plain text is refused even where it is allowed",
          "[opening]") {
  auto rules = with([](auto& r) {
    r.info_first = false;
    r.allow_plain = true;
  });
  opening_core o(rules, 0s);
  CHECK(o.act() == act::await_first_byte);
  o.first_byte(tls_record, 1ms);
  CHECK(o.tls_first());
  o.handshaken();
  CHECK(o.act() == act::open);
  CHECK_FALSE(o.info_is_sent());

  opening_core plain(rules, 0s), silent(rules, 0s);
  plain.first_byte('C', 1ms);
  CHECK(plain.act() == act::refuse_plain);
  silent.timed_out(2s);
  CHECK(silent.act() == act::give_up);
}

TEST_CASE("TLS first within a delay: silence gets INFO and a full timeout more", "[opening]") {
  auto rules = with([](auto& r) {
    r.info_first = false;
    r.tls_wait = 50ms;
  });
  opening_core o(rules, 0s);
  CHECK(o.act() == act::await_first_byte);
  CHECK(o.deadline() == 50ms);
  o.timed_out(50ms);
  CHECK(o.act() == act::send_info);
  o.info_sent();
  CHECK(o.deadline() == 2050ms);
  o.first_byte(tls_record, 1s);
  CHECK(o.act() == act::handshake);
  CHECK_FALSE(o.tls_first());

  opening_core quick(rules, 0s);
  quick.first_byte(tls_record, 10ms);
  CHECK(quick.tls_first());
  CHECK(quick.deadline() == 2010ms);
}

TEST_CASE("A stage of its own shakes hands with TLS and without", "[opening]") {
  opening_core bare({.info_first = false, .stages = true, .timeout = 1s}, 0s);
  CHECK(bare.act() == act::handshake);
  CHECK_FALSE(bare.with_tls());
  CHECK(bare.deadline() == 1s);
  bare.timed_out(1s);
  CHECK(bare.act() == act::give_up);

  opening_core both({.tls = true, .info_first = false, .stages = true}, 0s);
  CHECK(both.act() == act::await_first_byte);
  both.first_byte(tls_record, 0s);
  CHECK(both.act() == act::handshake);
  CHECK(both.with_tls());
}

TEST_CASE("A PROXY header comes behind INFO and before everything else", "[opening]") {
  constexpr opening_rules plain{.proxy_header = true};
  CHECK_FALSE(plain.immediate());
  opening_core o(plain, 0s);
  CHECK(o.act() == act::send_info);
  CHECK(o.header_pending());
  o.info_sent();
  CHECK(o.act() == act::read_header);
  CHECK(o.deadline() == 5s);
  o.header_read(1s);
  CHECK(o.act() == act::open);
  CHECK_FALSE(o.header_pending());
  CHECK(o.info_is_sent());

  opening_core secure(with([](auto& r) { r.proxy_header = true; }), 0s);
  secure.info_sent();
  secure.header_read(4s);
  CHECK(secure.act() == act::await_first_byte);
  CHECK(secure.deadline() == 6s);
  secure.first_byte(tls_record, 5s);
  CHECK(secure.act() == act::handshake);
}

TEST_CASE("A PROXY header has five seconds to begin and five to end", "[opening]") {
  constexpr opening_rules plain{.proxy_header = true};
  opening_core silent(plain, 0s);
  silent.info_sent();
  silent.timed_out(4999ms);
  CHECK(silent.act() == act::read_header);
  silent.timed_out(5s);
  CHECK(silent.act() == act::header_late);

  opening_core begun(plain, 0s);
  begun.info_sent();
  begun.header_bytes(3, false, 1s);
  begun.timed_out(5s);
  CHECK(begun.act() == act::read_header);
  CHECK(begun.deadline() == 10s);
  begun.header_bytes(6, true, 9s);
  begun.header_bytes(7, true, 9500ms);
  begun.timed_out(10s);
  CHECK(begun.act() == act::header_late);

  opening_core recognised(plain, 0s);
  recognised.info_sent();
  recognised.header_bytes(8, true, 4s);
  CHECK(recognised.deadline() == 9s);
  recognised.header_bytes(9, true, 8s);
  CHECK(recognised.deadline() == 9s);
}

TEST_CASE("Where TLS may come first, the wait for it begins behind the PROXY header", "[opening]") {
  const opening_rules either = with([](auto& r) {
    r.info_first = false;
    r.tls_wait = 50ms;
    r.proxy_header = true;
  });
  opening_core o(either, 0s);
  CHECK(o.act() == act::read_header);
  CHECK(o.deadline() == 50ms);
  o.header_bytes(10, true, 20ms);
  CHECK(o.deadline() > 5s);
  o.header_read(30ms);
  CHECK(o.act() == act::await_first_byte);
  CHECK(o.deadline() == 80ms);
  o.timed_out(80ms);
  CHECK(o.act() == act::send_info);

  opening_core silent(either, 0s);
  silent.timed_out(50ms);
  CHECK(silent.act() == act::send_info);
  silent.info_sent();
  CHECK(silent.act() == act::read_header);
  silent.header_read(1s);
  CHECK(silent.act() == act::await_first_byte);
  silent.first_byte(tls_record, 1s);
  CHECK(silent.with_tls());
  CHECK_FALSE(silent.tls_first());
}
