#include "actors/auth/url_source.hpp"

#include "actors/fetch/http_fetch.hpp"
#include "protocol/auth/jwt.hpp"
#include "protocol/auth/nkey.hpp"
#include "protocol/client/go_quote.hpp"

namespace troupe {

namespace {

constexpr unsigned ok_status = 200;

} // namespace

url_source::url_source(std::string url, std::shared_ptr<const fetch_tls> tls)
    : url_(url.ends_with('/') ? std::move(url) : url + '/'), tls_(std::move(tls)) {}

result<std::string> url_source::fetch(const std::string& key) {
  if (!is_public_nkey(key, nkey_role::account))
    return error{errc::malformed, "will only fetch valid account keys"};
  return get(key);
}

result<void> url_source::knock() {
  auto answer = get({});
  if (!answer) return answer.error();
  return {};
}

result<std::string> url_source::get(const std::string& key) {
  http_question q;
  q.url = url_ + key;
  q.timeout = url_fetch_time;
  q.max_body_bytes = max_jwt_bytes;
  q.tls = tls_;
  const std::string failed = "could not fetch <" + go_quote(redacted_url(q.url)) + ">: ";
  auto answer = http_fetch(q, stopping_);
  if (!answer) return error{answer.error().code, failed + answer.error().context};
  if (answer->status != ok_status)
    return error{errc::not_found, failed + std::to_string(answer->status) + " " + answer->reason};
  std::string& jwt = answer->body;
  while (!jwt.empty() && (jwt.back() == '\n' || jwt.back() == '\r')) jwt.pop_back();
  return std::move(jwt);
}

} // namespace troupe
