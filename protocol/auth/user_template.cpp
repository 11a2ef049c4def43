#include "protocol/auth/user_template.hpp"

#include <algorithm>
#include <optional>

#include "protocol/subject/subject.hpp"

namespace troupe {
namespace {

constexpr std::string_view open_braces = "{{", close_braces = "}}";
/// Stands for a tag that the user does not have: never part of a subject.
constexpr std::string_view undefined_tag = " ";

error refuse(std::string why) { return {errc::unauthorized, std::move(why)}; }

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) {
           return lower(x) == lower(y);
         });
}

/// A rule as text between placeholders; the same placeholder always has the same value.
struct rule_template {
  struct piece {
    std::string text;                 // as it stands
    std::optional<size_t> value_from; // or the placeholder with this index
  };
  std::vector<piece> pieces;
  std::vector<std::string> placeholders; // what stands between the braces
};

rule_template parse(std::string_view rule) {
  rule_template t;
  while (!rule.empty()) {
    size_t open = rule.find(open_braces);
    size_t close = open == std::string_view::npos ? open : rule.find('}', open);
    const bool found = close != std::string_view::npos && close > open + open_braces.size()
                       && rule.substr(close).starts_with(close_braces);
    if (!found) {
      // Not a placeholder: the braces are text. Go on behind them.
      const size_t end = open == std::string_view::npos ? rule.size() : open + 1;
      t.pieces.push_back({std::string(rule.substr(0, end)), {}});
      rule.remove_prefix(end);
      continue;
    }
    while (open + 2 < close && rule[open + 2] == '{')
      ++open; // of "{{{" the last two count
    t.pieces.push_back({std::string(rule.substr(0, open)), {}});
    std::string inner(rule.substr(open + open_braces.size(), close - open - open_braces.size()));
    const auto known = std::find(t.placeholders.begin(), t.placeholders.end(), inner);
    t.pieces.push_back({{}, static_cast<size_t>(known - t.placeholders.begin())});
    if (known == t.placeholders.end()) t.placeholders.push_back(std::move(inner));
    rule.remove_prefix(close + close_braces.size());
  }
  return t;
}

class filler {
public:
  filler(const user_claims& user, const account_claims& account) : user_(user), account_(account) {}

  /// Fills in every rule of a list. `denies`: what cannot be filled in is an error.
  result<void> fill(claim_strings& list, bool denies) const {
    const auto has_placeholder = [](const std::string& rule) {
      return !parse(rule).placeholders.empty();
    };
    if (std::none_of(list.begin(), list.end(), has_placeholder)) return {};
    claim_strings filled;
    for (const std::string& rule : list) {
      if (auto done = fill_rule(rule, denies, filled); !done) return done;
    }
    list = std::move(filled);
    return {};
  }

private:
  /// The text in front of a bracket's content, if `op` is that call.
  static std::optional<std::string> argument_of(std::string_view op, std::string_view name) {
    if (op.size() < name.size() + 2 || op.back() != ')') return {};
    if (!same_word(op.substr(0, name.size()), name) || op[name.size()] != '(') return {};
    std::string inner(op.substr(name.size() + 1, op.size() - name.size() - 2));
    for (char& c : inner)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return inner;
  }

  static claim_strings tag_values(const claim_strings& tags, const std::string& name) {
    claim_strings values;
    const std::string prefix = name + ":";
    for (const std::string& tag : tags) {
      if (tag.starts_with(prefix)) values.push_back(tag.substr(prefix.size()));
    }
    return values;
  }

  result<claim_strings> values_of(std::string_view placeholder, const std::string& rule,
                                  bool denies) const {
    constexpr std::string_view blanks = " \t\r\n";
    const size_t first = placeholder.find_first_not_of(blanks);
    const std::string_view op =
        first == std::string_view::npos
            ? std::string_view{}
            : placeholder.substr(first, placeholder.find_last_not_of(blanks) - first + 1);
    if (same_word(op, "name()")) return claim_strings{user_.data.name};
    if (same_word(op, "subject()")) return claim_strings{user_.data.subject};
    if (same_word(op, "account-name()")) return claim_strings{account_.data.name};
    if (same_word(op, "account-subject()")) return claim_strings{user_.issuer_account};
    auto tag = argument_of(op, "tag");
    const auto account_tag = argument_of(op, "account-tag");
    if (!tag && !account_tag)
      return refuse("template operation in \"" + rule + "\": \"" + std::string(op)
                    + "\" is not defined");
    claim_strings values = tag ? tag_values(user_.tags, *tag)
                               : tag_values(account_.tags, *account_tag);
    if (values.empty() && denies)
      return refuse("generated invalid subject \"" + rule + "\": \"" + (tag ? *tag : *account_tag)
                    + "\" is not defined");
    if (values.empty()) values.emplace_back(undefined_tag);
    return values;
  }

  result<void> fill_rule(const std::string& rule, bool denies, claim_strings& out) const {
    const rule_template t = parse(rule);
    std::vector<claim_strings> values;
    size_t combinations = 1;
    for (const std::string& placeholder : t.placeholders) {
      auto of_one = values_of(placeholder, rule, denies);
      if (!of_one) return of_one.error();
      if (combinations > max_template_expansions / of_one->size())
        return refuse("permissions template expands to more than "
                      + std::to_string(max_template_expansions) + " subjects");
      combinations *= of_one->size();
      values.push_back(std::move(*of_one));
    }
    if (out.size() > max_template_expansions - combinations)
      return refuse("permissions template expands to more than "
                    + std::to_string(max_template_expansions) + " subjects");
    for (size_t n = 0; n < combinations; ++n) {
      std::string subject = combine(t, values, n);
      if (is_valid_subject(subject))
        out.push_back(std::move(subject));
      else if (denies)
        return refuse("generated invalid subject");
    }
    return {};
  }

  /// The n-th combination; the last placeholder changes fastest.
  static std::string combine(const rule_template& t, const std::vector<claim_strings>& values,
                             size_t n) {
    std::vector<size_t> chosen(values.size());
    for (size_t i = values.size(); i-- > 0;) {
      chosen[i] = n % values[i].size();
      n /= values[i].size();
    }
    std::string subject;
    for (const rule_template::piece& piece : t.pieces) {
      if (piece.value_from)
        subject += values[*piece.value_from][chosen[*piece.value_from]];
      else
        subject += piece.text;
    }
    return subject;
  }

  const user_claims& user_;
  const account_claims& account_;
};

void deny_everything(claim_permission& p) {
  if (std::find(p.deny.begin(), p.deny.end(), any_tail) == p.deny.end())
    p.deny.emplace_back(any_tail);
}

} // namespace

result<user_permission_limits> fill_template(const user_scope& scope, const user_claims& user,
                                             const account_claims& account) {
  user_permission_limits limits = scope.limits;
  const filler fill(user, account);
  for (claim_permission* p : {&limits.permissions.subscribe, &limits.permissions.publish}) {
    const bool had_allow = !p->allow.empty();
    if (auto done = fill.fill(p->allow, false); !done) return done.error();
    if (auto done = fill.fill(p->deny, true); !done) return done.error();
    // An allow list of which nothing is left must not turn into "everything".
    if (had_allow && p->allow.empty()) deny_everything(*p);
  }
  return limits;
}

bool states_nothing(const user_permission_limits& limits) {
  return limits == user_permission_limits{};
}

} // namespace troupe
