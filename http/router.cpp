#include "http/router.hpp"

#include "http/endpoints/healthz.hpp"
#include "http/endpoints/index.hpp"
#include "http/open_metrics.hpp"
#include "http/ui_files.hpp"

#include <algorithm>
#include <optional>

namespace troupe::http {

namespace {

response json(std::string body, int status = 200) {
  return {status, "application/json", std::move(body), true, false, {}};
}

response text(int status, std::string body) {
  return {status, "text/plain; charset=utf-8", std::move(body), false, false, {}};
}

response failed(const troupe::error& e) {
  return e.code == errc::unavailable ? text(503, e.context + "\n") : text(400, e.context);
}

response as_response(const result<std::string>& page) {
  return page ? json(*page) : failed(page.error());
}

response not_found() {
  auto out = text(404, "404 page not found\n");
  out.no_sniff = true;
  return out;
}

void append_escaped(std::string& out, unsigned char c) {
  constexpr char digits[] = "0123456789ABCDEF";
  (out += '%').append({digits[c >> 4U], digits[c & 15U]});
}

/// A path as it stands in a URL.
std::string escaped(std::string_view path) {
  constexpr std::string_view plain = "-_.~/$&+,:=@";
  std::string out;
  for (unsigned char c : path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || plain.find(static_cast<char>(c)) != std::string_view::npos) out += static_cast<char>(c);
    else append_escaped(out, c);
  }
  return out;
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&#34;";
    else if (c == '\'') out += "&#39;";
    else out += c;
  }
  return out;
}

/// A path with empty parts or dots leads to the one without, as in Go's ServeMux; nothing for others.
std::optional<response> clean_path_instead(std::string_view path, std::string_view target) {
  auto clean = normalize_base_path(path);
  if (path.ends_with('/') && clean != "/") clean += '/';
  if (clean == path) return {};
  auto url = escaped(clean);
  // The rest as it came, but nothing that would break a header.
  for (unsigned char c : target.substr(std::min(target.find('?'), target.size()))) {
    if (c > ' ' && c < 0x7f) url += static_cast<char>(c);
    else append_escaped(url, c);
  }
  response out{307, "text/html; charset=utf-8", {}, false, false, {}};
  out.body = "<a href=\"" + html_escaped(url) + "\">Temporary Redirect</a>.\n\n";
  out.location = std::move(url);
  return out;
}

/// Reads the options from the query, then asks for the page.
template <class Options>
response answer(pages& from, const query& params, result<Options> (*parse)(const query&),
                result<std::string> (pages::*page)(const Options&)) {
  auto options = parse(params);
  return options ? as_response((from.*page)(*options)) : failed(options.error());
}

response varz(pages& from, const query&) { return as_response(from.varz()); }
response actorz(pages& from, const query&) { return as_response(from.actorz()); }
response expvarz(pages& from, const query&) {
  return {200, "application/json; charset=utf-8", from.expvarz(), false, false, {}};
}
response stacksz(pages& from, const query&) { return json(from.stacksz()); }

response metrics(pages& from, const query&) {
  auto out = as_response(from.metrics());
  if (out.status == 200) out.content_type = open_metrics_type;
  return out;
}

response connz(pages& from, const query& q) { return answer(from, q, parse_connz, &pages::connz); }
response subsz(pages& from, const query& q) { return answer(from, q, parse_subsz, &pages::subsz); }
response leafz(pages& from, const query& q) { return answer(from, q, parse_leafz, &pages::leafz); }
response jsz(pages& from, const query& q) { return answer(from, q, parse_jsz, &pages::jsz); }

response routez(pages& from, const query& q) {
  return answer(from, q, parse_routez, &pages::routez);
}
response gatewayz(pages& from, const query& q) {
  return answer(from, q, parse_gatewayz, &pages::gatewayz);
}
response accstatz(pages& from, const query& q) {
  return answer(from, q, parse_accstatz, &pages::accstatz);
}
response ipqueuesz(pages& from, const query& q) {
  return answer(from, q, parse_ipqueuesz, &pages::ipqueuesz);
}
response accountz(pages& from, const query& q) {
  return as_response(from.accountz(parse_accountz(q)));
}

response raftz(pages& from, const query& q) {
  auto page = from.raftz(parse_raftz(q));
  return page ? json(*page) : text(404, page.error().context);
}

response healthz(pages& from, const query& q) {
  auto request = parse_healthz(q);
  if (!request) return failed(request.error());
  auto health = from.healthz(*request);
  return json(render_healthz(health), health.status_code);
}

struct route {
  std::string_view path;
  const char* counter; // in varz' http_req_stats; null: not counted, as upstream
  response (*serve)(pages&, const query&);
};

constexpr route routes[] = {
    {"/varz", "/varz", varz},
    {"/connz", "/connz", connz},
    {"/routez", "/routez", routez},
    {"/gatewayz", "/gatewayz", gatewayz},
    {"/leafz", "/leafz", leafz},
    {"/subsz", "/subsz", subsz},
    {"/subscriptionsz", "/subsz", subsz},
    {"/accountz", "/accountz", accountz},
    {"/accstatz", "/accstatz", accstatz},
    {"/jsz", "/jsz", jsz},
    {"/healthz", "/healthz", healthz},
    {"/ipqueuesz", nullptr, ipqueuesz},
    {"/raftz", nullptr, raftz},
    {"/stacksz", nullptr, stacksz},
    {"/debug/vars", nullptr, expvarz},
    {"/expvarz", nullptr, expvarz},
    {"/actorz", "/actorz", actorz},
    {"/metrics", "/metrics", metrics},
};

} // namespace

std::string normalize_base_path(std::string_view path) {
  std::string out;
  for (size_t i = 0; i < path.size();) {
    auto end = std::min(path.find('/', i), path.size());
    auto part = path.substr(i, end - i);
    if (part == "..") out.resize(out.rfind('/') == std::string::npos ? 0 : out.rfind('/'));
    else if (!part.empty() && part != ".") out += "/" + std::string(part);
    i = end + 1;
  }
  return out.empty() ? "/" : out;
}

router::router(pages& from, std::string_view base_path)
    : pages_(from), base_path_(normalize_base_path(base_path)) {}

response router::handle(std::string_view target) {
  auto parsed = parse_target(target);
  if (!parsed) return text(400, "400 Bad Request");
  std::string_view path = parsed->path;
  if (auto elsewhere = clean_path_instead(path, target)) return *elsewhere;
  if (path == base_path_) {
    pages_.count("/");
    response out;
    out.content_type = "text/html; charset=utf-8";
    out.body = render_index(base_path_);
    return out;
  }
  if (base_path_ != "/") {
    if (!path.starts_with(base_path_)) return not_found();
    path.remove_prefix(base_path_.size());
  }
  for (auto& file : ui_files())
    if (file.path == path)
      return {200, std::string(file.content_type), std::string(file.body), false, true,
              ui_security_policy};
  auto found = std::find_if(std::begin(routes), std::end(routes),
                            [&](auto& r) { return r.path == path; });
  if (found == std::end(routes)) return not_found();
  if (found->counter) pages_.count(found->counter);
  return found->serve(pages_, parsed->params);
}

} // namespace troupe::http
