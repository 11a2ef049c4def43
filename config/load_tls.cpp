// A tls block: certificates, what is asked of clients, and how TLS begins. Files are only looked at
// by the environment's check_tls, which reports what is wrong with them in the NATS server's words.
#include "config/duration.hpp"
#include "config/load_context.hpp"
#include "config/tls_names.hpp"

#include <algorithm>
#include <array>

namespace troupe::config {

namespace {

constexpr nanoseconds fallback_delay = 50ms; // of "auto"

class tls_loader {
public:
  explicit tls_loader(load_context& ctx) : ctx_(ctx) {}

  tls_options load(const value& v, const map& m) {
    for (auto& [key, field] : m) {
      auto row = ctx_.known("tls", key, field,
                            "error parsing tls config, unknown field " + go_quote(key));
      if (!row) continue;
      load_field(row->name(), key, field);
      if (row->state == support::unbuilt || row->state == support::unbuilt_security)
        ctx_.notice(field, *row);
    }
    check(v);
    return std::move(out_);
  }

private:
  void file(const value& v, std::string_view name, std::string& to) {
    if (auto s = v.get<std::string>()) to = *s;
    else fail(v, "expected '" + std::string(name) + "' to be filename");
  }
  void flag(const value& v, std::string_view name, bool& to) {
    if (auto b = v.get<bool>()) to = *b;
    else fail(v, "expected '" + std::string(name) + "' to be a boolean");
  }
  void fail(const value& v, const std::string& text) {
    ctx_.error(v, "error parsing tls config, " + text);
  }

  void load_field(std::string_view name, const std::string& key, const value& v) {
    if (name == "cert_file") file(v, name, first_.cert_file);
    else if (name == "key_file") file(v, name, first_.key_file);
    else if (name == "ca_file") file(v, name, out_.ca_file);
    else if (name == "insecure") flag(v, name, out_.insecure);
    else if (name == "verify") load_verify(v);
    else if (name == "verify_and_map") flag(v, name, out_.verify_and_map);
    else if (name == "verify_cert_and_check_known_urls") load_known_urls(v);
    else if (name == "allow_insecure_cipher_suites") flag(v, name, out_.allow_insecure_cipher_suites);
    else if (name == "cipher_suites") load_names(v, name, out_.cipher_suites);
    else if (name == "curve_preferences") load_names(v, name, out_.curve_preferences);
    else if (name == "timeout") load_timeout(v);
    else if (name == "connection_rate_limit") load_rate_limit(v);
    else if (name == "pinned_certs") load_pinned(v);
    else if (name == "handshake_first") load_order(v, key);
    else if (name == "certs") load_certs(v);
    else if (name == "ocsp_peer") out_.ocsp_peer = load_ocsp_peer(ctx_, v);
    else if (name == "min_version") load_min_version(v);
    else if (name == "ca_certs_match") load_store_authorities(v);
    else if (name.starts_with("cert_")) load_store(v, name);
  }

  void load_verify(const value& v) {
    auto text = v.get<std::string>();
    if (text && lower(*text) == "optional") out_.verify_optional = true;
    else if (auto b = v.get<bool>()) out_.verify = *b;
    else fail(v, "expected 'verify' to be a boolean or 'optional'");
  }

  void load_known_urls(const value& v) {
    flag(v, "verify_cert_and_check_known_urls", out_.verify_and_check_known_urls);
    if (out_.verify_and_check_known_urls)
      ctx_.error(v, "verify_cert_and_check_known_urls not supported in this context");
  }

  void load_names(const value& v, std::string_view name, std::vector<std::string>& to) {
    auto list = ctx_.expect<array>(v, "[]interface {}");
    if (!list) return;
    if (list->empty()) return fail(v, "'" + std::string(name) + "' cannot be empty");
    const bool suites = name == "cipher_suites";
    for (auto& entry : *list) {
      auto s = ctx_.text(entry);
      if (!s) continue;
      const bool good = suites ? find_cipher_suite(*s) != nullptr : openssl_curve(*s).has_value();
      if (good) to.push_back(*s);
      else
        ctx_.error(entry,
                   std::string("unrecognized ") + (suites ? "cipher " : "curve preference ") + *s);
    }
  }

  void load_timeout(const value& v) {
    const auto seconds = read_seconds(v);
    if (!seconds) return fail(v, "'timeout' " + seconds.error().context);
    constexpr double longest_s = 1e8; // a few years; sums with it stay within nanoseconds
    if (*seconds != 0) // a negative one is over at once, as in the NATS server
      out_.timeout = nanoseconds{static_cast<int64_t>(std::clamp(*seconds, 0.0, longest_s) * 1e9)};
  }

  void load_rate_limit(const value& v) {
    if (auto n = v.get<int64_t>()) out_.connection_rate_limit = *n;
    else fail(v, "'connection_rate_limit' wrong type");
  }

  void load_pinned(const value& v) {
    auto list = v.get<array>();
    if (!list)
      return fail(v, "expected 'pinned_certs' to be a list of hex-encoded sha256 of DER encoded "
                     "SubjectPublicKeyInfo");
    for (auto& entry : *list) {
      auto s = ctx_.text(entry);
      if (!s) continue;
      std::string hex = lower(*s);
      constexpr size_t digits = 64;
      if (hex.size() == digits && hex.find_first_not_of("0123456789abcdef") == std::string::npos)
        out_.pinned_certs.push_back(std::move(hex));
      else
        fail(entry, "'pinned_certs' key " + hex + " does not look like hex-encoded sha256 of DER "
                    "encoded SubjectPublicKeyInfo");
    }
    // A set: neither order nor repetition make a difference to a reload.
    auto& pins = out_.pinned_certs;
    std::sort(pins.begin(), pins.end());
    pins.erase(std::unique(pins.begin(), pins.end()), pins.end());
  }

