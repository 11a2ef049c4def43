#include "http/endpoints/account_rules.hpp"

#include <map>
#include <utility>
#include <vector>

namespace troupe::http {

namespace {

void write_latency(json_writer& w, const char* name, const config::latency_options& latency) {
  w.key(name);
  w.begin_object();
  if (latency.sampling == 0) w.member("sampling", "headers");
  else w.member("sampling", latency.sampling);
  w.member("results", latency.subject);
  w.end_object();
}

void write_mappings(json_writer& w, const std::vector<config::subject_mapping>& mappings) {
  if (mappings.empty()) return;
  std::map<std::string, const config::subject_mapping*> sorted;
  for (auto& mapping : mappings)
    sorted[mapping.source] = &mapping;
  w.key("mappings");
  w.begin_object();
  for (auto& [source, mapping] : sorted) {
    w.key(source);
    w.begin_array();
    std::map<std::string, int> sum; // per cluster
    for (auto& to : mapping->destinations) {
      w.begin_object();
      w.member("subject", to.subject);
      w.member("weight", sum[to.cluster] += to.weight);
      w.member_if("cluster", to.cluster);
      w.end_object();
    }
    w.end_array();
  }
  w.end_object();
}

const char* type_name(config::response_type type) {
  switch (type) {
  case config::response_type::single:
    return "Singleton";
  case config::response_type::stream:
    return "Streamed";
  case config::response_type::chunked:
    return "Chunked";
  }
  return "";
}

void write_export(json_writer& w, const config::export_options& e) {
  w.begin_object();
  w.member("subject", e.subject);
  w.member("type", e.service ? "service" : "stream");
  if (e.service) w.member("response_type", type_name(e.response));
  if (e.service && e.latency) write_latency(w, "service_latency", *e.latency);
  w.member_if("approved_accounts", e.accounts);
  w.end_object();
}

std::string local_subject(const config::import_options& i) {
  if (!i.to.empty()) return i.to;
  return i.prefix.empty() ? i.subject : i.prefix + "." + i.subject;
}

void write_import(json_writer& w, const config::import_options& i) {
  auto local = local_subject(i);
  w.begin_object();
  w.member("subject", i.subject);
  w.member("account", i.account);
  if (i.service) w.member("to", local);
  w.member("local_subject", local);
  w.member("type", i.service ? "service" : "stream");
  w.member("invalid", false);
  w.member("share", i.share);
  w.member("tracking", false);
  w.end_object();
}

/// Those of one kind first, as the NATS server lists them.
template <class List, class Write>
void write_list(json_writer& w, const char* name, const List& list, bool services_first,
                Write write) {
  if (list.empty()) return;
  w.key(name);
  w.begin_array();
  for (bool service : {services_first, !services_first})
    for (auto& one : list)
      if (one.service == service) write(w, one);
  w.end_array();
}

config::import_options system_import(const std::string& system, std::string subject,
                                     const char* local, bool share) {
  config::import_options i;
  i.service = true;
  i.account = system;
  i.subject = std::move(subject);
  i.to = local;
  i.share = share;
  return i;
}

/// What every account may ask the system account about itself (Go: registerSystemImports).
void add_system_imports(std::vector<config::import_options>& imports, const std::string& name,
                        const std::string& system) {
  const auto account = "$SYS.REQ.ACCOUNT." + name;
  if (name != system)
    for (auto [end, local] : {std::pair{".CONNZ", "$SYS.REQ.ACCOUNT.PING.CONNZ"},
                              {".CONNZ", "$SYS.REQ.SERVER.PING.CONNZ"},
                              {".STATZ", "$SYS.REQ.ACCOUNT.PING.STATZ"}})
      imports.push_back(system_import(system, account + end, local, false));
  imports.push_back(
      system_import(system, "$SYS.REQ.USER." + name + ".INFO", "$SYS.REQ.USER.INFO", true));
}

void add_system_exports(std::vector<config::export_options>& exports) {
  using config::response_type;
  for (auto [subject, type] : {std::pair{"$SYS.REQ.ACCOUNT.*.CONNZ", response_type::stream},
                               {"$SYS.REQ.ACCOUNT.*.STATZ", response_type::stream},
                               {"$SYS.DEBUG.SUBSCRIBERS", response_type::single},
                               {"$SYS.REQ.USER.*.INFO", response_type::single}}) {
    config::export_options e;
    e.service = true;
    e.subject = subject;
    e.response = type;
    exports.push_back(std::move(e));
  }
}

} // namespace

void write_account_rules(json_writer& w, const config::account_options& rules,
                         const std::string& name, const std::string& system) {
  auto exports = rules.exports;
  auto imports = rules.imports;
  if (!system.empty()) add_system_imports(imports, name, system);
  if (!system.empty() && name == system) add_system_exports(exports);
  write_mappings(w, rules.mappings);
  write_list(w, "exports", exports, true, write_export);
  write_list(w, "imports", imports, false, write_import);
}

} // namespace troupe::http
