#include "http/page_request.hpp"

#include "http/endpoints/healthz.hpp"
#include "http/json_options.hpp"

namespace troupe::http {

namespace {

/// JSON without the blanks between its tokens.
std::string compact(const std::string& json) {
  std::string out(json.size() + 1, '\0');
  size_t length = 0;
  if (simdjson::minify(json.data(), json.size(), out.data(), length) != simdjson::SUCCESS)
    return json;
  out.resize(length);
  return out;
}

page_answer refused(int code, std::string text) { return {{}, code, std::move(text), false}; }

page_answer as_answer(result<std::string> page) {
  if (page) return {compact(*page), 0, {}, false};
  if (page.error().context.starts_with("filtered response")) return {{}, 0, {}, true};
  return refused(500, page.error().context);
}

/// Options that are of the right types and yet refused by the page itself are its error: 500.
template <class Options, class Check>
result<Options> checked(json_options& in, Options options, Check check) {
  if (in.problem()) return options;
  return check(std::move(options));
}

result<connz_options> read_connz(json_options& in) {
  connz_options o;
  auto sort = in.text("sort");
  o.auth = in.flag("auth");
  o.subs = in.flag("subscriptions");
  o.subs_detail = in.flag("subscriptions_detail");
  o.offset = in.integer("offset");
  o.limit = in.integer("limit");
  o.cid = in.unsigned_integer("cid");
  o.mqtt_client = in.text("mqtt_client");
  auto state = in.integer("state");
  if (state == 1) o.state = connection_state::closed;
  if (state == 2) o.state = connection_state::any;
  o.user = in.text("user");
  o.account = in.text("acc");
  o.filter_subject = in.text("filter_subject");
  return checked(in, std::move(o), [&](connz_options read) -> result<connz_options> {
    auto order = parse_connz_sort(sort);
    if (!order) return order.error();
    read.sort = *order;
    return check_connz(std::move(read));
  });
}

result<subsz_options> read_subsz(json_options& in) {
  subsz_options o;
  o.offset = in.integer("offset");
  o.limit = in.integer("limit");
  o.subs = in.flag("subscriptions");
  o.account = in.text("account");
  o.test = in.text("test");
  return checked(in, std::move(o), check_subsz);
}

result<routez_options> read_routez(json_options& in) {
  return routez_options{in.flag("subscriptions"), in.flag("subscriptions_detail")};
}

result<gatewayz_options> read_gatewayz(json_options& in) {
  return gatewayz_options{in.text("name"), in.flag("accounts"), in.text("account_name"),
                          in.flag("subscriptions"), in.flag("subscriptions_detail")};
}

result<leafz_options> read_leafz(json_options& in) {
  return leafz_options{in.flag("subscriptions"), in.text("account")};
}

result<accountz_options> read_accountz(json_options& in) {
  return accountz_options{in.text("account")};
}

result<accstatz_options> read_accstatz(json_options& in) {
  return accstatz_options{in.texts("accounts"), in.flag("include_unused")};
}

result<jsz_options> read_jsz(json_options& in) {
  jsz_options o;
  o.account = in.text("account");
  o.accounts = in.flag("accounts");
  o.streams = in.flag("streams");
  o.consumers = in.flag("consumer");
  o.direct_consumers = in.flag("direct_consumer");
  o.config = in.flag("config");
  o.leader_only = in.flag("leader_only");
  o.offset = in.integer("offset");
  o.limit = in.integer("limit");
  o.raft = in.flag("raft");
  o.stream_leader_only = in.flag("stream_leader_only");
  return o;
}

result<raftz_options> read_raftz(json_options& in) {
  return raftz_options{in.text("account"), in.text("group")};
}

result<ipqueuesz_options> read_ipqueuesz(json_options& in) {
  return ipqueuesz_options{in.flag("all"), in.text("filter")};
}

result<health_request> read_healthz(json_options& in) {
  health_request o;
  o.js_enabled = in.flag("js-enabled");
  o.js_enabled_only = in.flag("js-enabled-only");
  o.js_server_only = in.flag("js-server-only");
  o.js_meta_only = in.flag("js-meta-only");
  o.leaf_remotes_connected = in.flag("leaf-remotes-connected");
  o.account = in.text("account");
  o.stream = in.text("stream");
  o.consumer = in.text("consumer");
  o.details = in.flag("details");
  return o;
}

template <class Options, class Render>
page_answer answer(json_options& in, result<Options> (*read)(json_options&), Render render) {
  auto options = read(in);
  if (in.problem()) return refused(400, in.problem()->context);
  if (!options) return refused(500, options.error().context);
  return as_answer(render(*options));
}

template <class Options>
page_answer answer(json_options& in, result<Options> (*read)(json_options&), pages& from,
                   result<std::string> (pages::*page)(const Options&)) {
  return answer(in, read, [&](const Options& o) { return (from.*page)(o); });
}

} // namespace

page_answer answer_page(pages& from, std::string_view page, std::string_view options) {
  json_options in(options);
  if (in.problem()) return refused(400, in.problem()->context);
  if (page == "VARZ") return as_answer(from.varz());
  if (page == "CONNZ") return answer(in, read_connz, from, &pages::connz);
  if (page == "SUBSZ") return answer(in, read_subsz, from, &pages::subsz);
  if (page == "ROUTEZ") return answer(in, read_routez, from, &pages::routez);
  if (page == "GATEWAYZ") return answer(in, read_gatewayz, from, &pages::gatewayz);
  if (page == "LEAFZ") return answer(in, read_leafz, from, &pages::leafz);
  if (page == "ACCOUNTZ") return answer(in, read_accountz, from, &pages::accountz);
  if (page == "STATZ") return answer(in, read_accstatz, from, &pages::accstatz);
  if (page == "JSZ") return answer(in, read_jsz, from, &pages::jsz);
  if (page == "IPQUEUESZ") return answer(in, read_ipqueuesz, from, &pages::ipqueuesz);
  if (page == "RAFTZ") return answer(in, read_raftz, from, &pages::raftz);
  if (page == "EXPVARZ") return as_answer(from.expvarz());
  if (page == "ACTORZ") return as_answer(from.actorz());
  if (page == "HEALTHZ")
    return answer(in, read_healthz, [&](const health_request& request) {
      return result<std::string>(render_healthz(from.healthz(request), true));
    });
  return refused(404, "no page of that name");
}

} // namespace troupe::http
