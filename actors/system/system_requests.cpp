// What each request is answered. All of it runs on the service's threads.
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <thread>

#include "actors/auth/callout_core.hpp"
#include "actors/observe/logger.hpp"
#include "actors/observe/snapshots.hpp"
#include "actors/session/gather.hpp"
#include "actors/system/system_service.hpp"
#include "protocol/json/reader.hpp"
#include "protocol/subject/subject.hpp"
#include "protocol/time_text.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
constexpr auto longest_profile = 15s;

constexpr int bad_request = 400, failed = 500;

/// Who asks, as the header of an import tells.
struct requester {
  std::string account, service, user;
};

result<requester> read_requester(const std::string& json) {
  requester who;
  if (json.empty()) return who;
  json_reader reader;
  auto document = reader.read(json);
  if (!document) return document.error();
  auto text = [&](const char* name, std::string& into) {
    std::string_view value;
    if (document->at_key(name).get(value) == simdjson::SUCCESS) into = std::string(value);
  };
  text("acc", who.account);
  text("svc", who.service);
  text("user", who.user);
  return who;
}

/// The member `name` of a JSON object, as JSON.
std::string member_of(std::string_view json, const char* name) {
  json_reader reader;
  auto document = reader.read(json);
  simdjson::dom::element value;
  if (!document || document->at_key(name).get(value) != simdjson::SUCCESS) return {};
  return simdjson::minify(value);
}

/// Pages whose failure the NATS server answers with "data":null besides the error.
bool fails_with_null(system_call call) {
  return call == system_call::connz || call == system_call::subsz || call == system_call::jsz
         || call == system_call::account_info || call == system_call::accountz;
}

} // namespace

void system_service::reply(const work& w, std::string_view data) {
  answer(w.reply, reply_json(card(), mark(), data), w.encoding);
}

void system_service::refuse(const work& w, int code, std::string_view why, bool null_data) {
  answer(w.reply, refusal_json(card(), mark(), code, why, null_data));
}

void system_service::serve(work& w) {
  if (w.what.call == system_call::debug_subscribers) return serve_subscribers(w);
  if (w.what.call == system_call::user_info) return serve_user_info(w);
  if (w.what.call >= system_call::claims_update) return serve_claims(w);
  auto options = parse_request_options(w.what.call, w.body);
  if (!options) {
    if (w.what.call == system_call::kick || w.what.call == system_call::ldm)
      return log::error("Error unmarshalling kick client request: {}", options.error().context);
    if (w.what.call == system_call::account_nsubs || w.what.call == system_call::account_conns)
      return log::error("Error unmarshalling request message: {}", options.error().context);
    return refuse(w, bad_request, options.error().context);
  }
  w.options = std::move(*options);
  if (!applies_to(w.options.filter, card().is)) return;
  switch (w.what.call) {
    case system_call::statsz: return send_statsz(w.reply);
    case system_call::reload: return serve_reload(w);
    case system_call::kick: return serve_kick(w);
    case system_call::ldm: return serve_lame_duck(w);
    case system_call::profilez: return serve_profile(w);
    case system_call::account_info: return serve_account_info(w);
    case system_call::account_statz: return serve_account_statz(w);
    case system_call::account_conns: return serve_account_conns(w);
    case system_call::account_nsubs: return serve_subscribers(w);
    default: return serve_page(w);
  }
}

// -- pages -----------------------------------------------------------------------------------------

void system_service::serve_page(const work& w) {
  if (!parts_.hooks.page) return refuse(w, failed, "monitoring pages are not available");
  if (w.what.one_account && w.what.call == system_call::jsz)
    return refuse(w, failed, "jetstream not enabled", true);
  const std::string options =
    w.what.one_account ? options_of_account(w.what.call, w.body, w.account) : w.body;
  auto page = parts_.hooks.page(page_name(w.what.call), options);
  if (page.silent) return;
  // No group is a failure over HTTP only.
  if (page.error_code != 0 && w.what.call == system_call::raftz) return reply(w, "{}");
  if (page.error_code != 0)
    return refuse(w, page.error_code, page.error,
                  page.error_code == failed && fails_with_null(w.what.call));
  reply(w, page.data);
}

