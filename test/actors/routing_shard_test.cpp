// What a shard promises to sessions and to its peers, one promise per test.
#include "actors/routing/shard_core.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "test/catch.hpp"

using namespace troupe::routing;

namespace {

size_t plain_count(shard_core& shard, std::string_view subject) {
  return shard.match(subject).plain.size();
}

std::vector<std::string> reverse(const shard_core& shard, std::string_view pattern) {
  std::vector<std::string> found;
  std::string text;
  shard.reverse_match(pattern, [&](subscription& s) {
    shard.subject_of(s, text);
    found.push_back(text);
  });
  std::sort(found.begin(), found.end());
  return found;
}

interest_change change(std::string subject, std::string queue, uint32_t weight) {
  return {std::move(subject), std::move(queue), weight};
}

using names = std::vector<std::string>;

} // namespace

TEST_CASE("literal and wildcard filters match the subjects they should") {
  shard_core shard(0);
  for (const char* filter : {"foo", "foo.bar", "foo.*", "*.bar", "foo.>", ">", "*", "foo.*.baz"})
    REQUIRE(shard.subscribe(nullptr, filter, "", "1") != nullptr);
  CHECK(plain_count(shard, "foo") == 3);       // foo > *
  CHECK(plain_count(shard, "foo.bar") == 5);   // foo.bar foo.* *.bar foo.> >
  CHECK(plain_count(shard, "foo.x") == 3);     // foo.* foo.> >
  CHECK(plain_count(shard, "foo.x.baz") == 3); // foo.*.baz foo.> >
  CHECK(plain_count(shard, "bar.bar") == 2);   // *.bar >
  CHECK(plain_count(shard, "a.b.c.d") == 1);   // >
}

TEST_CASE("a subject with an empty token matches nothing, not even everything") {
  shard_core shard(0);
  shard.subscribe(nullptr, ">", "", "1");
  shard.subscribe(nullptr, ">", "queue", "2");
  shard.subscribe(nullptr, "foo.*.bar", "", "3");
  for (const char* subject : {"", ".", ".foo", "..foo", "foo.", "foo..", "foo..bar", "foo...bar"}) {
    CHECK(shard.match(subject).empty());
    CHECK_FALSE(shard.has_interest(subject));
    CHECK(shard.num_interest(subject) == std::pair<size_t, size_t>{0, 0});
  }
}

TEST_CASE("wildcard characters in a published subject are plain text") {
  shard_core shard(0);
  shard.subscribe(nullptr, "foo.*", "", "1");
  shard.subscribe(nullptr, "foo.bar", "", "2");
  shard.subscribe(nullptr, "foo.>", "", "3");
  CHECK(plain_count(shard, "foo.*") == 2);
  CHECK(plain_count(shard, "foo.>") == 2);
  CHECK(plain_count(shard, ">") == 0);
}

TEST_CASE("wildcard characters inside a longer token of a filter are plain text") {
  shard_core shard(0);
  shard.subscribe(nullptr, "foo.*-", "", "1");
  shard.subscribe(nullptr, "foo.>-", "", "2");
  CHECK(plain_count(shard, "foo.*-") == 1);
  CHECK(plain_count(shard, "foo.>-") == 1);
  CHECK(plain_count(shard, "foo.bar") == 0);
}

TEST_CASE("a filter with an empty token or something behind '>' is refused") {
  shard_core shard(0);
  for (const char* filter : {"", ".", "foo.", ".foo", "foo..bar", "foo.>.bar", ">.>"})
    CHECK(shard.subscribe(nullptr, filter, "", "1") == nullptr);
  CHECK(shard.subscribe(nullptr, std::string(70000, 'a'), "", "1") == nullptr);
  CHECK(shard.usage().nodes == 0);
  CHECK_FALSE(shard.has_interest_changes());
}

TEST_CASE("a subscription keeps its owner, its subject, its group and a sid of any length") {
  shard_core shard(0);
  int someone = 0;
  auto* owner = reinterpret_cast<subscriber*>(&someone);
  const std::string deep = "a.*.a-token-that-is-longer-than-twenty-four-bytes.c";
  subscription* s = shard.subscribe(owner, deep, "workers", std::string(300, '7'));
  CHECK(s->owner == owner);
  CHECK(s->sid() == std::string(300, '7'));
  CHECK(s->in_queue());
  CHECK(s->delivered == 0);
  CHECK(s->max == 0);
  std::string subject;
  shard.subject_of(*s, subject);
  CHECK(subject == deep);
  CHECK(shard.queue_of(*s) == "workers");
  CHECK(shard.subscribe(owner, deep, "", "9")->sid() == "9");
  CHECK(sizeof(subscription) <= 56);
}

