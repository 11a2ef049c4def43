#include "actors/session/gather.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <unordered_set>

namespace troupe {

namespace {

/// Asks one hub until it has told all: take(const report&) for each slice.
template <class Report, class Slice, class Take>
std::optional<error> ask_all(caf::scoped_actor& self, const hub_handle& hub, Slice slice, Take take) {
  std::optional<error> failure;
  for (bool more = true; more && !failure;) {
    self->request(hub, answer_within, slice)
      .receive(
        [&](const Report& report) {
          take(slice, *report);
          more = report->next.has_value();
          if (more) slice.from = *report->next;
        },
        [&](const caf::error& e) { failure = no_answer(e, self->home_system()); });
  }
  return failure;
}

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

void take_open(std::vector<observe::connection_snapshot>& all, const connections_slice& slice,
               hub_report& part) {
  auto& open = part.open;
  const bool continued = slice.from.within != 0 && !all.empty() && !open.empty()
                         && all.back().cid == open.front().cid;
  if (continued) append(all.back().subs, open.front().subs);
  std::move(open.begin() + (continued ? 1 : 0), open.end(), std::back_inserter(all));
}

/// Those that were open when they were looked at and closed when the closed ones were.
void drop_closed(connections_report& report) {
  std::unordered_set<uint64_t> closed;
  for (const auto& c : report.closed) closed.insert(c.cid);
  std::erase_if(report.open, [&](const auto& c) { return closed.contains(c.cid); });
}

} // namespace

error no_answer(const caf::error& e, const caf::actor_system& sys) {
  return {errc::unavailable, "the node did not answer in time: " + sys.render(e)};
}

result<connections_report> gather_connections(caf::actor_system& sys,
                                              const std::vector<hub_handle>& hubs,
                                              const connections_query& q, uint64_t before) {
  caf::scoped_actor self{sys};
  connections_report all;
  connections_slice first;
  first.subs = q.subs;
  first.cid = q.cid;
  first.account = q.account;
  for (const hub_handle& hub : hubs) {
    std::optional<error> failure;
    if (q.open) {
      first.closed = false;
      first.before = before;
      failure = ask_all<hub_report_ptr>(self, hub, first, [&](const auto& slice, hub_report& part) {
        take_open(all.open, slice, part);
      });
    }
    // Afterwards, so that none is missed that is closed meanwhile.
    if (q.closed && !failure) {
      first.closed = true;
      first.before = UINT64_MAX;
      failure = ask_all<hub_report_ptr>(self, hub, first, [&](auto& slice, hub_report& part) {
        slice.before = std::min(slice.before, part.end);
        for (const auto& c : part.closed) all.closed.push_back(*c);
      });
    }
    if (failure) return *failure;
  }
  drop_closed(all);
  return all;
}

result<std::vector<std::vector<observe::actor_snapshot>>> gather_actors(
  caf::actor_system& sys, const std::vector<hub_handle>& hubs, size_t most) {
  caf::scoped_actor self{sys};
  std::vector<std::vector<observe::actor_snapshot>> all;
  connections_slice first;
  first.as_actors = true;
  for (const hub_handle& hub : hubs) {
    auto& of_hub = all.emplace_back();
    const auto failure = ask_all<hub_report_ptr>(self, hub, first, [&](const auto&, hub_report& part) {
      append(of_hub, part.actors);
      if (of_hub.size() < most) return;
      of_hub.resize(most);
      part.next.reset();
    });
    if (failure) return *failure;
  }
  return all;
}

result<subs_report> gather_subscriptions(caf::actor_system& sys,
                                         const std::vector<hub_handle>& hubs, const subs_query& q) {
  caf::scoped_actor self{sys};
  subs_report all;
  const bool figures = q.what == subs_slice::wanted::figures;
  if (figures) all.figures.resize(q.accounts.size());
  subs_slice slice{.what = q.what,
                   .accounts = std::make_shared<const std::vector<routing::account_ptr>>(q.accounts),
                   .subject = q.subject,
                   .queue = q.queue};
  for (const hub_handle& hub : hubs) {
    auto failure = ask_all<subs_report_ptr>(self, hub, slice, [&](const auto& asked, subs_report& part) {
      for (size_t i = 0; i < part.figures.size(); ++i) all.figures[asked.from.number + i] += part.figures[i];
      append(all.subs, part.subs);
      all.counted += part.counted;
    });
    if (failure) return *failure;
  }
  return all;
}

} // namespace troupe