void system_service::serve_profile(const work& w) {
  const std::string& name = w.options.name;
  const nanos span{w.options.duration_ns};
  system_hooks::profile taken;
  if (name.empty()) taken.error = "Profile name not specified";
  else if (name == "cpu" && (span <= 0s || span > longest_profile))
    taken.error =
      "Duration " + go_duration_text(span.count()) + " should be between 0s and 15s";
  else if (!parts_.hooks.take_profile) taken.error = "Profile \"" + name + "\" not found";
  else taken = parts_.hooks.take_profile(name, span);
  reply(w, profile_json(taken.bytes, taken.error));
}

void system_service::serve_account_info(const work& w) {
  if (!parts_.hooks.page) return refuse(w, failed, "monitoring pages are not available");
  auto page = parts_.hooks.page("ACCOUNTZ", options_of_account(system_call::accountz, {}, w.account));
  if (page.error_code != 0) return refuse(w, page.error_code, page.error, true);
  reply(w, member_of(page.data, "account_detail"));
}

void system_service::serve_account_statz(const work& w) {
  std::vector<std::string> names = w.options.accounts;
  if (w.what.one_account) names = {w.account};
  std::vector<observe::account_snapshot> list;
  auto add = [&](const routing::account_ptr& account) {
    if (account && (w.options.include_unused || account->connections() != 0))
      list.push_back(account->snapshot());
  };
  if (names.empty())
    for (const routing::account_ptr& account : parts_.context->accounts->all()) add(account);
  for (const std::string& name : names) add(parts_.context->accounts->find(name));
  // A server without any connection of theirs has nothing to say.
  if (list.empty() && !w.options.include_unused) return;
  reply(w, account_statz_json(card(), observe::wall_now(), list));
}

void system_service::serve_account_conns(const work& w) {
  const routing::account_ptr account = parts_.context->accounts->find(w.account);
  if (!account || account->connections() == 0) return;
  answer(w.reply, account_connections_json(card(), mark(), new_event(), account->snapshot()));
}

void system_service::send_statsz(const std::string& to) {
  server_stats stats;
  stats.start = started_;
  stats.cores = static_cast<int>(std::thread::hardware_concurrency());
  stats.drivers = static_cast<int>(parts_.reactors);
  if (parts_.hooks.measure) {
    const system_hooks::usage usage = parts_.hooks.measure();
    stats.memory_bytes = usage.memory_bytes;
    stats.cpu_percent = usage.cpu_percent;
  }
  const auto& counters = parts_.context->counters;
  for (size_t i = 0; i < counters.size(); ++i)
    stats.traffic += observe::snapshot_of(*counters[i], static_cast<unsigned>(i));
  // The service itself is a client of the system account.
  for (const routing::account_ptr& account : parts_.context->accounts->all())
    if (account->connections() > 0 || account->is_system()) ++stats.active_accounts;
  answer(to, statsz_json(card(), mark(), stats));
}

// -- orders ----------------------------------------------------------------------------------------

void system_service::serve_reload(const work& w) {
  if (!parts_.reload) return refuse(w, failed, "the server cannot reload its configuration");
  if (auto done = parts_.reload(); !done) return refuse(w, failed, done.error().context);
  reply(w, {});
}

void system_service::serve_kick(const work& w) {
  caf::scoped_actor self{*parts_.system};
  uint64_t closed = 0;
  for (const hub_handle& hub : hubs_)
    self->request(hub, answer_within, close_one{client_id{w.options.cid}})
      .receive([&](uint64_t n) { closed += n; }, [](const caf::error&) {});
  if (closed == 0) return refuse(w, failed, "no such client or leafnode id");
  reply(w, {});
}

void system_service::serve_lame_duck(const work& w) {
  caf::scoped_actor self{*parts_.system};
  auto outcome = lame_duck_outcome::no_client;
  for (const hub_handle& hub : hubs_)
    self->request(hub, answer_within, lame_duck_one{client_id{w.options.cid}})
      .receive([&](lame_duck_outcome o) { outcome = std::max(outcome, o); },
               [](const caf::error&) {});
  if (outcome == lame_duck_outcome::no_client) return refuse(w, failed, "no such client id");
  if (outcome == lame_duck_outcome::not_ready)
    return refuse(w, failed,
                  "client does not support Lame Duck Mode or is not ready to receive the "
                  "notification");
  reply(w, {});
}

