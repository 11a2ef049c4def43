// Requests that nobody took: who is the last to know says so, once, and only if it is true.
#include <string>
#include <vector>

#include "actors/routing/untaken_watch.hpp"
#include "test/actors/fixtures/still_reactors.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

config::server_options with_service() {
  config::server_options o;
  config::account_options exporter, importer;
  exporter.name = "A";
  exporter.exports.emplace_back();
  exporter.exports.back().service = true;
  exporter.exports.back().subject = "q.*";
  importer.name = "B";
  importer.imports.emplace_back();
  importer.imports.back().service = true;
  importer.imports.back().account = "A";
  importer.imports.back().subject = "q.*";
  importer.imports.back().to = "ask.*";
  o.accounts = {exporter, importer};
  return o;
}

/// Someone asks on reactor 0; listeners on the others.
struct asking : still_reactors {
  explicit asking(unsigned count, const config::server_options& options = {})
      : still_reactors(count, options), listeners(count) {
    for (unsigned r = 0; r < count; ++r)
      accounts->hear_untaken(static_cast<reactor_index>(r),
                             [this](const routing::untaken_request& what) { told.push_back(what); });
  }

  void listen(unsigned r, const std::string& account, std::string_view filter,
              std::string_view queue = {}) {
    on(r, [&] { shard(r, account).subscribe(&listeners[r], filter, queue, "1"); });
    turn_all();
  }
  /// Whether somebody may have taken it.
  bool ask(const std::string& account, std::string_view subject, bool wants_untaken = true) {
    routing::message m;
    m.subject = subject;
    m.reply = "inbox.1";
    m.payload = "question";
    m.producer = {0, client_id{7}};
    m.wants_untaken = wants_untaken;
    return on(0, [&] { return shard(0, account).publish(m, nullptr); });
  }
  void nobody_takes() {
    for (auto& l : listeners) l.left = 0;
  }

  std::vector<taking_subscriber> listeners;
  std::vector<routing::untaken_request> told;
};

} // namespace

TEST_CASE("untaken: of several reactors the last one tells, in any order", "[routing][untaken]") {
  for (bool upwards : {true, false}) {
    asking n(4);
    for (unsigned r = 1; r < 4; ++r) n.listen(r, "$G", "svc");
    n.nobody_takes();
    CHECK(n.ask("$G", "svc"));
    n.turn(0);
    n.turn(upwards ? 1 : 3);
    n.turn(2);
    CHECK(n.told.empty());
    n.turn(upwards ? 3 : 1);
    REQUIRE(n.told.size() == 1);
    CHECK(n.told[0].subject == "svc");
    CHECK(n.told[0].reply == "inbox.1");
    CHECK(n.told[0].producer == routing::producer_ref{0, client_id{7}});
    n.turn_all();
    CHECK(n.told.size() == 1);
  }
}

TEST_CASE("untaken: one that takes it is enough, whichever", "[routing][untaken]") {
  for (unsigned taker = 1; taker < 4; ++taker) {
    asking n(4);
    for (unsigned r = 1; r < 4; ++r) n.listen(r, "$G", "svc");
    n.nobody_takes();
    n.listeners[taker].left = 1;
    CHECK(n.ask("$G", "svc"));
    n.turn_all();
    CHECK(n.told.empty());
    CHECK(n.ask("$G", "svc"));
    n.turn_all();
    CHECK(n.told.size() == 1);
  }
}

TEST_CASE("untaken: whoever did not ask for it hears nothing", "[routing][untaken]") {
  asking n(3);
  for (unsigned r = 1; r < 3; ++r) n.listen(r, "$G", "svc");
  n.nobody_takes();
  CHECK(n.ask("$G", "svc", false));
  n.turn_all();
  CHECK(n.told.empty());
}

TEST_CASE("untaken: a message that goes round by several groups is told of once", "[routing][untaken]") {
  asking n(4);
  for (unsigned r = 1; r < 4; ++r) {
    n.listen(r, "$G", "svc", "one");
    n.listen(r, "$G", "svc", "two");
  }
  n.nobody_takes();
  for (int i = 1; i <= 20; ++i) {
    CHECK(n.ask("$G", "svc"));
    n.turn_all();
    CHECK(n.told.size() == static_cast<size_t>(i));
  }
  n.listeners[2].left = SIZE_MAX;
  n.ask("$G", "svc");
  n.turn_all();
  CHECK(n.told.size() == 20);
  CHECK_FALSE(n.listeners[2].got.empty());
}

TEST_CASE("untaken: through a service import, from one reactor and from several",
          "[routing][untaken][import]") {
  for (unsigned listening : {1u, 2u}) {
    asking n(3, with_service());
    for (unsigned r = 1; r <= listening; ++r) n.listen(r, "A", "q.*");
    CHECK(n.ask("B", "ask.x"));
    n.turn_all();
    CHECK(n.told.empty());
    CHECK(n.listeners[1].got == std::vector<std::string>{"q.x"});
    CHECK(n.accounts->exchange_of(0)->waiting() == 1);

    n.nobody_takes();
    CHECK(n.ask("B", "ask.x"));
    n.turn_all();
    REQUIRE(n.told.size() == 1);
    CHECK(n.told[0].subject == "ask.x");
    CHECK(n.told[0].reply == "inbox.1");
    CHECK(n.accounts->exchange_of(0)->waiting() == 2);
    n.on(0, [&] { n.accounts->exchange_of(0)->give_up_untaken(n.told[0].waiting); });
    CHECK(n.accounts->exchange_of(0)->waiting() == 1);
  }
}

TEST_CASE("untaken: listeners of the account itself and of a service count together",
          "[routing][untaken][import]") {
  asking n(3, with_service());
  n.listen(1, "A", "q.*");
  n.listen(2, "B", "ask.*");
  n.nobody_takes();
  n.listeners[2].left = 1;
  CHECK(n.ask("B", "ask.x"));
  n.turn_all();
  CHECK(n.told.empty());
  CHECK(n.ask("B", "ask.x"));
  n.turn_all();
  CHECK(n.told.size() == 1);
}

TEST_CASE("untaken: where nobody listens at all the publisher knows at once",
          "[routing][untaken][import]") {
  asking n(3, with_service());
  CHECK_FALSE(n.ask("B", "ask.x"));
  CHECK_FALSE(n.ask("$G", "svc"));
  n.turn_all();
  CHECK(n.told.empty());
  CHECK(n.accounts->exchange_of(0)->waiting() == 0);
}

TEST_CASE("exchange: an answer that a batch brings comes before what is read behind it",
          "[routing][import][causality]") {
  asking n(2, with_service());
  taking_subscriber inbox;
  n.on(0, [&] { n.shard(0, "B").subscribe(&inbox, "inbox.*", {}, "9"); });
  n.listen(1, "A", "q.*");
  n.ask("B", "ask.x");
  n.turn_all();
  REQUIRE(n.listeners[1].replies.size() == 1);
  routing::message answer;
  answer.subject = n.listeners[1].replies[0];
  answer.payload = "answer";
  answer.producer = {1, client_id{8}};
  n.on(1, [&] { n.shard(1, "A").publish(answer, nullptr); });
  n.turn(1);
  CHECK(inbox.got.empty());
  n.on(0, [&] { n.at(0).drain_inbound(); });  // as before the first match of what a socket brought
  CHECK(inbox.got == std::vector<std::string>{"inbox.1"});
  n.turn_all();
  CHECK(inbox.got.size() == 1);
}
