// Runs the cases of golden/*.txt: every construct of the grammar with the tree it becomes, every
// problem with its text and place. TROUPE_GOLDEN=write writes what comes out instead. A new file in
// that folder is found by itself, but for judged*.txt, which golden_options_test.cpp reads.
//
//   === title
//   text of t.conf
//   --- file NAME      (any number: a file beside it)
//   --- env NAME=VALUE (any number)
//   --- expect
//   the tree as JSON, or the problems, one a line
#include "config/json.hpp"
#include "config/load.hpp"
#include "test/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

using namespace troupe;
using namespace troupe::config;

namespace {

struct golden_case {
  std::string title;
  std::string source;   // as written in the golden file, up to "--- expect"
  std::string expected;
  std::string config;
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> variables;
};

std::vector<golden_case> read_cases(const std::filesystem::path& path) {
  std::ifstream in(path);
  REQUIRE(in);
  std::vector<golden_case> out;
  std::string* into = nullptr;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("=== ")) {
      out.emplace_back().title = line.substr(4);
      into = &out.back().config;
    } else if (line.starts_with("--- file ")) {
      into = &out.back().files[line.substr(9)];
    } else if (line.starts_with("--- env ")) {
      auto equals = line.find('=');
      out.back().variables[line.substr(8, equals - 8)] = line.substr(equals + 1);
    } else if (line == "--- expect") {
      into = &out.back().expected;
      continue;
    } else {
      *into += line + "\n";
    }
    if (into != &out.back().expected) out.back().source += line + "\n";
  }
  return out;
}

parse_environment world_of(const golden_case& one) {
  return {[&one](const std::string& path) -> result<std::string> {
            auto f = one.files.find(path);
            if (f == one.files.end())
              return troupe::error{errc::unavailable, "open " + path + ": no such file or directory"};
            return f->second;
          },
          [&one](const std::string& name) -> std::optional<std::string> {
            auto v = one.variables.find(name);
            return v == one.variables.end() ? std::nullopt : std::optional(v->second);
          }};
}

/// The cases whose titles begin with "load" are about options, the others about the grammar. A
/// text ends without a newline where its title says so.
std::string outcome(const golden_case& one) {
  auto world = world_of(one);
  auto text = one.config;
  if (one.title.ends_with("(no newline)")) text.pop_back();
  auto tree = parse(text, "t.conf", world);
  if (tree.failure) return tree.failure->to_string() + "\n";
  if (!one.title.starts_with("load")) return to_json(tree.root) + "\n";
  server_options base;
  base.allow_unsupported = true;
  auto loaded = load(tree.root, base, &world);
  auto all = loaded.to_string();
  if (!all.empty()) return all;
  auto valid = validate(loaded.options);
  return valid ? "fine\n" : valid.error().context + "\n";
}

void run(const std::filesystem::path& path) {
  auto cases = read_cases(path);
  CHECK_FALSE(cases.empty());
  if (std::getenv("TROUPE_GOLDEN")) {
    std::ofstream out(path);
    for (auto& one : cases)
      out << one.source << "--- expect\n" << outcome(one);
    return;
  }
  for (auto& one : cases) {
    INFO(path.filename().string() << ": " << one.title);
    CHECK(outcome(one) == one.expected);
  }
}

} // namespace

TEST_CASE("golden: every construct becomes its tree, every problem has its text and place", "[config]") {
  std::set<std::string> found;
  for (auto& entry : std::filesystem::directory_iterator(std::filesystem::path(TROUPE_TEST_DATA) / "golden")) {
    auto name = entry.path().filename().string();
    if (name.starts_with("judged") || !name.ends_with(".txt")) continue;
    found.insert(name);
    run(entry.path());
  }
  for (auto name : {"constructs.txt", "syntax_errors.txt", "options_top.txt"})
    CHECK(found.contains(name));
}
