// Which subjects a user may use: from every spelling that the NATS server takes.
#include "config/duration.hpp"
#include "config/load_context.hpp"
#include "protocol/subject/subject.hpp"

namespace troupe::config {

namespace {

/// Two words, "subject queue", where the queue may be a pattern. An empty text: fine.
std::string check_queue_subject(const std::string& text) {
  constexpr std::string_view blanks = " \t\n\v\f\r";
  std::vector<std::string> words;
  for (size_t at = text.find_first_not_of(blanks); at != std::string::npos;) {
    auto end = std::min(text.find_first_of(blanks, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(blanks, end);
  }
  if (words.size() != 2) return "subject " + go_quote(text) + " is not a valid subject";
  if (!is_valid_subject(words[0]))
    return "subject " + go_quote(words[0]) + " is not a valid subject";
  if (!is_valid_subject(words[1])) return "queue " + go_quote(words[1]) + " is not a valid queue";
  return {};
}

/// A subject or a list of them. Nothing after an error.
std::optional<std::vector<std::string>> load_subjects(load_context& ctx, const value& v,
                                                      bool with_queues) {
  std::vector<std::string> out;
  if (auto s = v.get<std::string>()) {
    out.push_back(*s);
  } else if (auto list = v.get<array>()) {
    for (auto& entry : *list) {
      auto s = entry.get<std::string>();
      if (!s) {
        ctx.error(entry, "Subject in permissions array cannot be cast to string");
        return std::nullopt;
      }
      out.push_back(*s);
    }
  } else {
    ctx.error(v,
              std::string("Expected subject permissions to be a subject, or array of subjects, got ")
                  + type_name(v));
    return std::nullopt;
  }
  for (auto& subject : out) {
    if (is_valid_subject(subject)) continue;
    auto why = with_queues ? check_queue_subject(subject)
                           : "subject " + go_quote(subject) + " is not a valid subject";
    if (why.empty()) continue;
    ctx.error(v, why);
    return std::nullopt;
  }
  return out;
}

/// A subject, a list, or {allow, deny}. An empty map says nothing, as in the NATS server.
std::optional<subject_permission> load_side(load_context& ctx, const value& v, bool with_queues) {
  auto m = v.get<map>();
  if (!m) {
    auto subjects = load_subjects(ctx, v, with_queues);
    if (!subjects) return std::nullopt;
    return subject_permission{std::move(*subjects), {}};
  }
  if (m->empty()) return std::nullopt;
  subject_permission out;
  for (auto& [key, field] : *m) {
    auto row = ctx.known("subject_permission", key, field,
                         "Unknown field name " + go_quote(key)
                             + " parsing subject permissions, only 'allow' or 'deny' are permitted");
    if (!row) continue;
    auto subjects = load_subjects(ctx, field, with_queues);
    if (subjects) (row->name() == "allow" ? out.allow : out.deny) = std::move(*subjects);
  }
  return out;
}

std::optional<response_permission> load_responses(load_context& ctx, const value& v) {
  if (auto b = v.get<bool>()) {
    if (*b) return response_permission{};
    return std::nullopt;
  }
  auto m = v.get<map>();
  if (!m) {
    ctx.error(v, "error parsing response permissions, expected a boolean or a map");
    return std::nullopt;
  }
  response_permission out;
  for (auto& [key, field] : *m) {
    auto row = ctx.known("allow_responses", key, field,
                         "Unknown field " + go_quote(key) + " parsing permissions");
    if (!row) continue;
    if (row->name() == "max") { // 0 leaves the default
      auto n = ctx.integer(field);
      if (n && *n != 0) out.max_msgs = *n;
      continue;
    }
    auto s = field.get<std::string>();
    if (!s) {
      ctx.error(field, "error parsing expires, not a duration string");
      continue;
    }
    auto d = parse_duration(*s);
    if (!d) ctx.error(field, "error parsing expires: " + d.error().context);
    else if (*d != 0s) out.expires = *d;
  }
  return out;
}

} // namespace

std::optional<permissions> load_permissions(load_context& ctx, const value& v) {
  auto m = v.get<map>();
  if (!m) {
    ctx.error(v, "Expected permissions to be a map/struct, got " + show(v));
    return std::nullopt;
  }
  permissions out;
  for (auto& [key, field] : *m) {
    auto row = ctx.known("permissions", key, field,
                         "Unknown field " + go_quote(key) + " parsing permissions");
    if (!row) continue;
    if (row->name() == "publish") out.publish = load_side(ctx, field, false);
    else if (row->name() == "subscribe") out.subscribe = load_side(ctx, field, true);
    else out.responses = load_responses(ctx, field);
  }
  return out;
}

} // namespace troupe::config
