#include "config/parser.hpp"

#include "config/lexer.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace troupe::config {

namespace {

/// What all parsers of one file, its includes and its environment variables share.
struct session {
  const parse_environment& env;
  std::vector<std::string> open_files; // from the main file to the current include
  std::set<std::string> open_variables;
  int includes = 0;
};

constexpr char env_key[] = "pk";

/// Bcrypt hashes may stand without quotes; their dollar does not start a variable.
bool is_bcrypt(std::string_view name) {
  return name.starts_with("2a$") || name.starts_with("2b$") || name.starts_with("2y$");
}

std::optional<int64_t> unit_factor(std::string_view suffix) {
  if (suffix.empty()) return 1;
  auto order = std::string_view("kmgtpe").find(suffix[0]);
  if (order == std::string_view::npos) return std::nullopt;
  auto rest = suffix.substr(1);
  int64_t base = rest.empty() ? 1000 : 1024;
  if (!rest.empty() && rest != "b" && rest != "i" && rest != "ib") return std::nullopt;
  int64_t factor = 1;
  for (size_t i = 0; i <= order; ++i)
    factor *= base;
  return factor;
}

bool is_valid_date(std::string_view s) {
  auto number = [&](size_t at, size_t n) {
    int x = 0;
    std::from_chars(s.data() + at, s.data() + at + n, x);
    return x;
  };
  std::chrono::year_month_day day{std::chrono::year{number(0, 4)},
                                  std::chrono::month{static_cast<unsigned>(number(5, 2))},
                                  std::chrono::day{static_cast<unsigned>(number(8, 2))}};
  return day.ok() && number(11, 2) < 24 && number(14, 2) < 60 && number(17, 2) < 60;
}

class parser {
public:
  parser(std::string_view text, std::shared_ptr<const std::string> file, session& shared)
      : lex_(text), file_(std::move(file)), shared_(shared) {}

  /// `depth`: of what includes or names this text, for files within maps within files add up.
  bool run(map& root, int depth) { return members(scope::top, root, depth); }
  const std::optional<diagnostic>& failure() const { return failure_; }

private:
  position at(const item& it) const { return {file_, it.line, it.column}; }

  bool fail_at(const position& where, std::string text) {
    if (!failure_) failure_ = diagnostic{where, std::move(text)};
    return false;
  }

  bool fail(const item& it) {
    return fail_at(at(it),
                   "Parse error on line " + std::to_string(it.line) + ": '" + it.text + "'");
  }

  bool fail_here(std::string text) {
    return fail_at({file_, lex_.line(), lex_.column()}, std::move(text));
  }

  template <class T>
  value make(const item& it, T x, uint64_t weight = 1) {
    return {at(it), false, weight, std::make_shared<const datum>(std::move(x))};
  }

  bool members(scope where, map& into, int depth);
  bool member(const item& key, scope where, map& into, int depth);
  bool read_value(value& out, int depth, scope where = scope::top);
  bool read_array(value& out, int depth);
  bool read_map(value& out, int depth);
  bool read_integer(const item& it, value& out);
  bool read_variable(const item& it, value& out, int depth);
  bool read_environment(const item& it, const std::string& text, value& out, int depth);
  bool read_include(const item& it, map& into, int depth);