// -- users and subscribers -------------------------------------------------------------------------

void system_service::serve_user_info(const work& w) {
  auto who = read_requester(w.client_info);
  if (!who) return refuse(w, bad_request, "");
  user_rules_ptr rules;
  if (w.requester.reactor < hubs_.size()) {
    caf::scoped_actor self{*parts_.system};
    self->request(hubs_[w.requester.reactor], answer_within, user_query{w.requester.id})
      .receive([&](const user_rules_ptr& r) { rules = r; }, [](const caf::error&) {});
  }
  user_info info;
  std::optional<config::permissions> permissions;
  info.user = who->user;
  info.account = who->account;
  if (!who->account.empty())
    if (const routing::account_ptr account = parts_.context->accounts->find(who->account))
      info.account_name = account->name_tag().empty() ? who->account : account->name_tag();
  if (rules) {
    info.user_name = rules->name_tag;
    permissions = listed_permissions(*rules);
    if (permissions) info.permissions = &*permissions;
    if (rules->expires_at_s != 0)
      info.expires_in_s = std::max<int64_t>(rules->expires_at_s - observe::wall_seconds(), 0);
  }
  reply(w, user_info_json(info));
}

uint64_t system_service::count_subscribers(const std::string& account, const std::string& subject,
                                           const std::string& queue) {
  const routing::account_ptr where = parts_.context->accounts->find(account);
  if (!where || !is_valid_subject(subject)) return 0;
  const auto report = gather_subscriptions(
    *parts_.system, hubs_, {subs_slice::wanted::count, {where}, subject, queue});
  return report ? report->counted : 0;
}

void system_service::serve_subscribers(const work& w) {
  if (w.what.call == system_call::account_nsubs) {
    const routing::account_ptr account = parts_.context->accounts->find(w.options.account);
    if (!account || account->connections() == 0) return;
    return answer(w.reply, std::to_string(count_subscribers(w.options.account, w.options.subject,
                                                            w.options.queue)));
  }
  auto who = read_requester(w.client_info);
  if (!who) return;
  std::string account = !who->service.empty() ? who->service : who->account;
  if (account.empty()) account = account_->name();
  if (!parts_.context->accounts->find(account)) return;
  // "subject" or "subject queue".
  std::string_view text = w.body;
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  const size_t blank = text.find(' ');
  std::string queue;
  if (blank != std::string_view::npos) {
    queue = std::string(text.substr(blank + 1));
    queue.resize(std::min(queue.find(' '), queue.size()));
  }
  answer(w.reply,
         std::to_string(count_subscribers(account, std::string(text.substr(0, blank)), queue)));
}

// -- accounts of operator mode -----------------------------------------------------------------------

void system_service::serve_claims(const work& w) {
  if (!parts_.claims) return;
  std::lock_guard one_at_a_time(claims_mutex_);
  claims_requests& claims = *parts_.claims;
  auto tell = [&](const claims_answer& a) {
    const std::string whom = a.account.empty() ? "" : " - " + a.account;
    if (a.failure.empty()) log::debug("{}{}", a.message, whom);
    else log::error("{}{} - {}", a.message, whom, a.failure);
    if (!w.reply.empty())
      answer(w.reply, claims_update_json(card(), mark(), a.account, a.message, a.failure));
  };
  switch (w.what.call) {
    case system_call::claims_update:
      return tell(claims.update(w.body, w.what.one_account ? std::optional(w.account) : std::nullopt));
    case system_call::claims_delete: return tell(claims.remove(w.body));
    case system_call::claims_list: return answer(w.reply, claims_list_json(card(), mark(), claims.list()));
    case system_call::claims_lookup: {
      // A cache does not speak for accounts that it has by chance.
      if (!claims.is_full()) return;
      auto jwt = claims.lookup(w.account);
      if (!jwt) return log::error("Error looking up account \"{}\": {}", w.account, jwt.error().context);
      return answer(w.reply, std::move(*jwt));
    }
    case system_call::claims_pack:
      for (std::string& line : claims.pack(w.body)) answer(w.reply, std::move(line));
      return answer(w.reply, {});
    default: return;
  }
}

} // namespace troupe
