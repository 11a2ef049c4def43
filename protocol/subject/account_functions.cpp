#include "protocol/subject/account_functions.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "protocol/subject/subject.hpp"

namespace troupe {

namespace {

constexpr std::string_view blanks = " \t\n\f\r";
constexpr size_t hash_chars = 8;
constexpr std::string_view digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

enum class function : uint8_t { own, exporter, leaf_remote };
struct named_function {
  std::string_view name;
  function what;
};
constexpr std::array functions{named_function{"account-hash", function::own},
                               named_function{"account-hash-import", function::exporter},
                               named_function{"account-hash-leaf-remote", function::leaf_remote}};

error bad(std::string_view why, std::string_view token) {
  return {errc::malformed, "invalid mapping destination: " + std::string(why) + " in " + std::string(token)};
}

void skip_blanks(std::string_view& s) { s.remove_prefix(std::min(s.find_first_not_of(blanks), s.size())); }

/// Takes a name off the front; the first letter of each word may be a capital.
bool take_name(std::string_view& s, std::string_view name) {
  if (s.size() < name.size()) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool begins = i == 0 || name[i - 1] == '-';
    if (s[i] != name[i] && !(begins && s[i] == name[i] - ('a' - 'A'))) return false;
  }
  s.remove_prefix(name.size());
  return true;
}

/// The arguments of this function, if the text after "{{" begins with it: up to the last ")" which
/// only blanks part from "}}".
std::optional<std::string_view> arguments(std::string_view text, std::string_view name) {
  skip_blanks(text);
  if (!take_name(text, name)) return {};
  skip_blanks(text);
  if (!text.starts_with('(')) return {};
  text.remove_prefix(1);
  for (size_t end = text.rfind(')'); end != std::string_view::npos && end < text.size();
       end = end == 0 ? std::string_view::npos : text.rfind(')', end - 1)) {
    std::string_view rest = text.substr(end + 1);
    skip_blanks(rest);
    if (rest.starts_with("}}")) return text.substr(0, end);
  }
  return {};
}

struct call {
  function what;
  std::string_view arguments;
};

/// Nothing: the token is no such function.
std::optional<call> call_in(std::string_view token) {
  if (token.size() <= 4 || !token.starts_with("{{") || !token.ends_with("}}")) return {};
  for (size_t at = token.find("{{"); at != std::string_view::npos; at = token.find("{{", at + 1))
    for (const named_function& f : functions)
      if (auto given = arguments(token.substr(at + 2), f.name)) return call{f.what, *given};
  return {};
}

result<std::string> filled(std::string_view token, const account_names& names) {
  const auto found = call_in(token);
  if (!found) return std::string(token);
  if (found->arguments.find_first_not_of(blanks) != std::string_view::npos)
    return bad("too many arguments passed to the function", token);
  std::string_view account;
  if (found->what == function::own) account = names.account;
  if (found->what == function::exporter) account = names.exporter;
  if (found->what == function::leaf_remote && names.remote_later) return std::string(token);
  if (account.empty()) return bad("function is not available in this context", token);
  return account_hash(account);
}

} // namespace

std::string account_hash(std::string_view account) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(account.data()), account.size());
  std::string out;
  for (size_t i = 0; i < hash_chars; ++i) out += digits[hash[i] % digits.size()];
  return out;
}

result<std::string> fill_account_functions(std::string_view subject, const account_names& names) {
  if (subject.find("{{") == std::string_view::npos) return std::string(subject);
  std::string out;
  for (;;) {
    const size_t end = subject.find(token_separator);
    auto token = filled(subject.substr(0, end), names);
    if (!token) return token.error();
    out += *token;
    if (end == std::string_view::npos) return out;
    out += token_separator;
    subject.remove_prefix(end + 1);
  }
}

} // namespace troupe
