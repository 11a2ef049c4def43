// Random trees of accounts on one to three reactors against a plain model: who gets what under which subject, and where
// answers end. The seed stands in each failure; ACCOUNT_TREE=<seed> runs it again.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "actors/session/shadow_subscriptions.hpp"
#include "test/actors/fixtures/still_reactors.hpp"
#include "test/actors/routing_model.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;
using routing::test::matches;
using routing::test::tokens_of;

namespace {

using words = std::vector<std::string>;

std::string joined(const words& tokens) {
  std::string out;
  for (const std::string& t : tokens) out += (out.empty() ? "" : ".") + t;
  return out;
}

/// What an importer calls the exporter's subjects: `here` of `there`, wildcard by wildcard, which may change places.
struct renaming {
  std::string there, here;
  std::vector<size_t> order;  // the n-th wildcard here is that one there

  /// `subject` matches `from`: put into `to`, whose n-th wildcard is filled with the `order[n]`-th found.
  static std::string apply(const std::string& subject, const std::string& from, const std::string& to,
                           const std::vector<size_t>& order) {
    words found, out;
    const words tokens = tokens_of(subject), pattern = tokens_of(from);
    for (size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] == "*") found.push_back(tokens[i]);
      if (pattern[i] == ">") found.push_back(joined({tokens.begin() + static_cast<std::ptrdiff_t>(i), tokens.end()}));
    }
    size_t n = 0;
    for (const std::string& t : tokens_of(to)) out.push_back(t == "*" || t == ">" ? found.at(order.at(n++)) : t);
    return joined(out);
  }
  std::string to_here(const std::string& subject) const { return apply(subject, there, here, order); }
  std::string to_there(const std::string& subject) const {
    std::vector<size_t> back(order.size());
    for (size_t i = 0; i < order.size(); ++i) back[order[i]] = i;
    return apply(subject, here, there, back);
  }
};

struct import {
  bool service = false;
  std::string from;  // account
  renaming names;
  bool streamed = false;  // many answers
};

struct listener {
  std::string account, filter, queue;
  unsigned reactor = 0;
  taking_subscriber taker;
  routing::subscription* sub = nullptr;
  shadow_subscriptions shadows;
};

/// The way back of a request; told apart by what the exchange calls it.
struct way_back {
  std::string account, reply;
  std::shared_ptr<way_back> before;  // where `reply` is one of the exchange's, too
  bool streamed = false, open = true;
};
using way_ptr = std::shared_ptr<way_back>;

/// One search: each of `plain` gets it, and one of each group.
struct match {
  std::string account, reply;
  way_ptr way;
  std::vector<std::pair<const listener*, std::string>> plain;
  std::map<std::string, decltype(plain)> groups;
};

class tree {
public:
  explicit tree(unsigned seed) : random(seed) {
    const size_t n = 5 + below(4);
    for (size_t i = 0; i < n; ++i) names.push_back(std::string(1, static_cast<char>('A' + i)));
    for (size_t i = 0; i < n; ++i) {
      options.accounts.emplace_back().name = names[i];
      for (const bool service : {false, true}) fill(i, service);
    }
  }

  size_t below(size_t n) { return random() % n; }
  const std::string& some(const words& list) { return list[below(list.size())]; }
  std::string literal(const std::string& filter) {
    words out;
    for (const std::string& t : tokens_of(filter)) {
      out.push_back(t == "*" || t == ">" ? some({"x", "y"}) : t);
      if (t == ">" && below(2)) out.push_back(some({"x", "y"}));
    }
    return joined(out);
  }
  /// A filter that has to do with the account.
  std::string filter_of(const std::string& account) {
    const words& all = filters[account];
    return below(5) == 0 ? some({">", "s.>", "q.>", "*.*", "*.*.x"}) : some(all);
  }

  std::mt19937 random;
  words names;
  config::server_options options;
  std::map<std::string, std::vector<import>> imports;
  std::map<std::string, words> filters;  // what each account exports, or sees of others

private:
  static bool overlap(const words& list, const std::string& filter) {
    return std::any_of(list.begin(), list.end(),
                       [&](const std::string& other) { return routing::test::overlap(other, filter); });
  }

  void offer(config::account_options& of, bool service, const std::string& subject, bool streamed) {
    words& taken = exported[of.name + (service ? "q" : "s")];
    if (overlap(taken, subject)) return;
    taken.push_back(subject);
    filters[of.name].push_back(subject);
    config::export_options& e = of.exports.emplace_back();
    e.service = service;
    e.subject = subject;
    if (streamed) e.response = config::response_type::stream;
  }

