#include "actors/routing/import_core.hpp"

#include <utility>

namespace troupe::routing {

namespace {

/// How long a response may take when the export does not say.
constexpr config::nanoseconds default_threshold = std::chrono::minutes(2);

const config::export_options* export_of(const config::account_options& exporter, bool service,
                                        const std::string& subject) {
  for (const config::export_options& e : exporter.exports)
    if (e.service == service && is_subset_match(subject, e.subject)) return &e;
  return nullptr;
}

} // namespace

std::optional<std::string> common_filter(std::string_view a, std::string_view b) {
  std::string out;
  out.reserve(std::max(a.size(), b.size()));
  subject_tokens of_a{a}, of_b{b};
  auto x = of_a.begin(), y = of_b.begin();
  const auto append = [&](std::string_view token) {
    if (!out.empty()) out += token_separator;
    out += token;
  };
  const auto rest = [&](auto at, auto end) {
    for (; at != end; ++at) append(*at);
    return std::optional(std::move(out));
  };
  for (; x != of_a.end() && y != of_b.end(); ++x, ++y) {
    if (*x == any_tail) return rest(y, of_b.end());
    if (*y == any_tail) return rest(x, of_a.end());
    if (*x == any_token) append(*y);
    else if (*y == any_token || *x == *y) append(*x);
    else return {};
  }
  if (x != of_a.end() || y != of_b.end()) return {};
  return out;
}

// -- one import ------------------------------------------------------------------------------------

std::optional<std::string> stream_import::filter_there(std::string_view filter) const {
  auto common = common_filter(filter, to);
  if (!common || *common == to) return common ? std::optional(from) : std::nullopt;
  return there ? there->apply(*common) : common;
}

std::optional<std::string> stream_import::subject_here(std::string_view subject) const {
  if (here) return here->apply(subject);
  return has_wildcard(to) ? std::string(subject) : to;
}

std::optional<std::string> service_import::subject_there(std::string_view asked) const {
  if (there) return there->apply(asked);
  return has_wildcard(subject) ? std::string(asked) : subject;
}

// -- the table -------------------------------------------------------------------------------------

import_table::import_table(const config::account_options& importer, const account_lookup& find,
                           const std::string& system) {
  for (const config::import_options& i : importer.imports) {
    const config::account_options* exporter = find(i.account);
    if (!exporter) continue;
    if (i.service) add_service(i, *exporter);
    else add_stream(i, *exporter);
  }
  if (!system.empty()) add_system(importer.name, system);
}

void import_table::add_stream(const config::import_options& i,
                              const config::account_options& exporter) {
  if (!export_of(exporter, false, i.subject)) return;
  stream_import s;
  s.exporter = exporter.name;
  s.from = i.subject;
  s.allow_trace = i.allow_trace;
  std::string to = i.to.empty() ? i.subject : i.to;
  if (!i.prefix.empty())
    to = i.prefix + (i.prefix.back() == token_separator ? "" : ".") + with_placeholders(i.subject);
  if (has_wildcard(s.from) && to != s.from) {
    using kind = subject_transform::kind;
    auto here = subject_transform::make(s.from, with_placeholders(to), kind::reversible);
    if (!here) return;
    auto there = here->reverse();
    if (!there) return;
    s.here = std::move(*here);
    s.there = std::move(*there);
    to = without_placeholders(to);
  }
  s.to = std::move(to);
  streams_.push_back(std::move(s));
}

void import_table::add_service(const config::import_options& i,
                               const config::account_options& exporter) {
  const config::export_options* offered = export_of(exporter, true, i.subject);
  if (!offered) return;
  service_import s;
  s.exporter = exporter.name;
  s.subject = i.subject;
  s.share = i.share;
  s.response = offered->response;
  s.threshold = offered->threshold.count() > 0 ? offered->threshold : default_threshold;
  s.latency = offered->latency;
  s.allow_trace = offered->allow_trace;
  std::string to = i.to.empty() ? i.subject : i.to;
  if (has_wildcard(without_placeholders(s.subject)) && to != s.subject) {
    // The import names what goes where the other way round.
    s.subject = without_placeholders(s.subject);
    auto here = subject_transform::make(s.subject, with_placeholders(to),
                                        subject_transform::kind::reversible);
    if (!here) return;
    auto there = here->reverse();
    if (!there) return;
    s.there = std::move(*there);
    to = without_placeholders(to);
  }
  s.to = std::move(to);
  index(std::move(s));
}

/// What every account may ask the system account about itself (Go: registerSystemImports).
void import_table::add_system(const std::string& importer, const std::string& system) {
  const std::string account = "$SYS.REQ.ACCOUNT." + importer;
  const std::string user = "$SYS.REQ.USER." + importer + ".INFO";
  struct row {
    const char* to;
    std::string subject;
    bool share;
    config::response_type response;
  };
  using config::response_type;
  const row rows[] = {
    {"$SYS.REQ.ACCOUNT.PING.CONNZ", account + ".CONNZ", false, response_type::stream},
    {"$SYS.REQ.SERVER.PING.CONNZ", account + ".CONNZ", false, response_type::stream},
    {"$SYS.REQ.ACCOUNT.PING.STATZ", account + ".STATZ", false, response_type::stream},
    {"$SYS.REQ.USER.INFO", user, true, response_type::single},
  };
  for (const row& r : rows) {
    // The system account sees all servers' answers to its own requests of these names.
    if (importer == system && r.response == response_type::stream) continue;
    if (literal_.contains(r.to)) continue;
    service_import s;
    s.exporter = system;
    s.to = r.to;
    s.subject = r.subject;
    s.share = r.share;
    s.response = r.response;
    s.threshold = default_threshold;
    index(std::move(s));
  }
}

void import_table::index(service_import&& s) {
  const size_t at = services_.size();
  if (has_wildcard(s.to)) {
    wildcard_.push_back(at);
    const char first = s.to[0];
    const std::string_view token = token_at(s.to, 1);
    if (token == any_token || token == any_tail) first_bytes_.set();
    else first_bytes_.set(static_cast<unsigned char>(first));
  } else {
    literal_[s.to].push_back(at);
    first_bytes_.set(static_cast<unsigned char>(s.to[0]));
  }
  services_.push_back(std::move(s));
}

} // namespace troupe::routing
