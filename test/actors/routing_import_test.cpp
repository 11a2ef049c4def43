// Imports as pure values: what filters have in common, and that a subscription reaches another
// account exactly where a naive model says so.
#include "test/catch.hpp"

#include <random>
#include <string>
#include <vector>

#include "actors/routing/import_core.hpp"

using namespace troupe;
using namespace troupe::routing;

namespace {

using text = std::optional<std::string>;

struct dice {
  std::mt19937 random{20251128};
  size_t below(size_t n) { return random() % n; }
  std::string subject(size_t tokens) {
    std::string out;
    for (size_t i = 0; i < tokens; ++i) out += (i ? "." : "") + std::string(1, "abc"[below(3)]);
    return out;
  }
  std::string filter() {
    std::string out;
    const size_t n = 1 + below(4);
    for (size_t i = 0; i < n; ++i) {
      if (i) out += '.';
      const size_t kind = below(6);
      if (kind == 0) out += "*";
      else if (kind == 1 && i + 1 == n) out += ">";
      else out += "abc"[below(3)];
    }
    return out;
  }
};

config::account_options exporter_of(const std::string& name, bool service, const std::string& subject) {
  config::account_options out;
  out.name = name;
  config::export_options e;
  e.service = service;
  e.subject = subject;
  out.exports.push_back(e);
  return out;
}

import_table table_of(const config::import_options& i, const config::account_options& exporter) {
  config::account_options importer;
  importer.name = "B";
  importer.imports.push_back(i);
  return import_table(importer, [&](const std::string& name) {
    return name == exporter.name ? &exporter : nullptr;
  }, "");
}

} // namespace

TEST_CASE("common filter: by example", "[routing]") {
  CHECK(common_filter("a.b", "a.b") == text("a.b"));
  CHECK(common_filter("a.*", "*.b") == text("a.b"));
  CHECK(common_filter("a.>", "a.*.c") == text("a.*.c"));
  CHECK(common_filter(">", "a.*") == text("a.*"));
  CHECK(common_filter("a.>", "*.>") == text("a.>"));
  CHECK(common_filter("a", "b") == text());
  CHECK(common_filter("a", "a.b") == text());
  CHECK(common_filter("a.>", "a") == text());
}

TEST_CASE("common filter: matches what both match", "[routing]") {
  dice d;
  for (int round = 0; round < 20000; ++round) {
    const std::string a = d.filter(), b = d.filter();
    const auto both = common_filter(a, b);
    const std::string literal = d.subject(1 + d.below(4));
    const bool wanted = matches_filter(literal, a) && matches_filter(literal, b);
    INFO(a << " and " << b << " at " << literal);
    REQUIRE((both && matches_filter(literal, *both)) == wanted);
  }
}

TEST_CASE("stream imports: a subscription reaches what a model says", "[routing]") {
  struct shape {
    const char *subject, *prefix, *to;
  };
  const shape shapes[] = {{"a.>", "", ""},       {"a.>", "x", ""},          {"*.*", "", "x.$2.$1"},
                          {"a.b", "", "c"},      {"a.*.c", "", "b.*"},      {">", "y", ""},
                          {"a.*.*", "p.q", ""},  {"*.b", "", "$1"},         {"a.*.>", "", "b.$1.>"}};
  dice d;
  for (const shape& s : shapes) {
    config::import_options i;
    i.account = "A";
    i.subject = s.subject;
    i.prefix = s.prefix;
    i.to = s.to;
    const auto exporter = exporter_of("A", false, s.subject);
    const import_table table = table_of(i, exporter);
    INFO(s.subject << " prefix " << s.prefix << " to " << s.to);
    REQUIRE(table.streams().size() == 1);
    const stream_import& import = table.streams()[0];
    for (int round = 0; round < 4000; ++round) {
      const std::string published = d.subject(1 + d.below(4));
      std::string filter = d.filter();
      if (d.below(3) == 0) filter = (*s.prefix ? s.prefix : "x") + ("." + filter);
      // The model: everybody hears everything under its local subject, and filters that.
      bool wanted = false;
      if (matches_filter(published, s.subject)) {
        const auto here = import.subject_here(published);
        REQUIRE(here);
        wanted = matches_filter(*here, filter);
      }
      const auto there = import.filter_there(filter);
      INFO(filter << " at " << published << " is there " << there.value_or("nothing"));
      REQUIRE((there && matches_filter(published, *there)) == wanted);
    }
  }
}

TEST_CASE("service imports: subjects go there by the reverse of the import", "[routing]") {
  config::import_options i;
  i.service = true;
  i.account = "A";
  i.subject = "q.*.*";
  i.to = "ask.$2.to.$1";
  const auto exporter = exporter_of("A", true, "q.>");
  const import_table table = table_of(i, exporter);
  REQUIRE(table.services().size() == 1);
  size_t found = 0;
  table.for_each_service("ask.x.to.y", [&](const service_import& s) {
    ++found;
    CHECK(s.subject_there("ask.x.to.y") == text("q.y.x"));
  });
  CHECK(found == 1);
  table.for_each_service("ask.x.y", [&](const service_import&) { FAIL("not imported"); });
  CHECK(table.may_serve("ask.x"));
  CHECK_FALSE(table.may_serve("q.x.y"));
  CHECK_FALSE(table.may_serve(""));
}

TEST_CASE("service imports: several accounts may serve one subject", "[routing]") {
  config::account_options importer;
  importer.name = "B";
  const auto a = exporter_of("A", true, "q"), c = exporter_of("C", true, ">");
  for (const char* account : {"A", "C"}) {
    config::import_options i;
    i.service = true;
    i.account = account;
    i.subject = "q";
    importer.imports.push_back(i);
  }
  const import_table table(importer, [&](const std::string& name) {
    return name == "A" ? &a : name == "C" ? &c : nullptr;
  }, "");
  size_t found = 0;
  table.for_each_service("q", [&](const service_import&) { ++found; });
  CHECK(found == 2);
}

TEST_CASE("imports: what is no longer exported is left out", "[routing]") {
  config::import_options i;
  i.account = "A";
  i.subject = "b.>";
  CHECK(table_of(i, exporter_of("A", false, "a.>")).empty());
  CHECK(table_of(i, exporter_of("A", true, "b.>")).empty());
  CHECK(table_of(i, exporter_of("Z", false, "b.>")).empty());
}

TEST_CASE("imports: every account may ask the system account about itself", "[routing]") {
  config::account_options importer;
  importer.name = "B";
  const auto none = [](const std::string&) -> const config::account_options* { return nullptr; };
  const import_table table(importer, none, "$SYS");
  REQUIRE(table.services().size() == 4);
  table.for_each_service("$SYS.REQ.USER.INFO", [&](const service_import& s) {
    CHECK(s.subject_there("$SYS.REQ.USER.INFO") == text("$SYS.REQ.USER.B.INFO"));
    CHECK(s.share);
  });
  config::account_options system;
  system.name = "$SYS";
  CHECK(import_table(system, none, "$SYS").services().size() == 1);
}
