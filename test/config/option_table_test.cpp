#include "config/load.hpp"
#include "config/option_table.hpp"
#include "config/reference_page.hpp"
#include "test/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

using namespace troupe::config;

namespace {

std::ifstream data_file(const char* name) {
  std::ifstream in(std::filesystem::path(TROUPE_TEST_DATA) / name);
  REQUIRE(in);
  return in;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

std::vector<const option_row*> all_rows() {
  std::vector<const option_row*> out;
  for (auto rows : {top_level_options(), block_options()})
    for (auto& row : rows)
      out.push_back(&row);
  return out;
}

} // namespace

TEST_CASE("option table: knows every option of the NATS server, with its aliases as one row",
          "[config]") {
  auto in = data_file("go_options.txt");
  std::set<const option_row*> seen;
  int lines = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    auto list = words(line);
    REQUIRE(list.size() >= 2);
    auto block = list[0] == "-" ? std::string{} : list[0];
    INFO(line);
    auto row = find_option(block, list[1]);
    REQUIRE(row);
    for (size_t i = 2; i < list.size(); ++i)
      CHECK(find_option(block, list[i]) == row);
    seen.insert(row);
  }
  CHECK(lines > 300);
  // What the NATS server does not know is ours and says so.
  for (auto row : all_rows())
    if (!seen.contains(row) && row->block != "route_auth") {
      INFO(row->block << "." << row->names);
      CHECK(row->doc.starts_with("Troupe only: "));
    }
}

TEST_CASE("option table: knows every option that the specification lists", "[config]") {
  auto in = data_file("spec_options.txt");
  std::set<std::string> names;
  for (auto row : all_rows())
    for (auto& name : words(std::string(row->names)))
      names.insert(name);
  for (std::string name; std::getline(in, name);) {
    INFO(name);
    CHECK(names.contains(name));
  }
}

TEST_CASE("option table: rows are complete and unambiguous", "[config]") {
  std::set<std::pair<std::string, std::string>> names;
  std::set<std::string> blocks;
  for (auto row : all_rows())
    blocks.insert(std::string(row->block));
  for (auto row : all_rows()) {
    INFO(row->block << "." << row->names);
    for (auto& name : words(std::string(row->names)))
      CHECK(names.emplace(row->block, name).second);
    CHECK(row->doc.ends_with('.'));
    CHECK(row->min <= row->max);
    auto nested = std::string(row->nested.substr(row->nested.find_first_not_of('*') == 1));
    CHECK((nested.empty() || nested == "*" || blocks.contains(nested)));
  }
}

TEST_CASE("reference page: docs/configuration.md is what the table says", "[config]") {
  auto path = std::filesystem::path(TROUPE_TEST_DATA) / "../../docs/configuration.md";
  if (std::getenv("TROUPE_GOLDEN")) std::ofstream(path) << reference_page();
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  INFO("the table has changed: build/dev/troupe --help_config > docs/configuration.md");
  CHECK((text.str() == reference_page()));
}

TEST_CASE("option table: every built option of the top level, given another value, is in force",
          "[config]") {
  // What has a shape of its own; the others get a value by their type.
  static const std::map<std::string_view, std::string> texts{
      {"listen", "127.0.0.1:5000"},
      {"http", "127.0.0.1:5001"},
      {"https", "127.0.0.1:5002"},
      {"write_timeout", "retry"},
      {"lame_duck_duration", "\"40s\""},
      {"lame_duck_grace_period", "\"7s\""},
      {"server_metadata", "{a: b}"},
      {"feature_flags", "{a: true}"},
      {"authorization", "{user: u, password: p}"},
      {"accounts", "{A {}}"},
      {"mappings", "{foo: bar}"},
      {"proxies", "{trusted: [{key: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4}]}"},
      {"resolver", "MEMORY"},
      {"max_sub_tokens", "9"},
      {"port", "5000"},
      {"http_port", "5001"},
      {"https_port", "5002"},
      {"reactors", "3"},
      {"prof_port", "5003"},
      {"logtime", "false"},
      {"log_format", "json"},
  };
  // Files and tokens that are checked elsewhere, and blocks with tests of their own.
  static const std::set<std::string_view> elsewhere{
      "operator", "trusted_keys", "default_sentinel", "resolver_preload", "resolver_pinned_accounts",
      "resolver_tls", "tls", "ocsp", "ocsp_cache", "websocket", "cluster", "gateway", "leafnodes",
      "mqtt", "jetstream", "default_js_domain"};
  int checked = 0;
  for (auto& row : top_level_options()) {
    if (row.state != support::built || elsewhere.contains(row.name())) continue;
    auto given = texts.find(row.name());
    std::string text = given != texts.end()                ? given->second
                       : row.type == option_type::boolean  ? "true"
                       : row.type == option_type::integer  ? "777777"
                       : row.type == option_type::duration ? "\"77s\""
                       : row.type == option_type::list     ? "[x]"
                                                           : "other";
    for (auto& name : words(std::string(row.names))) {
      INFO(name << ": " << text);
      auto tree = parse(name + ": " + text + "\n", "t.conf", parse_environment{});
      REQUIRE_FALSE(tree.failure);
      auto loaded = load(tree.root, {});
      CHECK(loaded.to_string().empty());
      // "listen" and "https" fill the fields of rows of their own.
      bool found = false;
      for (auto& change : diff({}, loaded.options))
        found = found || change.row == &row || row.name() == "listen" || row.name() == "https";
      CHECK(found);
    }
    ++checked;
  }
  CHECK(checked > 50);
}
