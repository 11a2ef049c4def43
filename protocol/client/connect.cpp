#include "protocol/client/connect.hpp"

#include <array>
#include <variant>

#include "protocol/client/encoder.hpp"
#include "protocol/json/reader.hpp"
#include "protocol/json/writer.hpp"

namespace troupe {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

using member = std::variant<bool connect_options::*, int64_t connect_options::*,
                            std::string connect_options::*,
                            std::optional<subject_permission> connect_options::*>;

struct field {
  std::string_view name;
  member at;
};

constexpr std::array<field, 22> fields{{
    {"echo", &connect_options::echo},
    {"verbose", &connect_options::verbose},
    {"pedantic", &connect_options::pedantic},
    {"tls_required", &connect_options::tls_required},
    {"nkey", &connect_options::nkey},
    {"jwt", &connect_options::jwt},
    {"sig", &connect_options::sig},
    {"auth_token", &connect_options::auth_token},
    {"user", &connect_options::user},
    {"pass", &connect_options::pass},
    {"name", &connect_options::name},
    {"lang", &connect_options::lang},
    {"version", &connect_options::version},
    {"protocol", &connect_options::protocol},
    {"account", &connect_options::account},
    {"new_account", &connect_options::new_account},
    {"headers", &connect_options::headers},
    {"no_responders", &connect_options::no_responders},
    {"import", &connect_options::import_subjects},
    {"export", &connect_options::export_subjects},
    {"remote_account", &connect_options::remote_account},
    {"proxy_sig", &connect_options::proxy_sig},
}};

bool read(const element& value, bool& out) { return value.get(out) == simdjson::SUCCESS; }

bool read(const element& value, int64_t& out) { return value.get(out) == simdjson::SUCCESS; }

bool read(const element& value, std::string& out) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return false;
  out = text;
  return true;
}

bool read(const element& value, std::vector<std::string>& out) {
  simdjson::dom::array items;
  if (value.get(items) != simdjson::SUCCESS) return false;
  out.clear();
  for (const element item : items) {
    out.emplace_back();
    if (!item.is_null() && !read(item, out.back())) return false;
  }
  return true;
}

bool read(const element& value, std::optional<subject_permission>& out) {
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return false;
  if (!out) out.emplace();
  for (const auto& [name, item] : object) {
    const bool allow = same_field_name(name, "allow");
    if (!allow && !same_field_name(name, "deny")) continue;
    std::vector<std::string>& list = allow ? out->allow : out->deny;
    if (item.is_null()) {
      list.clear();
    } else if (!read(item, list)) {
      return false;
    }
  }
  return true;
}

/// null leaves plain values alone and empties optional ones.
bool read_member(const element& value, const member& at, connect_options& out) {
  return std::visit(
      [&](auto pointer) {
        auto& target = out.*pointer;
        if (!value.is_null()) return read(value, target);
        if constexpr (requires { target.reset(); }) target.reset();
        return true;
      },
      at);
}

error malformed(std::string why) { return {errc::malformed, "CONNECT: " + std::move(why)}; }

void write_permission(json_writer& w, std::string_view name,
                      const std::optional<subject_permission>& permission) {
  if (!permission) return;
  w.key(name);
  w.begin_object();
  w.member_if("allow", permission->allow);
  w.member_if("deny", permission->deny);
  w.end_object();
}

} // namespace

result<connect_options> parse_connect(std::string_view json, connect_options base) {
  json_reader reader;
  const result<element> root = reader.read(json);
  if (!root) return malformed(root.error().context);
  if (root->is_null()) return base;
  simdjson::dom::object object;
  if (root->get(object) != simdjson::SUCCESS) return malformed("not a JSON object");
  for (const auto& [name, value] : object) {
    for (const field& f : fields) {
      if (!same_field_name(name, f.name)) continue;
      if (!read_member(value, f.at, base)) {
        return malformed("field " + std::string{f.name} + " has the wrong type");
      }
      break;
    }
  }
  return base;
}

std::string encode_connect(const connect_options& options) {
  std::string out;
  json_writer w{out};
  w.begin_object();
  w.member("echo", options.echo);
  w.member("verbose", options.verbose);
  w.member("pedantic", options.pedantic);
  w.member("tls_required", options.tls_required);
  w.member_if("nkey", options.nkey);
  w.member_if("jwt", options.jwt);
  w.member_if("sig", options.sig);
  w.member_if("auth_token", options.auth_token);
  w.member_if("user", options.user);
  w.member_if("pass", options.pass);
  w.member("name", options.name);
  w.member("lang", options.lang);
  w.member("version", options.version);
  w.member("protocol", options.protocol);
  w.member_if("account", options.account);
  w.member_if("new_account", options.new_account);
  w.member_if("headers", options.headers);
  w.member_if("no_responders", options.no_responders);
  write_permission(w, "import", options.import_subjects);
  write_permission(w, "export", options.export_subjects);
  w.member_if("remote_account", options.remote_account);
  w.member_if("proxy_sig", options.proxy_sig);
  w.end_object();
  return out;
}

std::string encode_info_json(const server_info& info) {
  std::string out;
  json_writer w{out};
  w.begin_object();
  w.member("server_id", info.server_id);
  w.member("server_name", info.server_name);
  w.member("version", info.version);
  w.member("proto", info.proto);
  w.member_if("git_commit", info.git_commit);
  w.member("go", info.go);
  w.member("host", info.host);
  w.member("port", info.port);
  w.member("headers", info.headers);
  w.member_if("auth_required", info.auth_required);
  w.member_if("tls_required", info.tls_required);
  w.member_if("tls_verify", info.tls_verify);
  w.member_if("tls_available", info.tls_available);
  w.member("max_payload", info.max_payload);
  w.member_if("jetstream", info.jetstream);
  w.member_if("ip", info.ip);
  w.member_if("client_id", info.client_id);
  w.member_if("client_ip", info.client_ip);
  w.member_if("nonce", info.nonce);
  w.member_if("cluster", info.cluster);
  w.member_if("cluster_dynamic", info.cluster_dynamic);
  w.member_if("domain", info.domain);
  w.member_if("connect_urls", info.connect_urls);
  w.member_if("ws_connect_urls", info.ws_connect_urls);
  w.member_if("ldm", info.lame_duck);
  w.member_if("compression", info.compression);
  w.member_if("connect_info", info.connect_info);
  w.member_if("remote_account", info.remote_account);
  w.member_if("acc_is_sys", info.account_is_system);
  w.member_if("api_lvl", info.api_level);
  w.member_if("xkey", info.xkey);
  w.end_object();
  return out;
}

std::string encode_info(const server_info& info) {
  std::string line;
  append_info_line(line, encode_info_json(info));
  return line;
}

} // namespace troupe