  /// Accounts import from those before them, so that no circle closes; what they import they may give on.
  void fill(size_t i, bool service) {
    config::account_options& own = options.accounts[i];
    const std::string s = service ? "q" : "s";
    offer(own, service, s + some({".x", ".*", ".*.y", ".>"}), below(3) == 0);
    offer(own, service, s + "2." + some({"x", "*.*", "x.>"}), below(3) == 0);
    for (size_t k = 0; i > 0 && k < 3; ++k) {
      const config::account_options& from = options.accounts[below(i)];
      std::vector<const config::export_options*> offers;
      for (const auto& e : from.exports)
        if (e.service == service) offers.push_back(&e);
      // The last ones came from elsewhere.
      const config::export_options& e = *offers[std::max(below(offers.size()), below(offers.size()))];
      take(own, from.name, e.subject, service, e.response == config::response_type::stream);
    }
  }

  void take(config::account_options& own, const std::string& from, const std::string& subject, bool service,
            bool streamed) {
    words there = tokens_of(subject);
    for (std::string& t : there)
      if (t == "*" && below(4) == 0) t = "x";
    renaming r{joined(there), {}, {}};
    const size_t stars = static_cast<size_t>(std::count(there.begin(), there.end(), "*"));
    const bool tail = there.back() == ">";
    for (size_t n = 0; n < stars + tail; ++n) r.order.push_back(n);
    config::import_options o;
    o.service = service;
    o.account = from;
    o.subject = r.there;
    r.here = r.there;
    if (!service && below(3) == 0) {
      o.prefix = some({"p", "s"});
      r.here = o.prefix + "." + r.there;
    } else if (!tail && below(2)) {
      if (stars == 2 && below(2)) std::swap(r.order[0], r.order[1]);
      r.here = (service ? "q3." : "s3.") + some({"a", "b"});
      o.to = r.here;
      for (const size_t n : r.order) {
        r.here += ".*";
        o.to += ".$" + std::to_string(n + 1);
      }
    }
    for (const import& other : imports[own.name]) {
      const bool twice = other.from == from && other.names.there == r.there;
      if (other.service == service && (twice || other.names.here == r.here)) return;
    }
    own.imports.push_back(o);
    filters[own.name].push_back(r.here);
    imports[own.name].push_back({service, from, r, streamed});
    if (below(3) != 0) offer(own, service, r.here, below(3) == 0);
  }

  std::map<std::string, words> exported;
};

/// A tree on reactors, with listeners everywhere, and what the model expects of it.
class run : public still_reactors {
public:
  run(tree& t, unsigned reactors) : still_reactors(reactors, t.options), t(t) {
    for (const std::string& account : t.names) {
      for (size_t n = 0; n < 6; ++n)
        listen(account, t.filter_of(account), t.below(2) ? "" : t.some({"g1", "g1", "g2"}));
      listen(account, "inbox.>", "");
    }
    turn_all();
  }
  ~run() {
    for (auto& l : listeners)
      on(l->reactor, [&] {
        l->shadows.remove(*l->sub);
        shard(l->reactor, l->account).unsubscribe(l->sub);
      });
    turn_all();
  }

  void ask(size_t n) {
    const std::string account = t.some(t.names), reply = t.below(3) ? "inbox." + std::to_string(n) : "";
    const std::string subject = t.literal(t.filter_of(account));
    INFO(n << ": " << account << " publishes " << subject << " reply " << reply);
    std::vector<match> expected;
    search(expected, account, subject, reply, nullptr);
    publish(account, subject, reply);
    const std::map<way_ptr, std::string> ways = check(expected);
    for (const match& m : expected) {
      auto known = ways.find(m.way);
      if (!m.way || known == ways.end()) continue;
      for (size_t k = t.below(3); k > 0; --k) {
        INFO(m.account << " answers " << known->second);
        std::vector<match> back;
        answered(back, m.account, m.way);
        publish(m.account, known->second, "");
        check(back);
      }
    }
  }

private:
  void listen(const std::string& account, const std::string& filter, const std::string& queue) {
    auto& l = *listeners.emplace_back(std::make_unique<listener>());
    l.account = account;
    l.filter = filter;
    l.queue = queue;
    l.reactor = static_cast<unsigned>(t.below(drivers.size()));
    on(l.reactor, [&] {
      routing::shard_actor& s = shard(l.reactor, account);
      l.sub = s.subscribe(&l.taker, filter, queue, "1");
      l.shadows.add({&l.taker, &s, static_cast<reactor_index>(l.reactor)}, *l.sub, filter, queue);
    });
  }

  void publish(const std::string& account, const std::string& subject, const std::string& reply) {
    const auto r = static_cast<unsigned>(t.below(drivers.size()));
    routing::message m;
    m.subject = subject;
    m.reply = reply;
    m.payload = "x";
    m.producer = {static_cast<reactor_index>(r), client_id{7}};
    on(r, [&] { shard(r, account).publish(m, nullptr); });
    turn_all();
  }

