// Accounts in a directory: files, limits, deletion, and names that are no keys.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "actors/auth/account_sources.hpp"
#include "protocol/auth/jwt.hpp"
#include "test/catch.hpp"
#include "test/protocol/jwt_vectors.hpp"

using namespace troupe;
namespace go = troupe::test::go;
namespace fs = std::filesystem;

namespace {

struct folder {
  folder() {
    std::string name = (fs::temp_directory_path() / "troupe-accounts-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~folder() { fs::remove_all(path); }
  bool has(const std::string& name) const { return fs::exists(path / name); }
  fs::path path;
};

config::resolver_options options_of(const folder& f, config::resolver_kind kind) {
  config::resolver_options o;
  o.kind = kind;
  o.dir = f.path.string();
  return o;
}

std::string account(const std::string& key, int64_t issued) {
  claims_data d;
  d.subject = key;
  return encode_jwt(d, R"({"type":"account","version":2})", *nkey_pair::from_seed(go::seed_op),
                    issued);
}

std::string fresh_key() { return nkey_pair::generate(nkey_role::account).public_key(); }

using config::resolver_kind;

} // namespace

TEST_CASE("account directory: keeps the newer of two, over restarts", "[auth][resolver]") {
  folder f;
  const std::string key = fresh_key();
  auto dir = directory_source::open(options_of(f, resolver_kind::full));
  REQUIRE(dir);
  CHECK((*dir)->fetch(key).error().code == errc::not_found);
  const std::string first = account(key, 100), second = account(key, 200);
  CHECK((*dir)->save(key, first).value());
  CHECK_FALSE((*dir)->save(key, first).value());
  CHECK((*dir)->save(key, second).value());
  CHECK_FALSE((*dir)->save(key, account(key, 150)).value());
  CHECK((*dir)->fetch(key).value() == second);
  CHECK(f.has(key + ".jwt"));
  CHECK_FALSE(f.has(key + ".jwt.new"));
  CHECK_FALSE((*dir)->save(key, "nonsense"));
  CHECK_FALSE((*dir)->save(key, account(fresh_key(), 300))); // another's

  auto again = directory_source::open(options_of(f, resolver_kind::full));
  CHECK((*again)->keys() == std::vector<std::string>{key});
  CHECK((*again)->contents_hash() == (*dir)->contents_hash());
  CHECK_FALSE((*again)->save(fresh_key(), second)); // nor with a file that is new
}

TEST_CASE("account directory: the hash tells contents apart, not their order", "[auth][resolver]") {
  folder f, g;
  auto a = *directory_source::open(options_of(f, resolver_kind::full));
  auto b = *directory_source::open(options_of(g, resolver_kind::full));
  CHECK(a->contents_hash() == directory_source::hash{});
  const std::string one = fresh_key(), two = fresh_key();
  const std::string jwt_one = account(one, 1), jwt_two = account(two, 2);
  REQUIRE(a->save(one, jwt_one));
  REQUIRE(a->save(two, jwt_two));
  REQUIRE(b->save(two, jwt_two));
  CHECK(a->contents_hash() != b->contents_hash());
  REQUIRE(b->save(one, jwt_one));
  CHECK(a->contents_hash() == b->contents_hash());
}

TEST_CASE("account directory: deleting", "[auth][resolver]") {
  folder f;
  auto o = options_of(f, resolver_kind::full);
  const std::string key = fresh_key();
  auto fixed = *directory_source::open(o);
  REQUIRE(fixed->save(key, account(key, 1)));
  CHECK(fixed->remove(key).error().context == "store is not set up to for delete");
  o.allow_delete = true;
  auto renaming = *directory_source::open(o);
  CHECK(renaming->remove(key));
  CHECK(renaming->remove(key));
  CHECK(f.has(key + ".jwt.deleted"));
  CHECK_FALSE(f.has(key + ".jwt"));
  CHECK(renaming->keys().empty());
  o.hard_delete = true;
  auto hard = *directory_source::open(o);
  REQUIRE(hard->save(key, account(key, 2)));
  CHECK(hard->remove(key));
  CHECK_FALSE(f.has(key + ".jwt"));
}

TEST_CASE("account directory: a full one refuses, a cache lets go of the least used",
          "[auth][resolver]") {
  folder f, g;
  auto o = options_of(f, resolver_kind::full);
  o.limit = 2;
  auto full = *directory_source::open(o);
  const std::string a = fresh_key(), b = fresh_key(), c = fresh_key();
  for (const std::string& key : {a, b})
    REQUIRE(full->save(key, account(key, 1)));
  CHECK(full->save(c, account(c, 1)).error().context == "jwt store is full");
  CHECK(full->save(a, account(a, 2)).value());

  o = options_of(g, resolver_kind::cache);
  o.limit = 2;
  auto cache = *directory_source::open(o);
  for (const std::string& key : {a, b})
    REQUIRE(cache->save(key, account(key, 1)));
  REQUIRE(cache->fetch(a));
  REQUIRE(cache->save(c, account(c, 1)));
  CHECK(cache->fetch(a));
  CHECK_FALSE(cache->fetch(b));
  CHECK_FALSE(g.has(b + ".jwt"));
  CHECK(cache->may_delete());
}

TEST_CASE("attack case 29: no name of a file is built from what is no key",
          "[auth][resolver][attack]") {
  folder f;
  auto o = options_of(f, resolver_kind::full);
  o.allow_delete = o.hard_delete = true;
  auto dir = *directory_source::open(o);
  const fs::path outside = f.path.parent_path() / (f.path.filename().string() + "-outside.jwt");
  std::ofstream(outside) << "kept";
  const std::string climbing = "../" + outside.filename().string().substr(
                                           0, outside.filename().string().size() - 4);
  for (const std::string& key : {climbing, std::string("/etc/passwd"), std::string(), std::string(".."),
                                 std::string(go::pub_user), std::string(go::pub_acc) + "/x",
                                 std::string(56, 'B')}) {
    CAPTURE(key);
    CHECK_FALSE(dir->fetch(key));
    CHECK_FALSE(dir->save(key, account(go::pub_acc, 1)));
    CHECK_FALSE(dir->remove(key));
  }
  CHECK(fs::exists(outside));
  fs::remove(outside);
  CHECK(dir->keys().empty());
  // Nor are links followed.
  const std::string key = fresh_key();
  fs::create_symlink("/etc/passwd", f.path / (key + ".jwt"));
  CHECK_FALSE(dir->fetch(key));
}

TEST_CASE("account sources: what a file may be, and what keeps a node from starting",
          "[auth][resolver]") {
  folder f;
  auto o = options_of(f, resolver_kind::full);
  const std::string key = fresh_key();
  o.preload = {{key, account(key, 5)}};
  auto source = make_account_source(o);
  REQUIRE(source);
  CHECK((*source)->fetch(key).value() == o.preload[key]);
  std::ofstream(f.path / (key + ".jwt")) << std::string(max_jwt_bytes + 1, 'x');
  CHECK((*source)->fetch(key).error().code == errc::limit_exceeded);
  o.preload = {{key, "nonsense"}};
  CHECK_FALSE(make_account_source(o));
  o = options_of(f, resolver_kind::memory);
  o.preload = {{key, "whatever"}};
  CHECK((*make_account_source(o))->fetch(key).value() == "whatever");
  CHECK_FALSE((*make_account_source(o))->fetch(fresh_key()));
  o.kind = resolver_kind::full;
  o.dir = "/proc/nowhere/to/write";
  CHECK_FALSE(make_account_source(o));
}