  void load_order(const value& v, const std::string& key) {
    using enum handshake_order;
    if (auto b = v.get<bool>()) {
      out_.order = *b ? first : after_info;
      return;
    }
    auto s = v.get<std::string>();
    if (!s)
      return ctx_.error(v, "field " + go_quote(key) + " should be a boolean or a string, got "
                               + type_name(v));
    const std::string word = lower(*s);
    if (word == "true" || word == "on") {
      out_.order = first;
    } else if (word == "false" || word == "off") {
      out_.order = after_info;
    } else if (word == "auto" || word == "auto_fallback") {
      out_.order = first_within_delay;
      out_.first_delay = fallback_delay;
    } else if (auto d = parse_duration(*s)) {
      out_.order = *d > 0s ? first_within_delay : first;
      out_.first_delay = *d > 0s ? *d : fallback_delay;
    } else {
      ctx_.error(v, "field " + go_quote(key) + "'s value " + go_quote(*s) + " is invalid");
    }
  }

  void load_certs(const value& v) {
    constexpr char problem[] = "error parsing certificates config: ";
    auto list = v.get<array>();
    if (!list)
      return ctx_.error(v, std::string(problem) + "unsupported type " + type_name(v));
    for (auto& entry : *list) {
      auto m = entry.get<map>();
      if (!m) {
        ctx_.error(entry, std::string(problem) + "unsupported type " + type_name(entry));
        continue;
      }
      cert_pair pair;
      for (auto& [key, field] : *m) {
        auto s = field.get<std::string>();
        if (!s) ctx_.error(field, std::string(problem) + "unsupported type " + type_name(field));
        else if (key == "cert_file") pair.cert_file = *s;
        else if (key == "key_file") pair.key_file = *s;
        else
          ctx_.error(field, "error parsing tls certs config, unknown field " + go_quote(key));
      }
      if (pair.cert_file.empty() || pair.key_file.empty())
        ctx_.error(entry, std::string(problem)
                              + "both 'cert_file' and 'cert_key' options are required");
      more_.push_back(std::move(pair));
    }
  }

  void load_min_version(const value& v) {
    constexpr char problem[] = "error parsing tls config: ";
    auto s = v.get<std::string>();
    if (!s) return ctx_.error(v, std::string(problem) + "'min_version' wrong type: " + show(v));
    if (*s == "1.2" || *s == "1.3") out_.min_version = *s;
    else if (*s == "1.0" || *s == "1.1")
      ctx_.error(v, std::string(problem) + "unsupported TLS version: TLS " + *s);
    else ctx_.error(v, std::string(problem) + "unknown version: " + *s);
  }

  /// The certificate store of Windows, which is nowhere else.
  void load_store(const value& v, std::string_view name) {
    if (name == "cert_match_skip_invalid") {
      if (!v.get<bool>()) ctx_.error(v, "expected 'cert_match_skip_invalid' to be a boolean");
      return;
    }
    auto s = v.get<std::string>();
    if (!s || s->empty())
      return ctx_.error(v, "expected '" + std::string(name) + "' to be a valid non-empty string");
    if (name == "cert_store") {
      const std::string store = lower(*s);
      ctx_.error(v, store == "windowscurrentuser" || store == "windowslocalmachine"
                        ? "cert_store not compatible with current operating system"
                        : "cert store type not implemented");
    }
    if (name == "cert_match_by") {
      const std::string by = lower(*s);
      if (by != "subject" && by != "issuer" && by != "thumbprint")
        ctx_.error(v, "cert match by type not implemented");
    }
  }

  void load_store_authorities(const value& v) {
    constexpr char problem[] = "error parsing ca_cert_match: unsupported type ";
    auto list = v.get<array>();
    if (!list) return; // as in the NATS server, whatever it is
    for (auto& one : *list)
      if (!one.get<std::string>())
        ctx_.error(v, problem + std::string(type_name(one)) + " where string is expected");
  }

  void check(const value& v) {
    if (!first_.cert_file.empty() && !more_.empty())
      fail(v, "cannot combine 'cert_file' option with 'certs' option");
    out_.verify = out_.verify || out_.verify_and_map || out_.verify_and_check_known_urls;
    if (out_.verify && out_.verify_optional)
      fail(v, "cannot combine 'verify: optional' with options requiring client certificates");
    std::string insecure;
    for (auto& name : out_.cipher_suites)
      if (find_cipher_suite(name)->insecure) insecure += (insecure.empty() ? "" : ", ") + name;
    if (!insecure.empty() && !out_.allow_insecure_cipher_suites)
      ctx_.error(v, "insecure cipher suites configured without 'allow_insecure_cipher_suites' "
                    "option set: " + insecure);
    if (!first_.cert_file.empty() || !first_.key_file.empty()) out_.certs = {first_};
    else out_.certs = std::move(more_);
  }

  load_context& ctx_;
  tls_options out_;
  cert_pair first_;
  std::vector<cert_pair> more_;
};

} // namespace

std::optional<tls_options> load_tls(load_context& ctx, const value& v) {
  auto m = ctx.block(v);
  if (!m) return std::nullopt;
  const size_t before = ctx.out.errors.size();
  tls_options out = tls_loader(ctx).load(v, *m);
  if (ctx.out.errors.size() > before || !ctx.env || !ctx.env->check_tls) return out;
  if (auto good = ctx.env->check_tls(out); !good) ctx.error(v, good.error().context);
  return out;
}

void fill_auth_timeout(server_options& o) {
  if (!o.authorization.timeout_given)
    o.authorization.timeout = o.tls ? o.tls->timeout + 1s : authorization_options{}.timeout;
}

} // namespace troupe::config