  void search(std::vector<match>& out, const std::string& account, const std::string& subject,
              const std::string& reply, const way_ptr& way) {
    match m{account, reply, way, {}, {}};
    const auto hears = [&](const listener& l, const std::string& under) {
      if (matches(under, l.filter)) (l.queue.empty() ? m.plain : m.groups[l.queue]).emplace_back(&l, under);
    };
    for (const auto& l : listeners) {
      if (l->account == account) hears(*l, subject);
      for (const import& i : t.imports[l->account])
        if (!i.service && i.from == account && matches(subject, i.names.there)) hears(*l, i.names.to_here(subject));
    }
    out.push_back(std::move(m));
    for (const import& i : t.imports[account]) {
      if (!i.service || !matches(subject, i.names.here)) continue;
      way_ptr back;
      if (!reply.empty() || way) back = std::make_shared<way_back>(way_back{account, reply, way, i.streamed, true});
      search(out, i.from, i.names.to_there(subject), "", back);
    }
  }

  void answered(std::vector<match>& out, const std::string& account, const way_ptr& way) {
    search(out, account, "_R_.name.number", "", nullptr);
    if (!way->open) return;
    way->open = way->streamed;
    if (way->before) answered(out, way->account, way->before);
    else search(out, way->account, way->reply, "", nullptr);
  }

  using delivery = std::tuple<const listener*, std::string, std::string>;

  /// Takes what all have got, and compares. What the exchange calls each way back, where that is certain.
  std::map<way_ptr, std::string> check(const std::vector<match>& expected) {
    std::multiset<std::tuple<const listener*, std::string, bool>> got;
    std::map<std::tuple<const listener*, std::string>, std::set<std::string>> replies;
    for (const auto& l : listeners) {
      for (size_t i = 0; i < l->taker.got.size(); ++i) {
        std::string subject = l->taker.got[i], reply = l->taker.replies[i];
        if (subject.starts_with("_R_.")) subject = "_R_.name.number";
        got.emplace(l.get(), subject, reply.starts_with("_R_."));
        replies[{l.get(), subject}].insert(reply);
      }
      l->taker.got.clear();
      l->taker.replies.clear();
    }
    const auto take = [&](const listener* l, const std::string& subject, const match& m) {
      const auto at = got.find({l, subject, m.way != nullptr});
      if (at == got.end()) return false;
      if (!m.way) CHECK(replies[{l, subject}].contains(m.reply));
      got.erase(at);
      return true;
    };
    for (const match& m : expected)
      for (const auto& [l, subject] : m.plain) {
        INFO(l->account << " " << l->filter << " under " << subject);
        CHECK(take(l, subject, m));
      }
    std::vector<std::pair<const match*, const decltype(match::plain)*>> groups;
    for (const match& m : expected)
      for (const auto& [name, members] : m.groups) groups.emplace_back(&m, &members);
    std::sort(groups.begin(), groups.end(), [](auto& a, auto& b) { return a.second->size() < b.second->size(); });
    CHECK(got.size() == groups.size());
    CHECK(assign(groups, 0, got));
    return certain(expected, replies);
  }

  template <class Groups, class Got>
  static bool assign(const Groups& groups, size_t n, Got& got) {
    if (n == groups.size()) return got.empty();
    for (const auto& [l, subject] : *groups[n].second) {
      const auto at = got.find({l, subject, groups[n].first->way != nullptr});
      if (at == got.end()) continue;
      const auto kept = *at;
      got.erase(at);
      if (assign(groups, n + 1, got)) return true;
      got.insert(kept);
    }
    return false;
  }

  template <class Replies>
  static std::map<way_ptr, std::string> certain(const std::vector<match>& expected, const Replies& replies) {
    std::map<way_ptr, std::string> out;
    for (const match& m : expected) {
      if (!m.way) continue;
      // Where two ways end in one account nobody sees which is which.
      const auto same = [&](const match& other) { return other.account == m.account; };
      if (std::count_if(expected.begin(), expected.end(), same) != 1) continue;
      std::set<std::string> names;
      const auto note = [&](const auto& who) {
        if (auto at = replies.find({who.first, who.second}); at != replies.end())
          names.insert(at->second.begin(), at->second.end());
      };
      for (const auto& one : m.plain) note(one);
      for (const auto& [name, members] : m.groups)
        for (const auto& one : members) note(one);
      if (names.size() == 1) out[m.way] = *names.begin();
    }
    return out;
  }

  tree& t;
  std::vector<std::unique_ptr<listener>> listeners;
};

void run_seed(unsigned seed) {
  tree t(seed);
  const unsigned reactors = 1 + seed % 3;
  INFO("seed " << seed << ", " << reactors << " reactors");
  run r(t, reactors);
  for (size_t n = 0; n < 40; ++n) r.ask(n);
}

} // namespace

TEST_CASE("account tree: who gets what, and whose answers come back, is what a model says", "[routing][accounts]") {
  if (const char* seed = std::getenv("ACCOUNT_TREE"))
    return run_seed(static_cast<unsigned>(std::strtoul(seed, nullptr, 10)));
  for (unsigned seed = 1; seed <= 60; ++seed) run_seed(seed);
}
