// Which sessions of an account go when it may have fewer.
#include "actors/session/account_census.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

std::vector<client_id> numbers(std::initializer_list<uint64_t> list) {
  std::vector<client_id> out;
  for (uint64_t n : list) out.push_back(client_id{n});
  return out;
}

} // namespace

TEST_CASE("census: the oldest keep their place, in whatever order they were counted", "[session][core]") {
  const auto first = [](int64_t most) {
    auto members = numbers({40, 7, 12, 3, 25});
    const auto found = first_without_room(members, most);
    return found ? value(*found) : 0;
  };
  CHECK(first(6) == 0);
  CHECK(first(5) == 0);
  CHECK(first(4) == 40);
  CHECK(first(3) == 25);
  CHECK(first(1) == 7);
  CHECK(first(0) == 3);
  std::vector<client_id> nobody;
  CHECK_FALSE(first_without_room(nobody, 0));
}

TEST_CASE("census: the last hub decides, by the limit of that moment", "[session][core]") {
  auto env = std::make_shared<routing::shard_environment>();
  const auto account = std::make_shared<routing::account>("A", false, env, [](routing::account&) { return nullptr; });
  const auto limit = [&](int64_t most) {
    auto rules = std::make_shared<config::account_options>();
    rules->limits.max_connections = most;
    account->set_rules(rules);
  };
  limit(1);
  account_census census(account, 3);
  CHECK_FALSE(census.add(numbers({5, 9})));
  CHECK_FALSE(census.add({}));
  limit(2);
  CHECK(census.add(numbers({2})));
  CHECK(census.surplus_from() == client_id{9});
  limit(3);
  CHECK_FALSE(census.surplus_from());
  limit(-1);
  CHECK_FALSE(census.surplus_from());
}
