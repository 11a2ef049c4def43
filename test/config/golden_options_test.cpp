// Is every value of every option refused or taken as by the NATS server? golden/judged.txt has its
// verdicts (judge_options.py writes it), golden/judged_otherwise.txt what differs on purpose:
//
//   block.option | value, value | why
//
// with * for whatever value; that is not looked at.
#include "config/load.hpp"
#include "test/catch.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

using namespace troupe;
using namespace troupe::config;

namespace {

std::ifstream golden(const char* name) {
  std::ifstream in(std::filesystem::path(TROUPE_TEST_DATA) / "golden" / name);
  REQUIRE(in);
  return in;
}

std::vector<std::string> split(std::string text, const std::string& separator) {
  std::vector<std::string> out;
  for (size_t at; (at = text.find(separator)) != std::string::npos; text.erase(0, at + separator.size()))
    out.push_back(text.substr(0, at));
  out.push_back(text);
  return out;
}

/// A world without any file, as the one the verdicts come from.
parse_environment empty_world() {
  parse_environment world{
      [](const std::string& path) -> result<std::string> {
        return troupe::error{errc::unavailable, "open " + path + ": no such file or directory"};
      },
      [](const std::string&) -> std::optional<std::string> { return std::nullopt; }};
  world.check_tls = [](const tls_options& tls) -> result<void> {
    if (!tls.certs.empty() || !tls.ca_file.empty())
      return troupe::error{errc::unavailable, "no such file or directory"};
    return {};
  };
  return world;
}

/// What -t says, empty when the file is fine.
std::string verdict(const std::string& text) {
  auto world = empty_world();
  auto tree = parse(text, "t.conf", world);
  if (tree.failure) return tree.failure->to_string();
  server_options base;
  base.allow_unsupported = true;
  auto loaded = load(tree.root, base, &world);
  if (auto said = loaded.to_string(); !said.empty()) return said;
  auto valid = validate(loaded.options);
  return valid ? std::string() : valid.error().context;
}

std::set<std::string> deliberate() {
  std::set<std::string> out;
  auto in = golden("judged_otherwise.txt");
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    auto parts = split(line, " | ");
    REQUIRE(parts.size() == 3);
    CHECK(parts[2].size() > 5); // says why
    for (auto& value : split(parts[1], ", "))
      out.insert(parts[0] + ": " + value);
  }
  return out;
}

/// The whole option or block is said to differ.
bool unseen(const std::set<std::string>& otherwise, const std::string& name) {
  return otherwise.contains(name + ": *");
}

} // namespace

TEST_CASE("golden: every option with values of every kind is judged as by the NATS server", "[config]") {
  auto otherwise = deliberate();
  std::vector<std::string> values;
  std::string block, pattern;
  int judged = 0;
  auto in = golden("judged.txt");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("values ")) {
      values = split(line.substr(7), " | ");
    } else if (line.starts_with("block ")) {
      block = line.substr(6, line.find(' ', 6) - 6);
      pattern = line.substr(line.find(' ', 6) + 1);
    } else if (!line.starts_with("#")) {
      auto name = line.substr(0, line.find(' '));
      auto letters = line.substr(line.find(' ') + 1);
      REQUIRE(letters.size() == values.size());
      for (size_t i = 0; i < values.size(); ++i, ++judged) {
        auto text = pattern;
        text.replace(text.find('@'), 1, name + ": " + values[i]);
        auto said = verdict(text + "\n");
        const auto option = (block == "-" ? "" : block + ".") + name;
        const auto key = option + ": " + values[i];
        if (unseen(otherwise, block) || unseen(otherwise, option)) continue;
        const bool same = said.empty() == (letters[i] == 'f');
        INFO(key << ": the NATS server " << (letters[i] == 'f' ? "takes" : "refuses") << " it, we say " << said);
        // What stands in judged_otherwise.txt and is judged alike has to leave it.
        CHECK(same == (otherwise.erase(key) == 0));
      }
    }
  }
  CHECK(judged > 6000);
  for (auto& left : otherwise)
    if (!left.ends_with(": *")) FAIL_CHECK("judged_otherwise.txt names what is not in judged.txt: " << left);
}
