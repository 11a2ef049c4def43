#include "actors/system/system_request.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "protocol/base64.hpp"
#include "protocol/json/reader.hpp"
#include "protocol/json/writer.hpp"
#include "protocol/text.hpp"

namespace troupe {

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

struct named_call {
  std::string_view name;
  system_call call;
};

constexpr std::array<named_call, 16> pages{{
  {"IDZ", system_call::idz},
  {"STATSZ", system_call::statsz},
  {"VARZ", system_call::varz},
  {"SUBSZ", system_call::subsz},
  {"CONNZ", system_call::connz},
  {"ROUTEZ", system_call::routez},
  {"GATEWAYZ", system_call::gatewayz},
  {"LEAFZ", system_call::leafz},
  {"ACCOUNTZ", system_call::accountz},
  {"JSZ", system_call::jsz},
  {"HEALTHZ", system_call::healthz},
  {"PROFILEZ", system_call::profilez},
  {"EXPVARZ", system_call::expvarz},
  {"IPQUEUESZ", system_call::ipqueuesz},
  {"RAFTZ", system_call::raftz},
  {"ACTORZ", system_call::actorz},  // ours
}};
constexpr std::array<named_call, 3> orders{{
  {"RELOAD", system_call::reload},
  {"KICK", system_call::kick},
  {"LDM", system_call::ldm},
}};
constexpr std::array<named_call, 7> about_accounts{{
  {"SUBSZ", system_call::subsz},
  {"CONNZ", system_call::connz},
  {"LEAFZ", system_call::leafz},
  {"JSZ", system_call::jsz},
  {"INFO", system_call::account_info},
  {"STATZ", system_call::account_statz},
  {"CONNS", system_call::account_conns},
}};

constexpr std::array<named_call, 4> about_claims{{
  {"UPDATE", system_call::claims_update},
  {"DELETE", system_call::claims_delete},
  {"LIST", system_call::claims_list},
  {"PACK", system_call::claims_pack},
}};

constexpr std::string_view claims_prefix = "$SYS.REQ.CLAIMS.";
constexpr std::string_view old_update_prefix = "$SYS.ACCOUNT.";
constexpr std::string_view update_suffix = "CLAIMS.UPDATE";
constexpr std::string_view lookup_suffix = "CLAIMS.LOOKUP";
constexpr std::string_view server_prefix = "$SYS.REQ.SERVER.";
constexpr std::string_view account_prefix = "$SYS.REQ.ACCOUNT.";
constexpr std::string_view user_prefix = "$SYS.REQ.USER.";
constexpr std::string_view debug_subject = "$SYS.DEBUG.SUBSCRIBERS";
constexpr std::string_view nsubs_subject = "$SYS.REQ.ACCOUNT.NSUBS";

system_call find(std::span<const named_call> list, std::string_view name) {
  for (const named_call& one : list)
    if (one.name == name) return one.call;
  return system_call::none;
}

system_subject of_server(std::string_view rest, std::string_view server_id) {
  if (rest == "PING") return {.call = system_call::statsz, .account = {}};
  const size_t dot = rest.find('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view whom = rest.substr(0, dot), what = rest.substr(dot + 1);
  if (whom != "PING" && whom != server_id) return {};
  system_call call = find(pages, what);
  if (call == system_call::none && whom == server_id) call = find(orders, what);
  return {.call = call, .account = {}};
}

system_subject of_account(std::string_view rest) {
  const size_t dot = rest.find('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view account = rest.substr(0, dot), what = rest.substr(dot + 1);
  if (account == "PING" && what == "STATZ") return {.call = system_call::account_statz, .account = {}};
  if (what == update_suffix)
    return {.call = system_call::claims_update, .account = account, .one_account = true};
  if (what == lookup_suffix)
    return {.call = system_call::claims_lookup, .account = account, .one_account = true};
  return {.call = find(about_accounts, what), .account = account, .one_account = true};
}

// -- options ---------------------------------------------------------------------------------------

enum class field_type : uint8_t { text, bytes, flag, integer, unsigned_integer, texts, sort_order, state };

/// One member of a request's options.
struct field {
  std::string_view name;
  field_type type;
};

struct request_shape {
  system_call call;
  std::string_view whole;  // Go's type
  std::string_view part;   // the embedded one with the fields
  std::span<const field> fields;
};

using enum field_type;
constexpr std::array<field, 6> filter_fields{{{"server_name", text},
                                              {"cluster", text},
                                              {"host", text},
                                              {"exact_match", flag},
                                              {"tags", texts},
                                              {"domain", text}}};
constexpr std::array<field, 12> connz_fields{{{"sort", sort_order},
                                              {"auth", flag},
                                              {"subscriptions", flag},
                                              {"subscriptions_detail", flag},
                                              {"offset", integer},
                                              {"limit", integer},
                                              {"cid", unsigned_integer},
                                              {"mqtt_client", text},
                                              {"state", state},
                                              {"user", text},
                                              {"acc", text},
                                              {"filter_subject", text}}};
constexpr std::array<field, 5> subsz_fields{{{"offset", integer},
                                             {"limit", integer},
                                             {"subscriptions", flag},
                                             {"account", text},
                                             {"test", text}}};
constexpr std::array<field, 2> routez_fields{
  {{"subscriptions", flag}, {"subscriptions_detail", flag}}};
constexpr std::array<field, 5> gatewayz_fields{{{"name", text},
                                                {"accounts", flag},
                                                {"account_name", text},
                                                {"subscriptions", flag},
                                                {"subscriptions_detail", flag}}};
constexpr std::array<field, 2> leafz_fields{
  {{"subscriptions", flag}, {"account", text}}};
constexpr std::array<field, 1> accountz_fields{{{"account", text}}};
constexpr std::array<field, 2> statz_fields{{{"accounts", texts}, {"include_unused", flag}}};
constexpr std::array<field, 11> jsz_fields{{{"account", text},
                                            {"accounts", flag},
                                            {"streams", flag},
                                            {"consumer", flag},
                                            {"direct_consumer", flag},
                                            {"config", flag},
                                            {"leader_only", flag},
                                            {"offset", integer},
                                            {"limit", integer},
                                            {"raft", flag},
                                            {"stream_leader_only", flag}}};
constexpr std::array<field, 9> healthz_fields{
  {{"js-enabled", flag},
   {"js-enabled-only", flag},
   {"js-server-only", flag},
   {"js-meta-only", flag},
   {"leaf-remotes-connected", flag},
   {"account", text},
   {"stream", text},
   {"consumer", text},
   {"details", flag}}};
constexpr std::array<field, 3> profilez_fields{
  {{"name", text}, {"debug", integer}, {"duration", integer}}};
constexpr std::array<field, 2> ipqueuesz_fields{{{"all", flag}, {"filter", text}}};
constexpr std::array<field, 2> raftz_fields{{{"account", text}, {"group", text}}};
constexpr std::array<field, 1> client_fields{{{"cid", unsigned_integer}}};
constexpr std::array<field, 3> nsubs_fields{
  {{"acc", text}, {"subject", text}, {"queue", bytes}}};

const request_shape& shape_of(system_call call) {
  static constexpr std::array<request_shape, 20> shapes{{
    {system_call::none, "EventFilterOptions", {}, {}},
    {system_call::statsz, "StatszEventOptions", {}, {}},
    {system_call::varz, "VarzEventOptions", {}, {}},
    {system_call::subsz, "SubszEventOptions", "SubszOptions", subsz_fields},
    {system_call::connz, "ConnzEventOptions", "ConnzOptions", connz_fields},
    {system_call::routez, "RoutezEventOptions", "RoutezOptions", routez_fields},
    {system_call::gatewayz, "GatewayzEventOptions", "GatewayzOptions", gatewayz_fields},
    {system_call::leafz, "LeafzEventOptions", "LeafzOptions", leafz_fields},
    {system_call::accountz, "AccountzEventOptions", "AccountzOptions", accountz_fields},
    {system_call::jsz, "JszEventOptions", "JSzOptions", jsz_fields},
    {system_call::healthz, "HealthzEventOptions", "HealthzOptions", healthz_fields},
    {system_call::profilez, "ProfilezEventOptions", "ProfilezOptions", profilez_fields},
    {system_call::expvarz, "ExpvarzEventOptions", {}, {}},
    {system_call::ipqueuesz, "IpqueueszEventOptions", "IpqueueszOptions", ipqueuesz_fields},
    {system_call::raftz, "RaftzEventOptions", "RaftzOptions", raftz_fields},
    {system_call::kick, "KickClientReq", {}, client_fields},
    {system_call::ldm, "LDMClientReq", {}, client_fields},
    {system_call::account_info, "AccInfoEventOptions", {}, {}},
    {system_call::account_statz, "AccountStatzEventOptions", "AccountStatzOptions", statz_fields},
    {system_call::account_nsubs, "accNumSubsReq", {}, nsubs_fields},
  }};
  for (const request_shape& one : shapes)
    if (one.call == call) return one;
  return shapes.front();
}

std::string_view go_type(field_type type) {
  switch (type) {
    case text: return "string";
    case bytes: return "[]uint8";
    case flag: return "bool";
    case integer: return "int";
    case unsigned_integer: return "uint64";
    case texts: return "[]string";
    case sort_order: return "server.SortOpt";
    case state: return "server.ConnState";
  }
  return {};
}

std::string_view json_kind(const element& e) {
  switch (e.type()) {
    case element_type::STRING: return "string";
    case element_type::BOOL: return "bool";
    case element_type::ARRAY: return "array";
    case element_type::OBJECT: return "object";
    default: return "number";
  }
}

/// Go names the number that does not fit its type.
std::string go_value(const element& e) {
  std::string kind(json_kind(e));
  if (kind == "number") {
    std::string number = simdjson::minify(e);
    kind += ' ' + number;
  }
  return kind;
}

class options_reader {
public:
  options_reader(const request_shape& shape, request_options& out) : shape_(shape), out_(out) {}

  result<void> read(const element& document) {
    if (document.is_null()) return {};
    simdjson::dom::object members;
    if (document.get(members) != simdjson::SUCCESS)
      return error{errc::malformed, "json: cannot unmarshal " + std::string(json_kind(document))
                                      + " into Go value of type server." + std::string(shape_.whole)};
    for (auto [name, value] : members) {
      // As in Go: null leaves a field as it was.
      if (value.is_null()) continue;
      if (auto ok = member(name, value); !ok) return ok;
    }
    return {};
  }

private:
  result<void> member(std::string_view name, const element& value) {
    for (const field& f : shape_.fields)
      if (same_field_name(name, f.name)) return take(f, shape_.part, value);
    for (const field& f : filter_fields)
      if (same_field_name(name, f.name)) {
        const bool embedded = shape_.whole != "EventFilterOptions";
        return take(f, embedded ? "EventFilterOptions" : "", value);
      }
    return {};
  }

  error mismatch(const field& f, std::string_view part, std::string value, std::string_view type) {
    std::string where(shape_.whole);
    if (!part.empty()) where.append(".").append(part);
    where.append(".").append(f.name);
    return {errc::malformed, "json: cannot unmarshal " + std::move(value) + " into Go struct field "
                               + where + " of type " + std::string(type)};
  }

  result<void> take(const field& f, std::string_view part, const element& value) {
    auto wrong = [&] { return mismatch(f, part, std::string(json_kind(value)), go_type(f.type)); };
    switch (f.type) {
      case text:
      case sort_order:
        if (!value.is_string()) return wrong();
        set_text(f, std::string(std::string_view(value)));
        return {};
      case bytes: {
        if (!value.is_string()) return wrong();
        auto decoded = base64_decode(std::string_view(value));
        if (!decoded) return error{errc::malformed, "illegal base64 data in " + std::string(f.name)};
        set_text(f, std::move(*decoded));
        return {};
      }
      case flag:
        if (!value.is_bool()) return wrong();
        set_flag(f, bool(value));
        return {};
      case texts: return take_texts(f, part, value);
      case integer:
      case state:
      case unsigned_integer: break;
    }
    if (!value.is_number()) return wrong();
    const bool fits = f.type == unsigned_integer ? value.is_uint64() : value.is_int64();
    if (!fits) return mismatch(f, part, go_value(value), go_type(f.type));
    if (f.name == "cid") out_.cid = uint64_t(value);
    else if (f.name == "duration") out_.duration_ns = int64_t(value);
    return {};
  }

  result<void> take_texts(const field& f, std::string_view part, const element& value) {
    simdjson::dom::array list;
    if (value.get(list) != simdjson::SUCCESS)
      return mismatch(f, part, std::string(json_kind(value)), "[]string");
    auto& into = f.name == "tags" ? out_.filter.tags : out_.accounts;
    into.clear();
    for (const element& one : list) {
      if (!one.is_string()) return mismatch(f, part, std::string(json_kind(one)), "string");
      into.emplace_back(std::string_view(one));
    }
    return {};
  }

  void set_text(const field& f, std::string value) {
    if (f.name == "server_name") out_.filter.name = std::move(value);
    else if (f.name == "cluster") out_.filter.cluster = std::move(value);
    else if (f.name == "host") out_.filter.host = std::move(value);
    else if (f.name == "domain") out_.filter.domain = std::move(value);
    else if (f.name == "name") out_.name = std::move(value);
    else if (f.name == "acc") out_.account = std::move(value);
    else if (f.name == "subject") out_.subject = std::move(value);
    else if (f.name == "queue") out_.queue = std::move(value);
  }
  void set_flag(const field& f, bool on) {
    if (f.name == "exact_match") out_.filter.exact = on;
    else if (f.name == "include_unused") out_.include_unused = on;
  }

  const request_shape& shape_;
  request_options& out_;
};

bool blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

} // namespace

system_subject parse_system_subject(std::string_view subject, std::string_view server_id) {
  if (subject == debug_subject) return {.call = system_call::debug_subscribers, .account = {}};
  if (subject == nsubs_subject) return {.call = system_call::account_nsubs, .account = {}};
  if (subject.starts_with(server_prefix))
    return of_server(subject.substr(server_prefix.size()), server_id);
  if (subject.starts_with(account_prefix)) return of_account(subject.substr(account_prefix.size()));
  if (subject.starts_with(claims_prefix))
    return {.call = find(about_claims, subject.substr(claims_prefix.size())), .account = {}};
  if (subject.starts_with(old_update_prefix)) {
    const std::string_view rest = subject.substr(old_update_prefix.size());
    const size_t dot = rest.find('.');
    if (dot == std::string_view::npos || rest.substr(dot + 1) != update_suffix) return {};
    return {.call = system_call::claims_update, .account = rest.substr(0, dot), .one_account = true};
  }
  if (subject.starts_with(user_prefix)) {
    const std::string_view rest = subject.substr(user_prefix.size());
    const size_t dot = rest.find('.');
    if (dot != std::string_view::npos && rest.substr(dot + 1) == "INFO")
      return {.call = system_call::user_info, .account = rest.substr(0, dot), .one_account = true};
  }
  return {};
}

std::vector<std::string> system_filters(std::string_view server_id) {
  std::vector<std::string> all;
  const std::string server(server_prefix), account(account_prefix), id(server_id);
  all.push_back(server + "PING");
  for (const named_call& page : pages) {
    all.push_back(server + "PING." + std::string(page.name));
    all.push_back(server + id + "." + std::string(page.name));
  }
  for (const named_call& order : orders) all.push_back(server + id + "." + std::string(order.name));
  for (const named_call& what : about_accounts) all.push_back(account + "*." + std::string(what.name));
  all.emplace_back(nsubs_subject);
  all.push_back(std::string(user_prefix) + "*.INFO");
  all.emplace_back(debug_subject);
  return all;
}

std::vector<std::string> claims_filters(bool keeps_accounts) {
  std::vector<std::string> all;
  all.push_back(std::string(old_update_prefix) + "*." + std::string(update_suffix));
  all.push_back(std::string(account_prefix) + "*." + std::string(update_suffix));
  if (!keeps_accounts) return all;
  all.push_back(std::string(account_prefix) + "*." + std::string(lookup_suffix));
  for (const named_call& what : about_claims)
    all.push_back(std::string(claims_prefix) + std::string(what.name));
  return all;
}

bool applies_to(const request_filter& filter, const server_identity& server) {
  auto fits = [&](const std::string& wanted, const std::string& is) {
    if (wanted.empty()) return true;
    return filter.exact ? wanted == is : is.find(wanted) != std::string::npos;
  };
  if (!fits(filter.name, server.name) || !fits(filter.host, server.host)
      || !fits(filter.cluster, server.cluster))
    return false;
  auto has = [&](const std::string& tag) {
    return std::any_of(server.tags.begin(), server.tags.end(),
                       [&](const std::string& own) { return same_ignoring_case(own, tag); });
  };
  if (!std::all_of(filter.tags.begin(), filter.tags.end(), has)) return false;
  return filter.domain.empty() || filter.domain == server.domain;
}

result<request_options> parse_request_options(system_call call, std::string_view body) {
  request_options options;
  if (body.empty()) return options;
  if (body.size() > max_request_options_bytes)
    return error{errc::limit_exceeded, "request options of more than "
                                    + std::to_string(max_request_options_bytes) + " bytes"};
  if (blank(body)) return error{errc::malformed, "unexpected end of JSON input"};
  json_reader reader;
  auto document = reader.read(body);
  if (!document) return document.error();
  if (auto ok = options_reader(shape_of(call), options).read(*document); !ok) return ok.error();
  return options;
}

std::string options_of_account(system_call call, std::string_view body, std::string_view account) {
  std::string options = "{}";
  if (!blank(body)) {
    json_reader reader;
    if (auto document = reader.read(body); document && document->is_object())
      options = simdjson::minify(*document);
  }
  options.pop_back();
  if (options.size() > 1) options += ',';
  // The last member of a name counts.
  options += call == system_call::connz ? "\"acc\":" : "\"account\":";
  append_json_string(options, account);
  if (call == system_call::subsz) options += ",\"subscriptions\":true";
  return options + '}';
}

std::string_view page_name(system_call call) {
  for (const named_call& page : pages)
    if (page.call == call) return page.name;
  return {};
}

} // namespace troupe
