// The leafnodes block, which is not built: what has to fit together in it. The texts are Go's.
#include "config/block_view.hpp"
#include "protocol/service_url.hpp"

#include <algorithm>
#include <set>

namespace troupe::config {

namespace {

/// What is wrong with the proxy of a remote; empty: nothing.
std::string proxy_fault(const block_view& remote) {
  const block_view proxy = remote.block("proxy", "leaf_proxy");
  const std::string url = proxy.text("url"), user = proxy.text("username");
  const std::string password = proxy.text("password");
  if (url.empty()) {
    const bool used = !user.empty() || !password.empty() || proxy.duration("timeout") != 0s || proxy.has("tls");
    return used ? "proxy URL must be specified when other proxy options are set" : "";
  }
  if (const auto fault = find_url_fault(url)) {
    // With a user the words may tell a part of its password.
    const size_t at = url.rfind('@');
    const bool secret = at != std::string::npos;
    std::string text = "invalid proxy URL: parse " + go_quote(secret ? "[REDACTED]" + url.substr(at) : url);
    if (secret) return text;
    text += ": " + std::string(fault->before);
    if (!fault->piece.empty()) text += go_quote(fault->piece);
    return text += fault->after;
  }
  const std::string scheme = url_scheme(url);
  if (scheme != "http" && scheme != "https")
    return "proxy URL scheme must be http or https, got: " + scheme;
  if (!has_url_host(url)) return "proxy URL must specify a host";
  if (proxy.has("tls") && scheme != "https")
    return "proxy TLS configuration requires an https proxy URL, got: " + scheme;
  if (proxy.duration("timeout") < 0s) return "proxy timeout must be >= 0";
  if (user.empty() != password.empty())
    return "proxy username and password must both be specified or both be empty";
  for (const std::string& one : remote.texts("url"))
    if (is_wss_url(one) && !remote.has("tls"))
      return "proxy is configured but remote URL " + shown_url(one, 0)
             + " requires TLS and no TLS configuration is provided. When using proxy with TLS "
               "endpoints, ensure TLS is properly configured for the leafnode remote";
  return {};
}

/// What makes one remote another than the next; `url_text(url)` is how a URL stands in it.
template <class F>
std::string remote_text(const block_view& remote, const char* hidden_seed, F&& url_text) {
  std::string out = "urls=[";
  for (const std::string& url : remote.texts("url")) out += (out.back() == '[' ? "" : " ") + go_quote(url_text(url));
  const std::string account = remote.text("account");
  out += "], account=" + go_quote(account.empty() ? global_account : account);
  if (auto file = remote.text("credentials"); !file.empty()) return out + ", credentials=" + go_quote(file);
  if (auto seed = remote.text("nkey"); !seed.empty()) return out + ", nkey=" + go_quote(hidden_seed ? hidden_seed : seed);
  return out;
}

} // namespace

std::string shown_leaf_remote(const block_view& remote, int default_port) {
  return remote_text(remote, "[REDACTED]", [&](const std::string& url) { return shown_url(url, default_port); });
}

void check_leaf_authorization(load_context& ctx, const std::string&, const value& v) {
  if (!ctx.block(v)) return;
  const block_view auth(&v, "leaf_auth");
  const auto users = auth.blocks("users", "leaf_user");
  if (users.empty()) return;
  if (!auth.text("user").empty()) return ctx.error(v, "can not have a single user/pass and a users array");
  if (!auth.text("nkey").empty()) return ctx.error(v, "can not have a single nkey and a users array");
  std::set<std::string> names;
  for (const block_view& user : users)
    if (!names.insert(user.text("user")).second)
      return ctx.error(v, "duplicate user " + go_quote(user.text("user"))
                              + " detected in leafnode authorization");
}

void check_leaf_remotes(load_context& ctx, const std::string&, const value& v) {
  auto list = v.get<array>();
  if (!list) return ctx.error(v, std::string("Expected remotes field to be an array, got ") + type_name(v));
  std::set<std::string> names;
  for (const value& one : *list) {
    if (!one.get<map>()) {
      ctx.error(one, "Expected remote leafnode entry to be a map/struct, got " + show(one));
      continue;
    }
    const block_view remote(&one, "remote_leaf");
    if (remote.has("credentials") && remote.has("nkey"))
      ctx.error(*remote.at("nkey"), "Remote leafnode can not have both creds and nkey defined");
    if (std::string fault = proxy_fault(remote); !fault.empty()) {
      ctx.error(*remote.at("proxy"), std::move(fault));
      continue;
    }
    if (!names.insert(remote_text(remote, nullptr, [](auto& url) { return url; })).second)
      ctx.error(one, "duplicate remote " + shown_leaf_remote(remote, 0));
  }
}

} // namespace troupe::config