  lexer lex_;
  std::shared_ptr<const std::string> file_;
  session& shared_;
  std::vector<map*> scopes_; // enclosing maps, innermost last
  std::optional<diagnostic> failure_;
};

/// Reads keys and values until the scope closes. The braces around a whole file share its map.
bool parser::members(scope where, map& into, int depth) {
  if (depth > max_nesting) return fail_here("nested too deep");
  scopes_.push_back(&into);
  bool closed = false;
  while (!closed) {
    auto it = lex_.next_key(where);
    switch (it.kind) {
    case item_kind::end_of_input:
    case item_kind::map_end:
      closed = true;
      continue;
    case item_kind::map_start:
      if (!members(scope::braces, into, depth + 1)) return false;
      continue;
    case item_kind::include:
      if (!read_include(it, into, depth)) return false;
      break;
    case item_kind::key:
      if (!member(it, where, into, depth)) return false;
      break;
    default:
      return fail(it);
    }
    auto end = lex_.after_value(where);
    if (end.kind == item_kind::failure) return fail(end);
    closed = end.kind == item_kind::map_end || end.kind == item_kind::end_of_input;
  }
  scopes_.pop_back();
  return true;
}

bool parser::member(const item& key, scope where, map& into, int depth) {
  if (!lex_.skip_key_separator(where == scope::map)) {
    // A closing brace at the very end is a left-over of JSON-like files.
    if (where != scope::map && key.text == "}") return true;
    if (where == scope::map) return fail(lex_.fail("Unexpected EOF processing map."));
    auto file = file_ ? *file_ : std::string{};
    return fail_here("config is invalid (" + file + ":" + std::to_string(lex_.line()) + ":"
                     + std::to_string(lex_.column()) + ")");
  }
  value v;
  if (!read_value(v, depth, where)) return false;
  v.at = at(key); // the key's place says more than the value's
  into[key.text] = std::move(v);
  return true;
}

bool parser::read_value(value& out, int depth, scope where) {
  auto it = lex_.next_value(where);
  switch (it.kind) {
  case item_kind::array_start:
    return read_array(out, depth);
  case item_kind::map_start:
    return read_map(out, depth);
  case item_kind::string:
    out = make(it, it.text);
    return true;
  case item_kind::integer:
    return read_integer(it, out);
  case item_kind::variable:
    return read_variable(it, out, depth);
  case item_kind::boolean: {
    auto first = std::tolower(static_cast<unsigned char>(it.text[0]));
    bool yes = first == 't' || first == 'y' || (first == 'o' && it.text.size() == 2);
    out = make(it, yes);
    return true;
  }
  case item_kind::floating: {
    double x = 0;
    auto [end, ec] = std::from_chars(it.text.data(), it.text.data() + it.text.size(), x);
    if (ec != std::errc{}) return fail_at(at(it), "float '" + it.text + "' is out of the range");
    out = make(it, x);
    return true;
  }
  case item_kind::date_time:
    if (!is_valid_date(it.text))
      return fail_at(at(it), "expected Zulu formatted DateTime, but got '" + it.text + "'");
    out = make(it, datetime{it.text});
    return true;
  default:
    return fail(it);
  }
}

bool parser::read_array(value& out, int depth) {
  if (depth >= max_nesting) return fail_here("nested too deep");
  array items;
  uint64_t weight = 1;
  auto it = lex_.next_element();
  while (it.kind == item_kind::separator) {
    value v;
    if (!read_value(v, depth + 1)) return false;
    weight += v.weight;
    if (weight > max_values) return fail_here("too many values");
    items.push_back(std::move(v));
    it = lex_.after_element();
    if (it.kind == item_kind::separator) it = lex_.next_element();
  }
  if (it.kind == item_kind::failure) return fail(it);
  out = make(it, std::move(items), weight);
  return true;
}

bool parser::read_map(value& out, int depth) {
  map m;
  if (!members(scope::map, m, depth + 1)) return false;
  uint64_t weight = 1;
  for (auto& [key, v] : m)
    weight += v.weight;
  if (weight > max_values) return fail_here("too many values");
  item end;
  end.line = lex_.line();
  end.column = lex_.column();
  out = make(end, std::move(m), weight);
  return true;
}

bool parser::read_integer(const item& it, value& out) {
  auto first = it.text.data();
  auto last = first + it.text.size();
  int64_t n = 0;
  auto [end, ec] = std::from_chars(first, last, n);
  std::string suffix(end, last);
  for (char& c : suffix)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  auto factor = unit_factor(suffix);
  if (!factor) return fail_at(at(it), "expected integer, but got '" + it.text + "'");
  int64_t scaled = 0;
  if (ec != std::errc{} || __builtin_mul_overflow(n, *factor, &scaled))
    return fail_at(at(it), "integer '" + it.text + "' is out of the range");
  out = make(it, scaled);
  return true;
}

bool parser::read_variable(const item& it, value& out, int depth) {
  if (is_bcrypt(it.text)) {
    out = make(it, "$" + it.text);
    return true;
  }
  auto line = std::to_string(it.line);
  for (auto enclosing = scopes_.rbegin(); enclosing != scopes_.rend(); ++enclosing) {
    auto found = (*enclosing)->find(it.text);
    if (found == (*enclosing)->end()) continue;
    found->second.used_as_variable = true;
    out = found->second;
    out.at = at(it);
    out.used_as_variable = false;
    return true;
  }
  auto prefix = "variable reference for '" + it.text + "' on line " + line;
  if (shared_.open_variables.contains(it.text))
    return fail_at(at(it),
                   prefix + " could not be parsed: variable reference cycle for '" + it.text + "'");
  auto text = shared_.env.get_env ? shared_.env.get_env(it.text) : std::nullopt;
  if (!text) return fail_at(at(it), prefix + " can not be found");
  return read_environment(it, *text, out, depth);
}

/// An environment variable's text is read as a value of this grammar.
bool parser::read_environment(const item& it, const std::string& text, value& out,
                              int depth) {
  shared_.open_variables.insert(it.text);
  auto source = std::string(env_key) + "=" + text;
  map root;
  parser inner(source, file_, shared_);
  bool good = source.find('\0') == std::string::npos && inner.run(root, depth + 1);
  shared_.open_variables.erase(it.text);
  auto prefix = "variable reference for '" + it.text + "' on line " + std::to_string(it.line);
  if (!good)
    return fail_at(at(it), prefix + " could not be parsed: "
                               + (inner.failure() ? inner.failure()->text : "not text"));
  auto found = root.find(env_key);
  if (found == root.end()) return fail_at(at(it), prefix + " can not be found");
  out = found->second;
  out.at = at(it);
  return true;
}

bool parser::read_include(const item& it, map& into, int depth) {
  namespace fs = std::filesystem;
  auto prefix = "error parsing include file '" + it.text + "', ";
  auto here = fs::path(file_ ? *file_ : std::string{}).parent_path();
  auto path = (here / fs::path(it.text)).lexically_normal().string();
  auto& open = shared_.open_files;
  if (std::find(open.begin(), open.end(), path) != open.end())
    return fail_at(at(it), prefix + "it includes itself");
  if (++shared_.includes > max_includes)
    return fail_at(at(it), prefix + "too many includes");
  auto text = shared_.env.read_file ? shared_.env.read_file(path)
                                    : result<std::string>{error{errc::not_found, "no such file"}};
  if (!text) return fail_at(at(it), prefix + text.error().context);
  if (auto nul = text->find('\0'); nul != std::string::npos)
    return fail_at(at(it), prefix + "Unexpected EOF.");
  open.push_back(path);
  map included;
  parser inner(*text, std::make_shared<const std::string>(path), shared_);
  bool good = inner.run(included, depth + 1);
  open.pop_back();
  if (!good) {
    failure_ = inner.failure();
    failure_->text = prefix + failure_->text;
    return false;
  }
  for (auto& [key, v] : included)
    into[key] = std::move(v);
  return true;
}

} // namespace

