#include "protocol/time_zone.hpp"

#include <algorithm>
#include <chrono>

namespace troupe {
namespace {

constexpr size_t header_bytes = 44;
constexpr size_t changes_max = 10000;
constexpr int64_t day_s = 24 * 3600;

error malformed() { return {errc::malformed, "time zone: not a zone file"}; }

/// Reads numbers of the file, most significant byte first; zeros behind its end.
class bytes {
public:
  explicit bytes(std::string_view data) : data_(data) {}
  bool has(size_t n) const { return data_.size() >= n; }
  void skip(size_t n) { data_.remove_prefix(std::min(n, data_.size())); }
  std::string_view rest() const { return data_; }
  int64_t number(size_t width) {
    uint64_t n = 0;
    for (size_t i = 0; i < width; ++i)
      n = n << 8 | (i < data_.size() ? static_cast<uint8_t>(data_[i]) : 0);
    skip(width);
    return width == 4 ? static_cast<int32_t>(static_cast<uint32_t>(n)) : static_cast<int64_t>(n);
  }
  uint8_t byte() { return static_cast<uint8_t>(number(1)); }

private:
  std::string_view data_;
};

struct counts {
  char version = 0;
  size_t is_utc = 0, is_standard = 0, leaps = 0, changes = 0, types = 0, text = 0;

  size_t size(size_t width) const {
    return changes * (width + 1) + types * 6 + text + leaps * (width + 4) + is_standard + is_utc;
  }
};

std::optional<counts> read_header(bytes& in) {
  if (!in.has(header_bytes) || !in.rest().starts_with("TZif")) return {};
  counts c;
  c.version = in.rest()[4];
  in.skip(20);
  for (size_t* field : {&c.is_utc, &c.is_standard, &c.leaps, &c.changes, &c.types, &c.text}) {
    const int64_t n = in.number(4);
    if (n < 0 || static_cast<size_t>(n) > changes_max) return {};
    *field = static_cast<size_t>(n);
  }
  return c;
}

int year_of(int64_t unix_s) {
  using namespace std::chrono;
  const int64_t days_since = unix_s >= 0 ? unix_s / day_s : -((-unix_s + day_s - 1) / day_s);
  return static_cast<int>(year_month_day{sys_days{days{days_since}}}.year());
}

int64_t day_number(std::chrono::year_month_day date) {
  return std::chrono::sys_days{date}.time_since_epoch().count();
}

} // namespace

bool is_zone_name(std::string_view name) {
  constexpr size_t longest = 64;
  if (name.empty() || name.size() > longest || name.front() == '/') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/'
           || c == '_' || c == '-' || c == '+';
  });
}

// -- the rule after the last change ------------------------------------------------------------------

class time_zone::rule_reader {
public:
  explicit rule_reader(std::string_view text) : text_(text) {}

