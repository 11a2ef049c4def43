// What an account offers to others, and what it takes from them. Whether an import finds its export
// is checked when all accounts are known, in check_accounts.cpp.
#include "config/duration.hpp"
#include "config/load_context.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>

namespace troupe::config {

namespace {

std::string lower(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return s;
}

/// 50, "50%" or "headers", which is 0. Nothing after an error.
std::optional<int> load_sampling(load_context& ctx, const value& v) {
  int64_t n = 0;
  if (auto i = v.get<int64_t>()) {
    n = *i;
  } else if (auto s = v.get<std::string>()) {
    auto first = s->find_first_not_of(" \t\r\n");
    auto word = first == std::string::npos ? std::string{} : s->substr(first);
    word.erase(word.find_last_not_of(" \t\r\n") + 1);
    if (lower(word) == "headers") return 0;
    auto digits = s->ends_with('%') ? s->substr(0, s->size() - 1) : *s;
    auto end = digits.data() + digits.size();
    auto [stop, ec] = std::from_chars(digits.data(), end, n);
    if (ec != std::errc{} || stop != end || digits.empty()) {
      ctx.error(v, "Failed to parse latency sample: strconv.Atoi: parsing " + go_quote(digits)
                       + ": invalid syntax");
      return std::nullopt;
    }
  } else {
    ctx.error(v, std::string("Expected latency sample to be a string or map/struct, got ")
                     + type_name(v));
    return std::nullopt;
  }
  if (n < 1 || n > 100) {
    ctx.error(v, "bad sampling percentage, should be 1-100");
    return std::nullopt;
  }
  return static_cast<int>(n);
}

std::optional<latency_options> load_latency(load_context& ctx, const value& v) {
  latency_options out;
  if (auto s = v.get<std::string>()) {
    out.subject = *s;
    return out;
  }
  auto m = v.get<map>();
  if (!m) {
    ctx.error(v, std::string("Expected latency entry to be a map/struct or string, got ")
                     + type_name(v));
    return std::nullopt;
  }
  bool good = true, has_subject = false;
  for (auto& [key, field] : *m) {
    auto row = ctx.known("latency", key, field);
    if (!row) continue;
    if (row->name() == "sampling") {
      auto n = load_sampling(ctx, field);
      good = good && n;
      out.sampling = n.value_or(0);
      continue;
    }
    has_subject = true;
    if (auto s = field.get<std::string>()) {
      out.subject = *s;
    } else {
      ctx.error(field, std::string("Expected latency subject to be a string, got ")
                           + type_name(field));
      good = false;
    }
  }
  if (!has_subject) ctx.error(v, "Latency subject required, but missing");
  if (!good || !has_subject) return std::nullopt;
  return out;
}

void load_response_type(load_context& ctx, const value& v, export_options& out) {
  auto s = v.get<std::string>();
  if (!s)
    return ctx.error(v, std::string("Expected response type to be string, got ") + type_name(v));
  auto word = lower(*s);
  if (word == "single" || word == "singleton") out.response = response_type::single;
  else if (word == "stream") out.response = response_type::stream;
  else if (word == "chunk" || word == "chunked") out.response = response_type::chunked;
  else ctx.error(v, "Unknown response type: " + go_quote(*s));
}

void load_threshold(load_context& ctx, const value& v, export_options& out) {
  constexpr std::string_view wanted =
      "Expected response threshold to be a parseable time duration, got ";
  auto s = v.get<std::string>();
  if (!s) return ctx.error(v, std::string(wanted) + type_name(v));
  auto d = parse_duration(*s);
  if (!d) return ctx.error(v, std::string(wanted) + go_quote(*s));
  out.threshold = *d;
}

void load_export_field(load_context& ctx, std::string_view name, const value& v,
                       export_options& out) {
  if (name == "accounts") {
    auto list = ctx.expect<array>(v, "[]interface {}");
    if (!list) return;
    out.restricted = !list->empty(); // an empty list is everybody, as in the NATS server
    for (auto& entry : *list)
      if (auto s = ctx.text(entry)) out.accounts.push_back(*s);
  } else if (name == "response_type") {
    load_response_type(ctx, v, out);
  } else if (name == "threshold") {
    load_threshold(ctx, v, out);
  } else if (name == "latency") {
    out.latency = load_latency(ctx, v);
  } else if (name == "account_token_position") {
    auto n = ctx.integer(v);
    if (n && (*n < 0 || *n > UINT32_MAX)) ctx.error(v, "account_token_position is out of range");
    else if (n) out.account_token_position = static_cast<uint32_t>(*n);
  } else if (auto b = ctx.boolean(v)) {
    out.allow_trace = *b;
  }
}

/// The subject behind `stream` or `service`, and which of the two. Nothing after an error, or when
/// neither is there.
std::optional<export_options> load_export(load_context& ctx, const value& v) {
  auto m = v.get<map>();
  if (!m) {
    ctx.error(v, std::string("Export Items should be a map with type entry, got ") + type_name(v));
    return std::nullopt;
  }
  export_options out;
  bool has_subject = false, good = true;
  for (auto& [key, field] : *m) { // "service" comes before "stream"
    auto row = ctx.known("export", key, field);
    if (!row || (row->name() != "stream" && row->name() != "service")) continue;
    auto s = field.get<std::string>();
    auto kind = std::string(row->name());
    if (has_subject)
      ctx.error(field, "Detected stream \"" + show(field) + "\" but already saw a service");
    else if (!s)
      ctx.error(field, "Expected " + kind + " name to be string, got " + type_name(field));
    good = good && !has_subject && s;
    has_subject = true;
    if (!good) continue;
    out.subject = *s;
    out.service = kind == "service";
  }
  for (auto& [key, field] : *m) {
    auto row = find_option("export", key);
    if (!row || row->name() == "stream" || row->name() == "service") continue;
    auto name = row->name();
    if (has_subject && good && !out.service) {
      auto directive = name == "latency" || name == "allow_trace" ? std::string(name)
                       : name == "response_type" || name == "threshold" ? "response"
                                                                         : "";
      if (!directive.empty()) {
        ctx.error(field, "Detected " + directive + " directive on non-service");
        continue;
      }
    }
    load_export_field(ctx, name, field, out);
  }
  if (!has_subject || !good) return std::nullopt;
  return out;
}

/// {account, subject} of an import; false after an error.
bool load_source(load_context& ctx, const value& v, import_options& out) {
  auto m = v.get<map>();
  if (!m) {
    ctx.error(v, std::string(out.service ? "Service" : "Stream")
                     + " entry should be an account map, got " + type_name(v));
    return false;
  }
  for (auto& [key, field] : *m) {
    auto row = ctx.known("import_source", key, field);
    auto s = row ? ctx.text(field) : nullptr;
    if (s) (row->name() == "account" ? out.account : out.subject) = *s;
  }
  if (!out.account.empty() && !out.subject.empty()) return true;
  ctx.error(v, "Expect an account name and a subject");
  return false;
}

std::optional<import_options> load_import(load_context& ctx, const value& v) {
  auto m = v.get<map>();
  if (!m) {
    ctx.error(v, std::string("Import Items should be a map with type entry, got ") + type_name(v));
    return std::nullopt;
  }
  import_options out;
  bool has_source = false, good = true;
  for (auto& [key, field] : *m) {
    auto row = ctx.known("import", key, field);
    if (!row || row->nested != "import_source") continue;
    if (has_source) {
      ctx.error(field, "Detected stream but already saw a service");
      good = false;
      continue;
    }
    has_source = true;
    out.service = row->name() == "service";
    good = load_source(ctx, field, out);
  }
  for (auto& [key, field] : *m) {
    auto row = find_option("import", key);
    if (!row || row->nested == "import_source") continue;
    auto name = row->name();
    if (name == "prefix" || name == "to") {
      if (auto s = ctx.text(field)) (name == "to" ? out.to : out.prefix) = *s;
      if (name == "to" && !out.service && !out.prefix.empty())
        ctx.error(field, "Stream import can not have a 'prefix' and a 'to' property");
    } else if (name == "allow_trace" && out.service) {
      ctx.error(field, "Detected allow_trace directive on a non-stream");
    } else if (auto b = ctx.boolean(field)) {
      (name == "share" ? out.share : out.allow_trace) = *b;
    }
  }
  if (!has_source || !good) return std::nullopt;
  if (out.service && out.to.empty()) out.to = out.subject;
  return out;
}

} // namespace

std::vector<export_options> load_exports(load_context& ctx, const value& v) {
  std::vector<export_options> out;
  auto list = v.get<array>();
  if (!list) {
    ctx.error(v, std::string("Exports should be an array, got ") + type_name(v));
    return out;
  }
  for (auto& entry : *list)
    if (auto one = load_export(ctx, entry)) out.push_back(std::move(*one));
  return out;
}

std::vector<import_options> load_imports(load_context& ctx, const value& v) {
  std::vector<import_options> out;
  auto list = v.get<array>();
  if (!list) {
    ctx.error(v, std::string("Imports should be an array, got ") + type_name(v));
    return out;
  }
  for (auto& entry : *list) {
    auto one = load_import(ctx, entry);
    if (!one) continue;
    auto same = std::find_if(out.begin(), out.end(), [&](const import_options& other) {
      return one->service && other.service && other.to == one->to && other.account == one->account;
    });
    if (same == out.end()) {
      out.push_back(std::move(*one));
      continue;
    }
    ctx.error(entry, "Duplicate service import subject " + go_quote(one->to)
                         + ", previously used in import for account " + go_quote(same->account)
                         + ", subject " + go_quote(same->subject));
  }
  return out;
}

} // namespace troupe::config
