#include "config/cli.hpp"

#include "config/load_context.hpp"
#include "config/option_table.hpp"
#include "config/reference_page.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <csignal>
#include <map>
#include <optional>

namespace troupe::config {

namespace {

using o = server_options;

enum class flag_kind : uint8_t { boolean, integer, text };

/// One flag. Spellings of the same flag share a key, so that the last one given wins.
struct flag_row {
  std::string_view names;
  std::string_view key;
  flag_kind kind;
  target field = {};
};

constexpr flag_row rows[] = {
    {"h help", "help", flag_kind::boolean},
    {"v version", "version", flag_kind::boolean},
    {"help_tls", "help_tls", flag_kind::boolean},
    {"help_config", "help_config", flag_kind::boolean},
    {"unsupported", "unsupported", flag_kind::boolean},
    {"allow_unsupported", "allow_unsupported", flag_kind::boolean, &o::allow_unsupported},
    {"t", "t", flag_kind::boolean},
    {"test_reload", "test_reload", flag_kind::text},
    {"c config", "config", flag_kind::text},
    {"sl signal", "signal", flag_kind::text},
    {"p port", "port", flag_kind::integer, &o::port},
    {"n name server_name", "server_name", flag_kind::text, &o::server_name},
    {"a addr net", "host", flag_kind::text, &o::host},
    {"client_advertise", "client_advertise", flag_kind::text, &o::client_advertise},
    {"D debug", "debug", flag_kind::boolean, &o::debug},
    {"V trace", "trace", flag_kind::boolean, &o::trace},
    {"VV", "VV", flag_kind::boolean},
    {"DV", "DV", flag_kind::boolean},
    {"DVV", "DVV", flag_kind::boolean},
    {"T logtime", "logtime", flag_kind::boolean, &o::logtime},
    {"logtime_utc", "logtime_utc", flag_kind::boolean, &o::logtime_utc},
    {"user", "user", flag_kind::text},
    {"pass", "pass", flag_kind::text},
    {"auth", "auth", flag_kind::text},
    {"m http_port", "http_port", flag_kind::integer, &o::http_port},
    {"ms https_port", "https_port", flag_kind::integer, &o::https_port},
    {"P pid", "pid", flag_kind::text, &o::pid_file},
    {"ports_file_dir", "ports_file_dir", flag_kind::text, &o::ports_file_dir},
    {"l log", "log", flag_kind::text, &o::log_file},
    {"log_size_limit", "log_size_limit", flag_kind::integer, &o::logfile_size_limit_bytes},
    {"log_format", "log_format", flag_kind::text, &o::log_format},
    {"log_level_override", "log_level_override", flag_kind::text, &o::log_level_override},
    {"trace_connections", "trace_connections", flag_kind::text, &o::trace_connections},
    {"s syslog", "syslog", flag_kind::boolean, &o::syslog},
    {"r remote_syslog", "remote_syslog", flag_kind::text, &o::remote_syslog},
    {"profile", "profile", flag_kind::integer, &o::prof_port},
    {"routes", "routes", flag_kind::text, &o::routes},
    {"cluster cluster_listen", "cluster", flag_kind::text, &o::cluster_listen},
    {"cluster_advertise", "cluster_advertise", flag_kind::text, &o::cluster_advertise},
    {"no_advertise", "no_advertise", flag_kind::boolean, &o::cluster_no_advertise},
    {"connect_retries", "connect_retries", flag_kind::integer, &o::cluster_connect_retries},
    {"cluster_name", "cluster_name", flag_kind::text, &o::cluster_name},
    {"tls", "tls", flag_kind::boolean},
    {"tlsverify", "tlsverify", flag_kind::boolean}, // or "optional"
    {"tlscert", "tlscert", flag_kind::text},
    {"tlskey", "tlskey", flag_kind::text},
    {"tlscacert", "tlscacert", flag_kind::text},
    {"max_traced_msg_len", "max_traced_msg_len", flag_kind::integer, &o::max_traced_msg_len},
    {"js jetstream", "jetstream", flag_kind::boolean, &o::jetstream},
    {"sd store_dir", "store_dir", flag_kind::text, &o::store_dir},
};

const flag_row* find_flag(std::string_view name) {
  auto padded = [](std::string_view s) { return " " + std::string(s) + " "; };
  for (auto& row : rows)
    if (name.find(' ') == std::string_view::npos
        && padded(row.names).find(padded(name)) != std::string::npos)
      return &row;
  return nullptr;
}

const flag_row* find_key(std::string_view key) {
  for (auto& row : rows)
    if (row.key == key) return &row;
  return nullptr;
}

std::optional<bool> parse_bool(std::string_view s) {
  for (std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (s == yes) return true;
  for (std::string_view no : {"0", "f", "F", "false", "FALSE", "False"})
    if (s == no) return false;
  return std::nullopt;
}

/// Takes out the underscores between digits; false: one stands elsewhere. `after_digit`: so does the first character.
bool without_underscores(std::string_view s, bool after_digit, std::string& out) {
  for (char c : s) {
    if (c == '_' && !after_digit) return false;
    after_digit = c != '_';
    if (after_digit) out += c;
  }
  return after_digit;
}

/// Go reads flags with base 0: decimal, 0x, 0o, 0b, underscores. Returns Go's reason on failure.
const char* parse_int(std::string_view s, int64_t& out) {
  bool negative = !s.empty() && s[0] == '-';
  if (!s.empty() && (s[0] == '-' || s[0] == '+')) s.remove_prefix(1);
  int base = 10;
  if (s.size() > 1 && s[0] == '0') {
    char c = static_cast<char>(std::tolower(static_cast<unsigned char>(s[1])));
    base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
    s.remove_prefix(c == 'x' || c == 'b' || c == 'o' ? 2 : 1);
  }
  std::string digits;
  if (!without_underscores(s, base != 10, digits) || digits.empty() || digits[0] == '-')
    return "parse error";
  const char* const last = digits.data() + digits.size();
  auto [end, ec] = std::from_chars(digits.data(), last, out, base);
  if (end != last) return "parse error";
  if (ec == std::errc::result_out_of_range) return "value out of range";
  if (ec != std::errc{}) return "parse error";
  out = negative ? -out : out;
  return nullptr;
}

/// "optional", in any case.
bool is_optional(std::string_view text) {
  constexpr std::string_view word = "optional";
  return std::equal(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == b;
  });
}

struct scanned {
  flag_values flags;
  std::vector<std::string> words; // from the first word that is no flag
  std::string problem;            // empty: fine
};

std::string check_flag_value(const flag_row& row, const std::string& name,
                             const std::string& text) {
  int64_t n = 0;
  if (row.key == "tlsverify" && !parse_bool(text) && !is_optional(text))
    return "invalid boolean value " + go_quote(text)
           + " for -tlsverify: expected true, false, or optional: strconv.ParseBool: parsing "
           + go_quote(text) + ": invalid syntax";
  if (row.kind == flag_kind::boolean && !parse_bool(text) && row.key != "tlsverify")
    return "invalid boolean value " + go_quote(text) + " for -" + name + ": parse error";
  if (row.kind != flag_kind::integer) return {};
  auto why = parse_int(text, n);
  return why ? "invalid value " + go_quote(text) + " for flag -" + name + ": " + why
             : std::string{};
}

scanned scan(std::span<const std::string> args) {
  scanned out;
  size_t i = 0;
  for (; i < args.size() && args[i].size() > 1 && args[i][0] == '-'; ++i) {
    if (args[i] == "--") {
      ++i;
      break;
    }
    auto name = args[i].substr(args[i][1] == '-' ? 2 : 1);
    if (name.empty() || name[0] == '-' || name[0] == '=') {
      out.problem = "bad flag syntax: " + args[i];
      return out;
    }
    auto equals = name.find('=');
    std::optional<std::string> text;
    if (equals != std::string::npos) {
      text = name.substr(equals + 1);
      name.resize(equals);
    }
    auto row = find_flag(name);
    if (!row) {
      out.problem = "flag provided but not defined: -" + name;
      return out;
    }
    if (!text && row->kind == flag_kind::boolean) text = "true";
    if (!text && i + 1 < args.size()) text = args[++i];
    if (!text) {
      out.problem = "flag needs an argument: -" + name;
      return out;
    }
    out.problem = check_flag_value(*row, name, *text);
    if (!out.problem.empty()) return out;
    out.flags.emplace_back(std::string(row->key), *text);
  }
  out.words.assign(args.begin() + static_cast<std::ptrdiff_t>(i), args.end());
  return out;
}

std::optional<std::string> last(const flag_values& flags, std::string_view key) {
  for (auto i = flags.rbegin(); i != flags.rend(); ++i)
    if (i->first == key) return i->second;
  return std::nullopt;
}

bool is_on(const flag_values& flags, std::string_view key) {
  return parse_bool(last(flags, key).value_or("false")).value_or(false);
}

std::string lower(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return s;
}

cli_result failed(std::string text) {
  cli_result out;
  out.action = cli_action::fail;
  out.exit_code = 1;
  out.diagnostics = "nats-server: " + std::move(text) + "\n";
  return out;
}

/// Actions that need no configuration. Nothing: go on.
std::optional<cli_result> immediate_action(const scanned& in, const parse_environment& env) {
  cli_result out;
  auto word = in.words.empty() ? std::string{} : lower(in.words[0]);
  if (is_on(in.flags, "version")) {
    out.action = cli_action::print_version;
  } else if (is_on(in.flags, "help")) {
    out.action = cli_action::print_help;
  } else if (is_on(in.flags, "help_tls")) {
    out.action = cli_action::print_help;
    out.output = help_tls_text();
    return out;
  } else if (is_on(in.flags, "help_config")) {
    out.action = cli_action::print_help;
    out.output = reference_page();
    return out;
  } else if (is_on(in.flags, "unsupported")) {
    out.action = cli_action::print_unsupported;
    out.output = unsupported_text();
  } else if (word == "version" || word == "help") {
    out.action = word == "help" ? cli_action::print_help : cli_action::print_version;
  } else if (!in.words.empty()) {
    return failed("unrecognized command: " + go_quote(in.words[0]));
  } else if (auto text = last(in.flags, "signal"); text && !text->empty()) {
    auto request = parse_signal(*text, env);
    if (!request) return failed(request.error().context);
    out.action = cli_action::send_signal;
    out.signal = *request;
  } else {
    return std::nullopt;
  }
  if (out.action == cli_action::print_version) out.output = version_text();
  if (out.action == cli_action::print_help) out.output = std::string(help_text()) + "\n";
  return out;
}

/// As the NATS server prints it: a blank line follows the report on a file that could be read.
cli_result failed_file(const load_result& loaded) {
  auto text = loaded.to_string();
  if (loaded.syntax_failure) text.pop_back();
  return failed(std::move(text));
}

/// Reads the file named on the command line into `out`. Nothing: go on.
std::optional<cli_result> read_file(const std::string& path, const flag_values& flags,
                                    const parse_environment& env, cli_result& out) {
  bool only_test = is_on(flags, "t");
  server_options base;
  base.allow_unsupported = is_on(flags, "allow_unsupported");
  auto loaded = load_file(path, env, std::move(base));
  for (auto list : {&out.notices, &loaded.notices})
    for (auto& n : *list)
      out.diagnostics += only_test ? n.to_string() + "\n" : "";
  if (!loaded.ok() || (only_test && !loaded.warnings.empty())) {
    auto failure = failed_file(loaded);
    failure.diagnostics = out.diagnostics + failure.diagnostics;
    return failure;
  }
  out.options = std::move(loaded.options);
  out.notices.insert(out.notices.end(), loaded.notices.begin(), loaded.notices.end());
  if (!only_test) out.diagnostics += loaded.to_string();
  return std::nullopt;
}

/// -t, after file and flags were read: what a start would say, and the same of --test_reload's file.
cli_result test_config(const std::string& path, const parse_environment& env, cli_result out) {
  auto refuse = [&out](cli_result failure) {
    failure.diagnostics = out.diagnostics + failure.diagnostics;
    return failure;
  };
  if (auto valid = validate(out.options); !valid) return refuse(failed(valid.error().context));
  if (auto next = last(out.flags, "test_reload").value_or(""); !next.empty()) {
    auto flags = out.flags;
    flags.emplace_back("config", next);
    auto loaded = read_again(flags, env);
    if (!loaded.ok()) return refuse(failed_file(loaded));
    if (auto valid = validate(loaded.options); !valid) return refuse(failed(valid.error().context));
    out.reload_file = next;
    out.reload_options = std::move(loaded.options);
  }
  out.action = cli_action::test_config;
  if (!out.reload_file.empty()) return out; // the file is fine, but maybe not all is
  out.diagnostics +=
      "nats-server: configuration file " + path + " is valid (" + out.options.config_digest + ")\n";
  return out;
}

/// Flags known to the NATS server but not built: notices.
void note_unbuilt_flags(const flag_values& flags, cli_result& out) {
  auto given = [&](std::string_view key) {
    auto text = last(flags, key).value_or("");
    return !text.empty() && parse_bool(text).value_or(true);
  };
  for (auto key : {"routes", "cluster", "cluster_advertise", "no_advertise",
                   "connect_retries", "cluster_name", "jetstream", "store_dir"})
    if (last(flags, key) && (given(key) || find_key(key)->kind != flag_kind::boolean))
      out.notices.push_back(
          {{}, "flag -" + std::string(key) + " is not built yet and has no effect", false});
}

/// The TLS flags together make a block of their own, which takes the place of the file's;
/// -tls=false takes TLS away.
result<void> apply_tls_flags(const flag_values& flags, const parse_environment& env,
                             server_options& options) {
  const auto wanted = last(flags, "tls");
  const bool off = wanted && !parse_bool(*wanted).value_or(false);
  const bool on = std::any_of(flags.begin(), flags.end(),
                              [](auto& flag) { return flag.first.starts_with("tls"); });
  if (off) options.tls.reset();
  fill_auth_timeout(options);
  if (off || !on) return {};
  auto text = [&](std::string_view key) { return last(flags, key).value_or(""); };
  auto bad = [](const char* why) { return troupe::error{errc::malformed, why}; };
  if (text("tlscert").empty()) return bad("TLS Server certificate must be present and valid");
  if (text("tlskey").empty()) return bad("TLS Server private key must be present and valid");
  tls_options tls;
  tls.certs = {{text("tlscert"), text("tlskey")}};
  tls.ca_file = text("tlscacert");
  tls.verify = is_on(flags, "tlsverify");
  tls.verify_optional = is_optional(text("tlsverify"));
  // What is not about certificates stays as the file says.
  if (options.tls) {
    tls.timeout = options.tls->timeout;
    tls.verify_and_map = options.tls->verify_and_map;
    tls.pinned_certs = options.tls->pinned_certs;
    tls.connection_rate_limit = options.tls->connection_rate_limit;
    tls.order = options.tls->order;
    tls.first_delay = options.tls->first_delay;
  }
  options.tls = std::move(tls);
  fill_auth_timeout(options);
  if (env.check_tls) return env.check_tls(*options.tls);
  return {};
}

/// The switches that are more than one field.
void apply_switch(std::string_view key, bool on, server_options& x) {
  x.trace = on;
  if (key != "VV") x.debug = on;
  if (key != "DV") x.trace_verbose = on;
}

} // namespace

void apply_flags(const flag_values& flags, server_options& options) {
  const server_options fresh;
  for (auto& [key, text] : flags) {
    auto row = find_key(key);
    if (!row) continue;
    std::visit(
        [&, &text = text](auto field) {
          using member = decltype(field);
          if constexpr (!std::is_same_v<member, std::monostate>) {
            using T = std::remove_cvref_t<decltype(options.*field)>;
            if constexpr (std::is_same_v<T, bool>) {
              options.*field = parse_bool(text).value_or(false);
            } else if constexpr (std::is_integral_v<T>) {
              int64_t n = 0;
              parse_int(text, n);
              options.*field = static_cast<T>(std::clamp<int64_t>(n, std::numeric_limits<T>::min(),
                                                                  std::numeric_limits<T>::max()));
            } else if constexpr (std::is_same_v<T, std::string>) {
              options.*field = text;
            }
          }
        },
        row->field);
    if (key == "user") options.authorization.user = text;
    if (key == "pass") options.authorization.pass = text;
    if (key == "auth") options.authorization.token = text;
  }
  // As in the NATS server, the combined switches come after the single ones, in this order.
  for (std::string_view key : {"DV", "DVV", "VV"})
    if (auto text = last(flags, key)) apply_switch(key, parse_bool(*text).value_or(false), options);
  if (options.port == 0) options.port = fresh.port;
  if (options.host.empty()) options.host = fresh.host;
}

load_result read_again(const flag_values& flags, const parse_environment& env) {
  server_options base;
  base.allow_unsupported = is_on(flags, "allow_unsupported");
  load_result out;
  if (auto path = last(flags, "config").value_or(""); !path.empty())
    out = load_file(path, env, std::move(base));
  else out.options = std::move(base);
  apply_flags(flags, out.options);
  if (auto good = apply_tls_flags(flags, env, out.options); !good)
    out.errors.push_back({{}, good.error().context, false});
  return out;
}

result<signal_request> parse_signal(const std::string& text, const parse_environment& env) {
  auto bad = [](std::string why) { return troupe::error{errc::malformed, std::move(why)}; };
  signal_request out;
  auto equals = text.find('=');
  out.name = text.substr(0, equals);
  if (equals != std::string::npos) {
    out.pid = text.substr(equals + 1);
    if (auto second = out.pid.find('='); second != std::string::npos) {
      auto rest = out.pid.substr(second + 1);
      std::replace(rest.begin(), rest.end(), '=', ' ');
      return bad("invalid signal parameters: [" + rest + "]");
    }
    if (auto contents = env.read_file ? env.read_file(out.pid) : result<std::string>(bad("")))
      out.pid = contents->substr(0, contents->find_last_not_of(" \t\r\n") + 1);
  }
  out.is_prefix = out.pid.ends_with('*');
  if (out.is_prefix) out.pid.pop_back();
  int64_t n = 0;
  auto first = out.pid.data();
  auto [end, ec] = std::from_chars(first, first + out.pid.size(), n);
  // Zero and negative numbers mean groups of processes to the kernel, -1 all there are.
  if (!out.pid.empty() && (ec != std::errc{} || end != first + out.pid.size() || n <= 0))
    return bad("invalid pid: " + out.pid);
  struct entry {
    std::string_view name;
    signal_command command;
    int number;
  };
  static constexpr std::array<entry, 6> commands{{{"stop", signal_command::stop, SIGKILL},
                                                  {"quit", signal_command::quit, SIGINT},
                                                  {"term", signal_command::term, SIGTERM},
                                                  {"reopen", signal_command::reopen, SIGUSR1},
                                                  {"reload", signal_command::reload, SIGHUP},
                                                  {"ldm", signal_command::lame_duck, SIGUSR2}}};
  for (auto& c : commands) {
    if (c.name != out.name) continue;
    out.command = c.command;
    out.number = c.number;
    return out;
  }
  return bad("unknown signal " + go_quote(out.name));
}

cli_result parse_command_line(std::span<const std::string> args, const parse_environment& env) {
  auto in = scan(args);
  if (!in.problem.empty()) {
    // Go prints the usage after the problem, and its exit code is 0.
    cli_result out;
    out.action = cli_action::print_help;
    out.diagnostics = in.problem + "\n";
    out.output = std::string(help_text()) + "\n";
    return out;
  }
  if (auto done = immediate_action(in, env)) return *done;
  cli_result out;
  out.flags = in.flags;
  bool only_test = is_on(in.flags, "t");
  auto path = last(in.flags, "config").value_or("");
  if (path.empty() && only_test)
    return failed("must specify [-c, --config] option to check configuration file syntax");
  note_unbuilt_flags(in.flags, out);
  if (!path.empty())
    if (auto done = read_file(path, in.flags, env, out)) return *done;
  apply_flags(in.flags, out.options);
  if (auto good = apply_tls_flags(in.flags, env, out.options); !good)
    return failed(good.error().context);
  if (only_test) return test_config(path, env, std::move(out));
  if (last(in.flags, "test_reload"))
    return failed("--test_reload can only be used together with -t");
  return out;
}

std::vector<std::string> redact_arguments(std::span<const std::string> args) {
  static constexpr std::string_view hidden = "[REDACTED]";
  auto hide_url_user = [](std::string text) {
    size_t from = 0;
    for (size_t at = text.find('@'); at != std::string::npos; at = text.find('@', from)) {
      const size_t scheme = text.rfind("://", at);  // a name or password may hold a comma or slash
      const size_t start = scheme == std::string::npos || scheme < from ? from : scheme + 3;
      text.replace(start, at - start, hidden);
      from = start + hidden.size() + 1;
    }
    return text;
  };
  std::vector<std::string> out(args.begin(), args.end());
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i].size() < 2 || out[i][0] != '-') continue;
    auto name = out[i].substr(out[i][1] == '-' ? 2 : 1);
    auto equals = name.find('=');
    auto flag = name.substr(0, equals);
    bool secret = flag == "user" || flag == "pass" || flag == "auth";
    if (!secret && flag != "routes" && flag != "cluster" && flag != "cluster_listen") continue;
    auto redacted = [&](const std::string& s) {
      return secret ? std::string(hidden) : hide_url_user(s);
    };
    if (equals != std::string::npos)
      out[i] = out[i].substr(0, out[i].find('=') + 1) + redacted(name.substr(equals + 1));
    else if (i + 1 < out.size()) out[i + 1] = redacted(out[i + 1]);
  }
  return out;
}

} // namespace troupe::config