  std::optional<rule> read() {
    rule r;
    if (!skip_name()) return {};
    const auto standard = time();
    if (!standard) return {};
    r.standard = -*standard; // written west of UTC
    if (text_.empty()) return r;
    if (!skip_name()) return {};
    r.summer = r.standard + 3600;
    if (!text_.empty() && text_.front() != ',') {
      const auto summer = time();
      if (!summer) return {};
      r.summer = -*summer;
    }
    if (!take(',') || !day(r.begins) || !take(',') || !day(r.ends) || !text_.empty()) return {};
    return r;
  }

private:
  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// "CET" or "<-03>".
  bool skip_name() {
    size_t n = 0;
    if (!text_.empty() && text_.front() == '<') {
      n = text_.find('>');
      if (n == std::string_view::npos) return false;
      ++n;
    } else {
      while (n < text_.size()
             && ((text_[n] >= 'a' && text_[n] <= 'z') || (text_[n] >= 'A' && text_[n] <= 'Z')))
        ++n;
    }
    text_.remove_prefix(n);
    return n > 0;
  }
  std::optional<int> number(int max) {
    int n = 0;
    size_t digits = 0;
    while (digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9' && n <= max)
      n = n * 10 + (text_[digits++] - '0');
    text_.remove_prefix(digits);
    if (digits == 0 || n > max) return {};
    return n;
  }
  /// [+-]hh[:mm[:ss]]
  std::optional<int64_t> time() {
    constexpr int hours_max = 167;
    const bool negative = take('-');
    if (!negative) take('+');
    const auto hours = number(hours_max);
    if (!hours) return {};
    int64_t total = int64_t{*hours} * 3600;
    for (const int64_t unit : {60, 1}) {
      if (!take(':')) break;
      const auto part = number(59);
      if (!part) return {};
      total += *part * unit;
    }
    return negative ? -total : total;
  }
  bool day(rule_day& out) {
    using kind = rule_day::kind;
    std::optional<int> n;
    if (take('M')) {
      const auto month = number(12);
      if (!month || *month < 1 || !take('.')) return false;
      const auto week = number(5);
      if (!week || *week < 1 || !take('.')) return false;
      n = number(6);
      out = {kind::month_week, *month, *week, n.value_or(0)};
    } else if (take('J')) {
      n = number(365);
      if (n == 0) return false;
      out = {kind::julian_no_leap, 0, 0, n.value_or(0)};
    } else {
      n = number(365);
      out = {kind::day_of_year, 0, 0, n.value_or(0)};
    }
    if (!n) return false;
    if (!take('/')) return true;
    const auto at = time();
    if (at) out.time_s = *at;
    return at.has_value();
  }

  std::string_view text_;
};

std::optional<time_zone::rule> time_zone::parse_rule(std::string_view text) {
  return rule_reader(text).read();
}

int64_t time_zone::by_rule(const rule& r, int64_t unix_s) {
  using namespace std::chrono;
  if (!r.summer) return r.standard;
  const year y{year_of(unix_s + r.standard)};
  const auto local_moment = [y](const rule_day& d) {
    int64_t days = 0;
    if (d.what == rule_day::kind::month_week) {
      const month m{static_cast<unsigned>(d.month)};
      const weekday w{static_cast<unsigned>(d.day)};
      const sys_days at = d.week == 5 ? sys_days{year_month_weekday_last{y, m, weekday_last{w}}}
                                      : sys_days{year_month_weekday{
                                          y, m, w[static_cast<unsigned>(d.week)]}};
      days = at.time_since_epoch().count();
    } else {
      days = day_number(y / January / 1) + d.day;
      if (d.what == rule_day::kind::julian_no_leap)
        days += (y.is_leap() && d.day >= 60 ? 1 : 0) - 1;
    }
    return days * day_s + d.time_s;
  };
  const int64_t begins = local_moment(r.begins) - r.standard;
  const int64_t ends = local_moment(r.ends) - *r.summer;
  const bool summer = begins < ends ? unix_s >= begins && unix_s < ends
                                    : unix_s >= begins || unix_s < ends;
  return summer ? *r.summer : r.standard;
}

// -- the file ----------------------------------------------------------------------------------------

result<time_zone> time_zone::parse(std::string_view file) {
  bytes in(file);
  auto c = read_header(in);
  if (!c) return malformed();
  size_t width = 4;
  if (c->version >= '2') {
    // The first part is for readers of 32 bits; the same follows in 64.
    if (!in.has(c->size(width))) return malformed();
    in.skip(c->size(width));
    c = read_header(in);
    width = 8;
  }
  if (!c || c->types == 0 || !in.has(c->size(width))) return malformed();
  time_zone zone;
  zone.changes_.resize(c->changes);
  for (change& ch : zone.changes_) ch.at = in.number(width);
  std::vector<uint8_t> type_of(c->changes);
  for (uint8_t& type : type_of) {
    type = in.byte();
    if (type >= c->types) return malformed();
  }
  std::vector<int64_t> offsets(c->types);
  for (int64_t& offset : offsets) {
    offset = in.number(4);
    in.skip(2);
    if (offset <= -day_s || offset >= day_s) return malformed();
  }
  zone.first_ = offsets.front();
  for (size_t i = 0; i < type_of.size(); ++i) {
    zone.changes_[i].offset = offsets[type_of[i]];
    if (i > 0 && zone.changes_[i].at <= zone.changes_[i - 1].at) return malformed();
  }
  in.skip(c->text + c->leaps * (width + 4) + c->is_standard + c->is_utc);
  std::string_view footer = in.rest();
  if (width == 8 && footer.size() >= 2 && footer.front() == '\n') {
    footer = footer.substr(1, footer.find('\n', 1) - 1);
    zone.rule_ = parse_rule(footer);
  }
  return zone;
}

int64_t time_zone::offset_at(int64_t unix_s) const {
  const auto next = std::upper_bound(changes_.begin(), changes_.end(), unix_s,
                                     [](int64_t t, const change& c) { return t < c.at; });
  if (next == changes_.end() && rule_) return by_rule(*rule_, unix_s);
  return next == changes_.begin() ? first_ : (next - 1)->offset;
}

} // namespace troupe
