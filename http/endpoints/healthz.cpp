#include "http/endpoints/healthz.hpp"

#include "protocol/json/writer.hpp"

namespace troupe::http {

result<health_request> parse_healthz(const query& params) {
  health_request out;
  struct field {
    const char* name;
    bool health_request::*member;
  };
  for (auto [name, member] : {field{"js-enabled", &health_request::js_enabled},
                              field{"js-enabled-only", &health_request::js_enabled_only},
                              field{"js-server-only", &health_request::js_server_only},
                              field{"js-meta-only", &health_request::js_meta_only},
                              field{"leaf-remotes-connected",
                                    &health_request::leaf_remotes_connected},
                              field{"details", &health_request::details}}) {
    auto b = params.get_bool(name);
    if (!b) return b.error();
    out.*member = *b;
  }
  out.account = params.get("account");
  out.stream = params.get("stream");
  out.consumer = params.get("consumer");
  return out;
}

std::optional<observe::health_snapshot> check_healthz(const health_request& request) {
  std::string text;
  if (request.account.empty() && !request.stream.empty())
    text = "\"account\" must not be empty when checking stream health";
  else if (request.stream.empty() && !request.consumer.empty())
    text = "\"stream\" must not be empty when checking consumer health";
  else return std::nullopt;
  observe::health_snapshot out;
  out.status = "error";
  out.status_code = 400;
  if (request.details) out.errors.push_back({"BAD_REQUEST", "", "", "", text});
  else out.error = text;
  return out;
}

std::string render_healthz(const observe::health_snapshot& health, bool with_code) {
  std::string out;
  json_writer w(out);
  w.begin_object();
  w.member("status", health.status);
  if (with_code) w.member_if("status_code", health.status_code);
  w.member_if("error", health.error);
  if (!health.errors.empty()) {
    w.key("errors");
    w.begin_array();
    for (auto& e : health.errors) {
      w.begin_object();
      w.member("type", e.type);
      w.member_if("account", e.account);
      w.member_if("stream", e.stream);
      w.member_if("consumer", e.consumer);
      w.member_if("error", e.error);
      w.end_object();
    }
    w.end_array();
  }
  w.end_object();
  return out;
}

} // namespace troupe::http
