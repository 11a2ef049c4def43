#include "http/endpoints/actorz.hpp"

#include "http/render.hpp"

namespace troupe::http {

namespace {

void write_actor(json_writer& w, const observe::actor_snapshot& a) {
  w.begin_object();
  w.member("kind", a.kind);
  w.member("name", a.name);
  w.member("state", a.state);
  w.member("mailbox_depth", a.mailbox_depth);
  w.member("restarts", a.restarts);
  w.member_if("last_error", a.last_error);
  w.member("uptime", format_uptime(a.uptime));
  if (!a.children.empty()) {
    w.key("children");
    w.begin_array();
    for (auto& child : a.children)
      write_actor(w, child);
    w.end_array();
  }
  w.end_object();
}

} // namespace

std::string render_actorz(const observe::actor_snapshot& root, const std::string& server_id,
                          wall_time now) {
  return document([&](json_writer& w) {
    w.member("server_id", server_id);
    w.member("now", format_time(now));
    w.key("root");
    write_actor(w, root);
  });
}

} // namespace troupe::http
