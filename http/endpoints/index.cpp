#include "http/endpoints/index.hpp"

#include "config/version.hpp"

namespace troupe::http {

std::string render_index(const std::string& base_path) {
  struct link {
    const char* path;
    const char* title;
  };
  static constexpr link links[] = {
      {"/varz", "General"},      {"/jsz", "JetStream"},          {"/connz", "Connections"},
      {"/accountz", "Accounts"}, {"/accstatz", "Account Stats"}, {"/subsz", "Subscriptions"},
      {"/routez", "Routes"},     {"/leafz", "LeafNodes"},        {"/gatewayz", "Gateways"},
      {"/raftz", "Raft Groups"}, {"/healthz", "Health Probe"},   {"/actorz", "Actors"},
      {"/debug/vars", "Expvar"}, {"/metrics", "Metrics"}, {"/ui", "Dashboard"},
  };
  auto base = base_path == "/" ? std::string{} : base_path;
  std::string out = "<html lang=\"en\">\n  <head>\n    <title>Troupe</title>\n    <style>\n"
                    "      body { font-family: sans-serif; margin: 2rem }\n"
                    "      a { display: block; padding-bottom: 6px }\n"
                    "    </style>\n  </head>\n  <body>\n    <h1>Troupe</h1>\n    <p>version "
                    + std::string(config::own_version) + ", compatible with nats-server "
                    + std::string(config::compatible_version) + "</p>\n";
  for (auto& [path, title] : links)
    out += "    <a href=\"." + base + path + "\">" + title + "</a>\n";
  return out + "  </body>\n</html>";
}

} // namespace troupe::http