TEST_CASE("subscriptions to one subject come in the order in which they were made") {
  shard_core shard(0);
  std::vector<subscription*> subs;
  for (int i = 0; i < 5; ++i)
    subs.push_back(shard.subscribe(nullptr, "foo", "", "1"));
  shard.unsubscribe(subs[4]);
  shard.unsubscribe(subs[0]);
  shard.unsubscribe(subs[2]);
  subs[0] = shard.subscribe(nullptr, "foo", "", "1");
  const auto plain = shard.match("foo").plain;
  CHECK(std::vector(plain.begin(), plain.end()) == std::vector{subs[1], subs[3], subs[0]});
}

TEST_CASE("queue groups of one name under several matching filters are one group") {
  shard_core shard(0);
  shard.subscribe(nullptr, "foo.*", "workers", "1");
  shard.subscribe(nullptr, "foo.>", "workers", "2");
  shard.subscribe(nullptr, "foo.bar", "audit", "3");
  shard.apply(1, change("foo.bar", "workers", 3));
  shard.apply(1, change(">", "workers", 2));
  shard.apply(2, change("foo.bar", "remote-only", 4));
  const match_result& r = shard.match("foo.bar");
  REQUIRE(r.queues.size() == 3);
  for (const queue_match& q : r.queues) {
    if (q.name == "workers") {
      CHECK(q.members.size() == 2);
      REQUIRE(q.remote.size() == 1);
      CHECK(q.remote[0] == remote_weight{1, 5});
      CHECK(q.total_weight == 7);
    } else if (q.name == "audit") {
      CHECK(q.members.size() == 1);
      CHECK(q.total_weight == 1);
    } else {
      CHECK(q.name == "remote-only");
      CHECK(q.members.empty());
      CHECK(q.total_weight == 4);
    }
  }
  CHECK(shard.num_interest("foo.bar") == std::pair<size_t, size_t>{0, 12});
}

TEST_CASE("a peer learns when interest begins and ends, and nothing of what cancels out") {
  shard_core shard(0);
  subscription* a = shard.subscribe(nullptr, "a", "", "1");
  subscription* b = shard.subscribe(nullptr, "a", "", "2");
  subscription* q = shard.subscribe(nullptr, "a", "q", "3");
  shard.subscribe(nullptr, "a", "q", "4");
  shard.unsubscribe(shard.subscribe(nullptr, "gone.*", "", "5"));
  CHECK(shard.take_interest_changes() == std::vector{change("a", "", 1), change("a", "q", 2)});
  CHECK_FALSE(shard.has_interest_changes());
  CHECK(shard.usage().nodes == 1); // gone.* is gone
  shard.unsubscribe(a);
  shard.unsubscribe(q);
  CHECK(shard.take_interest_changes() == std::vector{change("a", "q", 1)});
  shard.unsubscribe(b);
  shard.subscribe(nullptr, "a", "", "6");
  CHECK(shard.take_interest_changes().empty());
  CHECK(shard.all_local_interest().size() == 2);
}

TEST_CASE("a restarted peer learns what the others know, and the rest with them") {
  shard_core shard(0);
  subscription* s = shard.subscribe(nullptr, "a", "", "1");
  shard.take_interest_changes();
  shard.subscribe(nullptr, "b", "", "2");
  shard.unsubscribe(s);
  CHECK(shard.all_local_interest() == std::vector{change("a", "", 1)});
  CHECK(shard.take_interest_changes(1) == std::vector{change("b", "", 1)});
  CHECK(shard.take_interest_changes(1) == std::vector{change("a", "", 0)});
}

TEST_CASE("a shard without peers keeps no list of changes") {
  shard_core shard(0, shard_options{.has_peers = false});
  subscription* s = shard.subscribe(nullptr, "a.*.c", "q", "1");
  CHECK_FALSE(shard.has_interest_changes());
  CHECK(shard.all_local_interest() == std::vector{change("a.*.c", "q", 1)});
  shard.unsubscribe(s);
  CHECK(shard.usage().nodes == 0);
}

TEST_CASE("remote interest is a set of reactors, and goes with the reactor") {
  shard_core shard(3);
  shard.apply(1, change("a.*", "", 1));
  shard.apply(63, change("a.b", "", 1));
  shard.apply(63, change("a.b", "", 1)); // told twice
  shard.apply(3, change("a.b", "", 1));  // itself
  shard.apply(64, change("a.b", "", 1)); // no such reactor
  CHECK(shard.match("a.b").remote_plain == ((uint64_t{1} << 63) | 2));
  CHECK(shard.num_interest("a.b") == std::pair<size_t, size_t>{2, 0});
  shard.forget(63);
  CHECK(shard.match("a.b").remote_plain == 2);
  shard.apply(1, change("a.*", "", 0));
  CHECK(shard.match("a.b").empty());
  CHECK(shard.usage().nodes == 0);
}

