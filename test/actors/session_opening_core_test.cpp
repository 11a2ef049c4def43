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
