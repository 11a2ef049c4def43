// Where and when users may connect, templates of scoped keys, and sealed texts.
#include <string>

#include "protocol/auth/jwt.hpp"
#include "protocol/auth/user_limits.hpp"
#include "protocol/auth/user_template.hpp"
#include "protocol/auth/xkey.hpp"
#include "test/catch.hpp"
#include "test/protocol/jwt_vectors.hpp"

using namespace troupe;
namespace go = troupe::test::go;

namespace {

constexpr int64_t hour = 3600;

/// UTC, one hour east, and a zone that jumps from 0 to one hour at 02:00 on 1970-01-02.
const zone_offset zones = [](std::string_view zone, int64_t t) -> std::optional<int64_t> {
  if (zone.empty()) return 0;
  if (zone == "East") return hour;
  if (zone == "Jump") return t < 26 * hour ? 0 : hour;
  return {};
};

user_permission_limits during(std::string start, std::string end, std::string zone = {}) {
  user_permission_limits l;
  l.times.push_back({std::move(start), std::move(end)});
  l.locale = std::move(zone);
  return l;
}

std::string hex(std::string_view digits) {
  std::string out;
  for (size_t i = 0; i + 1 < digits.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return out;
}

} // namespace

TEST_CASE("user limits: source addresses", "[auth][limits]") {
  CHECK(source_allowed({}, ""));
  CHECK(source_allowed({"10.0.0.0/8"}, "10.1.2.3"));
  CHECK(source_allowed({"1.2.3.4/32", "10.0.0.0/9"}, "10.127.2.3"));
  CHECK_FALSE(source_allowed({"10.0.0.0/9"}, "10.128.2.3"));
  CHECK(source_allowed({"0.0.0.0/0"}, "255.1.1.1"));
  CHECK_FALSE(source_allowed({"::/0"}, "10.1.1.1"));
  CHECK_FALSE(source_allowed({"0.0.0.0/0"}, "::1"));
  CHECK(source_allowed({"::/0"}, "::1"));
  CHECK(source_allowed({"fe80::/10"}, "febf::1"));
  CHECK(source_allowed({"10.0.0.0/8"}, "::ffff:10.1.2.3"));
  CHECK_FALSE(source_allowed({"10.0.0.0/8"}, "localhost"));
  CHECK_FALSE(source_allowed({"10.0.0.0/8"}, ""));
  CHECK_FALSE(source_allowed({"nonsense", "10.0.0.0/8"}, "10.1.2.3"));
  for (const char* bad : {"", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "::/129",
                          "/8", "10.0.0.0/", "10.0.0/8", "10.0.0.0/8 "})
    CHECK_FALSE(parse_cidr(bad));
}

TEST_CASE("user limits: times of day", "[auth][limits]") {
  const auto office = during("08:00:00", "18:00:00");
  CHECK_FALSE(time_allowed(office, 8 * hour - 1, zones).allowed);
  CHECK(time_allowed(office, 8 * hour, zones).valid_for_s == 10 * hour);
  CHECK(time_allowed(office, 18 * hour - 1, zones).valid_for_s == 1);
  CHECK_FALSE(time_allowed(office, 18 * hour, zones).allowed);
  CHECK(time_allowed({}, 5, zones).allowed);
  CHECK(time_allowed({}, 5, zones).valid_for_s == 0);

  const auto night = during("22:00:00", "06:00:00");
  CHECK(time_allowed(night, 23 * hour, zones).valid_for_s == 7 * hour);
  CHECK(time_allowed(night, 5 * hour, zones).valid_for_s == hour);
  CHECK_FALSE(time_allowed(night, 12 * hour, zones).allowed);

  CHECK(time_allowed(during("08:00:00", "18:00:00", "East"), 7 * hour, zones).allowed);
  CHECK_FALSE(time_allowed(during("08:00:00", "18:00:00", "East"), 17 * hour, zones).allowed);
  // The clocks go forward between the start and the end: one hour less is left.
  CHECK(time_allowed(during("01:00:00", "05:00:00", "Jump"), 25 * hour, zones).valid_for_s
        == 3 * hour);
  CHECK_FALSE(time_allowed(during("08:00:00", "18:00:00", "Nowhere"), 9 * hour, zones).allowed);
  CHECK_FALSE(time_allowed(during("8 o'clock", "18:00:00"), 9 * hour, zones).allowed);

  auto twice = during("08:00:00", "10:00:00");
  twice.times.push_back({"09:00:00", "12:00:00"});
  CHECK(time_allowed(twice, 9 * hour, zones).valid_for_s == 3 * hour);
  for (const char* bad : {"", "24:00:00", "08:60:00", "08:00", "08:00:00.5", "-1:00:00", "aa:bb:cc"})
    CHECK_FALSE(parse_time_of_day(bad));
  CHECK(parse_time_of_day("9:04:05") == 9 * hour + 245);
}

TEST_CASE("user templates: values of the user and the account", "[auth][template]") {
  auto account = decode_account_jwt(go::account);
  auto user = decode_user_jwt(go::scoped);
  REQUIRE(account);
  REQUIRE(user);
  auto filled = fill_template(*account->signing_keys.at(go::pub_scoped), *user, *account);
  REQUIRE(filled);
  CHECK(filled->permissions.publish.allow
        == claim_strings{"out.worker.>", "t.red.eu", "t.blue.eu"});
  CHECK(filled->permissions.subscribe.allow == claim_strings{"in." + std::string(go::pub_user)});
  CHECK(filled->permissions.subscribe.deny == claim_strings{"no.ACC." + std::string(go::pub_acc)});
  CHECK(filled->subscriptions == 5);
  CHECK(states_nothing(user->limits));
  CHECK_FALSE(states_nothing(*filled));
}

TEST_CASE("user templates: what cannot be filled in never widens a permission",
          "[auth][template]") {
  user_scope scope;
  user_claims user;
  account_claims account;
  user.data.name = "a b"; // no token of a subject
  auto with = [&](claim_strings allow, claim_strings deny) {
    scope.limits.permissions.publish = {std::move(allow), std::move(deny)};
    return fill_template(scope, user, account);
  };
  auto gone = with({"x.{{name()}}", "y.{{tag(none)}}"}, {});
  REQUIRE(gone);
  CHECK(gone->permissions.publish.allow.empty());
  CHECK(gone->permissions.publish.deny == claim_strings{">"});
  CHECK_FALSE(with({}, {"x.{{name()}}"}));
  CHECK_FALSE(with({}, {"x.{{tag(none)}}"}));
  CHECK_FALSE(with({"x.{{nonsense()}}"}, {}));
  user.data.name = "{{subject()}}"; // is text, not a template again
  user.data.subject = "S";
  CHECK(with({"x.{{name()}}.{{subject()}}"}, {})->permissions.publish.allow
        == claim_strings{"x.{{subject()}}.S"});
  user.data.name = "n";
  CHECK(with({"plain", "{{ NAME() }}.>", "{{name()}", "{{{name()}}}"}, {})->permissions.publish.allow
        == claim_strings{"plain", "n.>", "{{name()}", "{n}"});
}

TEST_CASE("user templates: combinations of tags, and not too many", "[auth][template]") {
  user_scope scope;
  user_claims user;
  account_claims account;
  user.tags = {"a:1", "a:2", "b:x", "b:y"};
  scope.limits.permissions.subscribe.allow = {"{{tag(a)}}.{{tag(b)}}.{{Tag(A)}}"};
  auto filled = fill_template(scope, user, account);
  REQUIRE(filled);
  // Twice the same placeholder has the same value, unless it is spelled otherwise.
  CHECK(filled->permissions.subscribe.allow.size() == 8);
  scope.limits.permissions.subscribe.allow = {"{{tag(a)}}.{{tag(b)}}.{{tag(a)}}"};
  CHECK(fill_template(scope, user, account)->permissions.subscribe.allow
        == claim_strings{"1.x.1", "1.y.1", "2.x.2", "2.y.2"});
  user.tags.clear();
  for (int i = 0; i < 64; ++i) {
    user.tags.push_back("a:" + std::to_string(i));
    user.tags.push_back("b:" + std::to_string(i));
  }
  scope.limits.permissions.subscribe.allow = {"{{tag(a)}}.{{tag(b)}}"};
  CHECK(fill_template(scope, user, account)->permissions.subscribe.allow.size()
        == max_template_expansions);
  scope.limits.permissions.subscribe.allow.push_back("one.{{tag(a)}}");
  CHECK_FALSE(fill_template(scope, user, account));
}

TEST_CASE("xkey: opens what the Go library sealed", "[auth][xkey]") {
  auto a = curve_key::from_seed(go::xseed_a);
  auto b = curve_key::from_seed(go::xseed_b);
  REQUIRE(a);
  REQUIRE(b);
  CHECK(a->public_key() == go::xkey_a);
  CHECK(b->public_key() == go::xkey_b);
  CHECK(b->open(hex(go::sealed), go::xkey_a).value() == "a secret");
  // No byte, one, and several blocks of the cipher.
  CHECK(b->open(hex(go::sealed_0), go::xkey_a).value().empty());
  CHECK(b->open(hex(go::sealed_1), go::xkey_a).value() == "x");
  std::string long_text;
  for (int i = 0; i < 20; ++i) long_text += "0123456789";
  CHECK(b->open(hex(go::sealed_200), go::xkey_a).value() == long_text);
  auto sealed = a->seal("another", go::xkey_b);
  REQUIRE(sealed);
  CHECK(b->open(*sealed, go::xkey_a).value() == "another");
  CHECK_FALSE(a->open(*sealed, go::xkey_a));
  CHECK(b->open(*a->seal("", go::xkey_b), go::xkey_a).value().empty());
}

TEST_CASE("xkey: what was touched does not open", "[auth][xkey]") {
  auto b = curve_key::from_seed(go::xseed_b);
  const std::string good = hex(go::sealed);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    CHECK_FALSE(b->open(bad, go::xkey_a));
    CHECK_FALSE(b->open(good.substr(0, i), go::xkey_a));
  }
  CHECK_FALSE(b->open(good, go::xkey_b));
  CHECK_FALSE(b->open(good, go::pub_acc));
  CHECK_FALSE(b->open(good, ""));
  CHECK_FALSE(curve_key::from_seed(go::seed_acc));
  CHECK_FALSE(curve_key::from_seed(""));
}

TEST_CASE("attack case 31: nothing is sealed with an all-zero key", "[auth][xkey][attack]") {
  CHECK_FALSE(curve_key::from_raw_seed({}));
  const std::string zero = encode_public_nkey(nkey_role::curve, {});
  auto a = curve_key::from_seed(go::xseed_a);
  CHECK_FALSE(a->seal("x", zero));
  CHECK_FALSE(a->open(hex(go::sealed), zero));
  nkey_public small{}; // of small order: every secret with it is zero
  small[0] = 1;
  CHECK_FALSE(a->seal("x", encode_public_nkey(nkey_role::curve, small)));
  CHECK(curve_key::generate().public_key() != curve_key::generate().public_key());
}