TEST_CASE("reverse match finds the filters that overlap a pattern") {
  shard_core shard(0);
  for (const char* filter : {"foo", "bar", "foo.bar", "foo.baz", "foo.bar.baz"})
    shard.subscribe(nullptr, filter, "", "1");
  CHECK(reverse(shard, "foo") == names{"foo"});
  CHECK(reverse(shard, "*") == names{"bar", "foo"});
  CHECK(reverse(shard, "baz").empty());
  CHECK(reverse(shard, "foo.*") == names{"foo.bar", "foo.baz"});
  CHECK(reverse(shard, "*.bar") == names{"foo.bar"});
  CHECK(reverse(shard, "foo.>") == names{"foo.bar", "foo.bar.baz", "foo.baz"});
  CHECK(reverse(shard, ">").size() == 5);
  shard.subscribe(nullptr, "uplink.*.*.>", "", "1");
  CHECK(reverse(shard, "uplink.1.*.*.>") == names{"uplink.*.*.>"});
  CHECK(reverse(shard, "uplink.1.2.3.>") == names{"uplink.*.*.>"});
  CHECK(reverse(shard, "uplink.1").empty());
}

TEST_CASE("notifications tell of the first and the last exact interest, local or remote") {
  shard_core shard(0);
  std::vector<int> heard;
  const auto listen = [&](bool present) { heard.push_back(present); };
  CHECK(shard.register_notification("foo.*", "", listen) == 0);
  CHECK(shard.register_notification(">", "", listen) == 0);
  CHECK(shard.register_notification("foo", "", nullptr) == 0);
  CHECK_FALSE(shard.clear_notification(17));
  const uint64_t id = shard.register_notification("foo", "", listen);
  CHECK(heard == std::vector{0});
  shard.subscribe(nullptr, "*", "", "1");
  shard.subscribe(nullptr, "foo", "group", "2");
  CHECK(heard == std::vector{0}); // neither wildcards nor groups count
  subscription* a = shard.subscribe(nullptr, "foo", "", "3");
  subscription* b = shard.subscribe(nullptr, "foo", "", "4");
  CHECK(heard == std::vector{0, 1});
  shard.apply(1, change("foo", "", 1));
  shard.unsubscribe(a);
  shard.unsubscribe(b);
  CHECK(heard == std::vector{0, 1});
  shard.forget(1);
  CHECK(heard == std::vector{0, 1, 0});
  CHECK(shard.clear_notification(id));
  shard.subscribe(nullptr, "foo", "", "5");
  CHECK(heard == std::vector{0, 1, 0});
  shard.register_notification("foo", "group", listen);
  CHECK(heard == std::vector{0, 1, 0, 1});
}

TEST_CASE("a bulk removal notifies once, and the callback may use the shard") {
  shard_core shard(0);
  std::vector<subscription*> subs;
  for (int i = 0; i < 10; ++i)
    subs.push_back(shard.subscribe(nullptr, "foo", "", "1"));
  int ends = 0;
  shard.register_notification("foo", "", [&](bool present) {
    if (present) return;
    ++ends;
    CHECK(shard.match("foo").empty());
    shard.subscribe(nullptr, "bar", "", "2");
  });
  shard.unsubscribe_all(subs);
  CHECK(ends == 1);
  CHECK(plain_count(shard, "bar") == 1);
}

TEST_CASE("statistics count as the Go server's sublist does") {
  shard_core shard(0);
  subscription* s = shard.subscribe(nullptr, "foo", "", "1");
  shard.subscribe(nullptr, "foo", "q", "2");
  shard.subscribe(nullptr, "foo", "q", "3");
  shard.unsubscribe(shard.subscribe(nullptr, "bar", "", "4"));
  for (int i = 0; i < 3; ++i)
    shard.match("foo");
  shard.match("none");
  const auto stats = shard.get_stats();
  CHECK(stats.num_subs == 3);
  CHECK(stats.num_inserts == 4);
  CHECK(stats.num_removes == 1);
  CHECK(stats.num_matches == 4);
  CHECK(stats.num_cache == 2);
  CHECK(stats.cache_hit_rate == 0.5);
  CHECK(stats.max_fanout == 2); // one plain, one group
  CHECK(stats.avg_fanout == 1.0);
  shard.unsubscribe(s);
  CHECK(shard.get_stats().num_cache == 1);
}
