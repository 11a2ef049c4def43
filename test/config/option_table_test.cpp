#include "config/option_table.hpp"
#include "config/reference_page.hpp"
#include "test/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
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
