#include "http/endpoints/subsz.hpp"

#include "http/endpoints/connz.hpp"
#include "http/render.hpp"
#include "protocol/subject/subject.hpp"

#include <algorithm>
#include <tuple>

namespace troupe::http {

result<subsz_options> parse_subsz(const query& params) {
  subsz_options out;
  auto subs = params.get_bool("subs");
  if (!subs) return subs.error();
  auto offset = params.get_int("offset");
  if (!offset) return offset.error();
  auto limit = params.get_int("limit");
  if (!limit) return limit.error();
  out.subs = *subs;
  out.offset = *offset;
  out.limit = *limit;
  out.account = params.get("acc");
  out.test = params.get("test");
  return check_subsz(std::move(out));
}

result<subsz_options> check_subsz(subsz_options options) {
  options.offset = std::max<int64_t>(options.offset, 0);
  if (options.limit <= 0) options.limit = default_list_size;
  if (!options.test.empty() && !is_valid_literal_subject(options.test))
    return troupe::error{errc::malformed,
                         "invalid test subject, must be valid publish subject: " + options.test};
  return options;
}

std::string render_subsz(const subsz_options& options, const observe::subs_snapshot& all,
                         const std::string& server_id, wall_time now) {
  std::vector<const observe::sub_snapshot*> chosen;
  if (options.subs)
    for (auto& sub : all.subs)
      if (options.test.empty() || matches_filter(options.test, sub.subject)) chosen.push_back(&sub);
  // The same order at every call, so that pages fit together.
  std::sort(chosen.begin(), chosen.end(), [](auto a, auto b) {
    return std::tie(a->cid, a->sid, a->subject) < std::tie(b->cid, b->sid, b->subject);
  });
  auto count = static_cast<int64_t>(chosen.size());
  auto first = std::min(options.offset, count);
  auto last = first + std::min(options.limit, count - first);
  return document([&](json_writer& w) {
    w.member("server_id", server_id);
    w.member("now", format_time(now));
    write_sublist_stats(w, all.stats);
    w.member("total", count);
    w.member("offset", options.offset);
    w.member("limit", options.limit);
    if (first == last) return;
    w.key("subscriptions_list");
    w.begin_array();
    for (auto i = first; i < last; ++i)
      write_sub(w, *chosen[static_cast<size_t>(i)], true);
    w.end_array();
  });
}

} // namespace troupe::http
