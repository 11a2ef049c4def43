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
  const std::string scheme = url.find("://") == std::string::npos ? "" : lower(url.substr(0, url.find("://")));
  if (scheme != "http" && scheme != "https")
    return "proxy URL scheme must be http or https, got: " + scheme;
  const std::string host = url.substr(scheme.size() + 3);
  if (host.empty() || host.find_first_of("/?#") == 0) return "proxy URL must specify a host";
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

/// What makes one remote another than the next; `shown`: without secrets.
std::string name_of(const block_view& remote, bool shown) {
  std::string out = "urls=[";
  bool first = true;
  for (const std::string& url : remote.texts("url")) {
    out += (first ? "" : " ") + go_quote(shown ? shown_url(url, 0) : url);
    first = false;
  }
  const std::string account = remote.text("account");
  out += "], account=" + go_quote(account.empty() ? global_account : account);
  if (auto file = remote.text("credentials"); !file.empty()) return out + ", credentials=" + go_quote(file);
  if (auto seed = remote.text("nkey"); !seed.empty())
    return out + ", nkey=" + go_quote(shown ? "[REDACTED]" : seed);
  return out;
}

} // namespace

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
    if (!names.insert(name_of(remote, false)).second)
      ctx.error(one, "duplicate remote " + name_of(remote, true));
  }
}

} // namespace troupe::config
