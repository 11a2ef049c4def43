// Subject mappings of an account: where messages to a subject go instead, by weight.
#include "config/load_context.hpp"
#include "protocol/subject/account_functions.hpp"
#include "protocol/subject/mapping.hpp"
#include "protocol/subject/subject.hpp"

#include <charconv>

namespace troupe::config {

namespace {

constexpr int all_of_it = 100; // per cent

/// 50, "50" or "50%". Nothing after an error.
std::optional<int> load_weight(load_context& ctx, const value& v) {
  int64_t n = 0;
  if (auto s = v.get<std::string>()) {
    auto digits = s->ends_with('%') ? s->substr(0, s->size() - 1) : *s;
    auto text = digits.starts_with('+') ? digits.substr(1) : digits;
    auto end = text.data() + text.size();
    auto [stop, ec] = std::from_chars(text.data(), end, n);
    if (ec != std::errc{} || stop != end || text.empty()) {
      ctx.error(v, "Invalid weight " + go_quote(digits) + " for mapping destination");
      return std::nullopt;
    }
  } else if (auto i = v.get<int64_t>()) {
    n = *i;
  } else {
    ctx.error(v, "Unknown entry type for weight of " + show(v));
    return std::nullopt;
  }
  if (n < 0 || n > all_of_it) {
    ctx.error(v, "Invalid weight " + std::to_string(n) + " for mapping destination");
    return std::nullopt;
  }
  return static_cast<int>(n);
}

std::optional<mapping_destination> load_destination(load_context& ctx, const value& v) {
  auto m = v.get<map>();
  if (!m) {
    ctx.error(v, "Expected an entry for the mapping destination");
    return std::nullopt;
  }
  mapping_destination out;
  bool good = true, has_weight = false;
  for (auto& [key, field] : *m) {
    auto row = find_option("mapping", key);
    if (!row) {
      // Here even a key that is used as a variable is refused.
      ctx.error(field, "Unknown field " + go_quote(key) + " for mapping destination");
      good = false;
    } else if (row->name() == "weight") {
      auto weight = load_weight(ctx, field);
      has_weight = true;
      good = good && weight;
      out.weight = weight.value_or(0);
    } else if (auto s = ctx.text(field)) {
      (row->name() == "destination" ? out.subject : out.cluster) = *s;
    } else {
      good = false;
    }
  }
  if (good && !has_weight) {
    ctx.error(m->empty() ? v : m->rbegin()->second,
              "Missing weight for mapping destination " + go_quote(out.subject));
    good = false;
  }
  if (!good) return std::nullopt;
  return out;
}

/// Puts in what functions of accounts stand for. What is wrong with the source and its destinations
/// together; empty: nothing.
std::string finish(subject_mapping& mapping, std::string_view account) {
  auto source = fill_account_functions(mapping.source, {account});
  if (!source) return source.error().context;
  mapping.source = std::move(*source);
  std::vector<weighted_destination> list;
  for (auto& d : mapping.destinations) {
    auto subject = fill_account_functions(d.subject, {account});
    if (!subject) return subject.error().context;
    d.subject = std::move(*subject);
    list.push_back({d.subject, d.weight, d.cluster});
  }
  auto ok = mapping_set{}.add(mapping.source, list);
  return ok ? std::string{} : ok.error().context;
}

} // namespace

std::vector<subject_mapping> load_mappings(load_context& ctx, const value& v, std::string_view account) {
  std::vector<subject_mapping> out;
  auto m = ctx.block(v);
  if (!m) return out;
  for (auto& [source, field] : *m) {
    if (!is_valid_subject(source)) {
      ctx.error(v, "Subject " + go_quote(source) + " is not a valid subject");
      continue;
    }
    subject_mapping mapping;
    mapping.source = source;
    auto where = "Error adding mapping for " + go_quote(source);
    if (auto s = field.get<std::string>()) {
      mapping.destinations.push_back({*s, all_of_it, {}});
      where += " to " + go_quote(*s);
    } else if (auto list = field.get<array>()) {
      for (auto& entry : *list)
        if (auto d = load_destination(ctx, entry)) mapping.destinations.push_back(std::move(*d));
    } else if (auto d = load_destination(ctx, field)) {
      mapping.destinations.push_back(std::move(*d));
    } else {
      continue;
    }
    if (auto why = finish(mapping, account); !why.empty())
      ctx.error(field, where + " : " + why);
    else out.push_back(std::move(mapping));
  }
  return out;
}

} // namespace troupe::config