parse_environment system_environment() {
  return {
      [](const std::string& path) -> result<std::string> {
        auto why = [&path](int code) {
          return error{errc::unavailable, "open " + path + ": "
                                              + (code == ENOENT   ? "no such file or directory"
                                                 : code == EACCES ? "permission denied"
                                                                  : std::strerror(code))};
        };
        std::error_code ec;
        if (std::filesystem::is_directory(path, ec))
          return error{errc::io_failed, "read " + path + ": is a directory"};
        errno = 0;
        std::ifstream in(path, std::ios::binary);
        if (!in) return why(errno);
        std::ostringstream out;
        out << in.rdbuf();
        return std::move(out).str();
      },
      [](const std::string& name) -> std::optional<std::string> {
        if (auto text = std::getenv(name.c_str())) return std::string(text);
        return std::nullopt;
      },
  };
}

parse_outcome parse(std::string_view text, const std::string& path, const parse_environment& env) {
  session shared{env, {}, {}, 0};
  if (!path.empty())
    shared.open_files.push_back(std::filesystem::path(path).lexically_normal().string());
  auto file = std::make_shared<const std::string>(path);
  parse_outcome out;
  map root;
  if (auto nul = text.find('\0'); nul != std::string_view::npos) {
    auto before = text.substr(0, nul);
    int line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    auto start = before.rfind('\n');
    int column = static_cast<int>(start == std::string_view::npos ? nul : nul - start);
    out.failure = diagnostic{{file, line, column},
                             "Parse error on line " + std::to_string(line) + ": 'Unexpected EOF.'"};
  } else {
    parser top(text, file, shared);
    if (!top.run(root, 0)) out.failure = top.failure();
  }
  out.root.at = {file, 1, 0};
  for (auto& [key, v] : root)
    out.root.weight += v.weight;
  out.root.data = std::make_shared<const datum>(std::move(root));
  return out;
}

parse_outcome parse_file(const std::string& path, const parse_environment& env) {
  auto text = env.read_file(path);
  if (text) return parse(*text, path, env);
  parse_outcome out;
  out.failure = diagnostic{{}, text.error().context, false};
  out.root.data = std::make_shared<const datum>(map{});
  return out;
}

} // namespace troupe::config
