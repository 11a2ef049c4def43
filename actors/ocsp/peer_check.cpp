#include "actors/ocsp/peer_check.hpp"

#include <openssl/x509.h>

#include <sodium.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "actors/fetch/http_fetch.hpp"
#include "actors/observe/logger.hpp"
#include "actors/reactor/tls_session.hpp"
#include "protocol/base64.hpp"

namespace troupe {

namespace {

constexpr int most_links = 16;

wall_moment wall_clock() { return std::chrono::system_clock::now(); }

std::string fingerprint_of(X509* cert) {
  const std::string hex = certificate_sha256(cert);
  std::string bytes(hex.size() / 2, '\0');
  sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), hex.data(), hex.size(),
                 nullptr, nullptr, nullptr);
  return base64_encode(bytes);
}

certificate_facts facts_of(X509* cert) {
  certificate_facts out{subject_text(cert), issuer_text(cert), fingerprint_of(cert), {}};
  unsigned char* der = nullptr;
  const int size = i2d_X509(cert, &der);
  if (size > 0) out.raw.assign(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

/// As Go's url.QueryEscape does it to base64.
std::string escaped(const std::string& base64_text) {
  std::string out;
  for (const char c : base64_text) {
    if (c == '+') out += "%2B";
    else if (c == '/') out += "%2F";
    else if (c == '=') out += "%3D";
    else out += c;
  }
  return out;
}

std::string file_of(const config::ocsp_cache_options& options) {
  const std::string folder = options.local_store.empty() ? "_rc_" : options.local_store;
  return folder + "/cache.json";
}

} // namespace

peer_check::~peer_check() { stop(); }

void peer_check::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  save_due_.notify_all();
  steps_.stop();
  if (saver_.joinable()) saver_.join();
  save();
}

void peer_check::run(std::function<void()> step) {
  steps_.run(std::move(step));
}

std::optional<observe::ocsp_cache_snapshot> peer_check::cache_counts() {
  std::lock_guard lock(mutex_);
  if (!cache_ || !cache_->options().local) return std::nullopt;
  return cache_->counts();
}

// -- verdicts --------------------------------------------------------------------------------------

peer_verdict peer_check::verify(const std::vector<X509*>& certs,
                                const config::ocsp_peer_options& options) {
  peer_verdict out;
  if (certs.empty()) return out;
  out.peer = facts_of(certs[0]);
  log::debug("Peer OCSP enabled: 1 TLS client chain(s) will be evaluated");
  // The last is trusted; each before it was issued by the one behind.
  for (size_t i = 0; i + 1 < certs.size(); ++i) {
    if (i == most_links) return out;
    link l{certs[i], certs[i + 1], ocsp_responders(certs[i]), {}, {}};
    if (l.responders.empty()) continue;
    l.subject = subject_text(l.cert);
    l.fingerprint = fingerprint_of(l.cert);
    link_ruling ruling = judge_link(l, options);
    if (!ruling.because.empty())
      log::warn("{} for [{}] but {}", ruling.what, l.subject, ruling.because);
    if (ruling.passes) continue;
    log::debug("{}", ruling.reason);
    out.bad_link = facts_of(l.cert);
    out.reason = std::move(ruling.reason);
    return out;
  }
  out.good = true;
  return out;
}

std::optional<ocsp_answer> peer_check::kept(const link& l, const config::ocsp_peer_options& options,
                                            bool& was_revoked) {
  std::lock_guard lock(mutex_);
  const kept_answer* found = cache_ ? cache_->find(l.fingerprint) : nullptr;
  if (!found) return std::nullopt;
  const wall_moment now = wall_clock();
  // A file of ours is no proof: signature and certificate are looked at again.
  auto answer = read_ocsp_answer(found->der, l.cert, l.issuer, std::chrono::floor<std::chrono::seconds>(now));
  if (answer) was_revoked = answer->status == ocsp_status::revoked;
  if (answer && counts(*answer, options, now)) return *answer;
  cache_->reject(l.fingerprint);
  return std::nullopt;
}

/// By GET alone, as the NATS server asks about peers.
result<std::string> peer_check::fetch(const link& l, const config::ocsp_peer_options& options) {
  auto question = ocsp_question(l.cert, l.issuer);
  if (!question) return question.error();
  std::string why;
  for (std::string url : l.responders) {
    log::debug("Trying OCSP responder url [{}]", url);
    if (url.ends_with('/')) url.pop_back();
    http_question get;
    get.url = url + "/" + escaped(base64_encode(*question));
    get.timeout = std::chrono::ceil<std::chrono::milliseconds>(options.ca_timeout);
    get.max_body_bytes = max_ocsp_answer_bytes;
    auto answer = http_fetch(get, stopping_);
    if (answer && answer->status == 200) return std::move(answer->body);
    why = answer ? "bad OCSP responder http status: [" + std::to_string(answer->status) + "]"
                 : answer.error().context;
  }
  return error{errc::unavailable, "exhausted OCSP responders: " + why};
}

link_ruling peer_check::judge_link(const link& l, const config::ocsp_peer_options& options) {
  bool was_revoked = false;
  auto answer = kept(l, options, was_revoked);
  if (!answer) {
    auto der = fetch(l, options);
    if (!der || der->empty()) {
      log::warn("Attempt to obtain OCSP response from CA responder for [{}] failed: {}", l.subject,
                der ? "empty response" : der.error().context);
      return rule_on(link_problem::unreachable, l.subject, options, was_revoked);
    }
    const wall_moment now = wall_clock();
    auto read = read_ocsp_answer(*der, l.cert, l.issuer, std::chrono::floor<std::chrono::seconds>(now));
    if (!read && read.error().code == errc::unauthorized) {
      log::warn("Invalid OCSP response delegation: {}", l.subject);
      return rule_on(link_problem::bad_delegate, l.subject, options, was_revoked);
    }
    if (!read) {
      log::error("Could not parse OCSP CA response for [{}]: {}", l.subject, read.error().context);
      return rule_on(link_problem::unreadable, l.subject, options, was_revoked);
    }
    if (!counts(*read, options, now)) {
      log::warn("New OCSP CA response obtained for [{}] but not current", l.subject);
      return rule_on(link_problem::not_current, l.subject, options, was_revoked);
    }
    answer = *read;
    std::lock_guard lock(mutex_);
    if (cache_) cache_->put(l.fingerprint, {l.subject, std::chrono::floor<std::chrono::seconds>(now), *answer, std::move(*der)});
  }
  link_ruling ruling = rule_on(answer->status, options);
  if (!ruling.reason.empty())
    log::warn("OCSP verify fail for [{}] with CA status [{}]", l.subject, to_text(answer->status));
  return ruling;
}

// -- the file --------------------------------------------------------------------------------------

void peer_check::obey(const config::ocsp_cache_options& options) {
  if (cache_ && cache_->options() == options) return;
  save();
  answer_cache fresh(options);
  load(fresh);
  {
    std::lock_guard lock(mutex_);
    cache_ = std::move(fresh);
    try {
      if (!saver_.joinable()) saver_ = std::thread([this] { keep_saving(); });
    } catch (const std::system_error& e) {
      log::error("No thread to save the OCSP peer cache, it is saved at the end: {}", e.what());
    }
  }
  save_due_.notify_all();
}

void peer_check::load(answer_cache& into) {
  if (into.options().local) {
    const std::string path = file_of(into.options());
    std::error_code ec;
    const auto size = std::filesystem::file_size(path, ec);
    if (!ec && size > max_answer_file_bytes) {
      log::warn("Unable to load OCSP peer cache: {}: file too large", path);
    } else if (std::ifstream in(path, std::ios::binary); !ec && in) {
      std::string text(size, '\0');
      in.read(text.data(), static_cast<std::streamsize>(size));
      text.resize(static_cast<size_t>(in.gcount()));
      if (auto ok = into.from_json(text); !ok)
        log::warn("Unable to load OCSP peer cache: {}", ok.error().context);
    } else {
      log::debug("No OCSP peer cache found, starting with empty cache");
    }
  }
  log::info("OCSP peer cache online, type [{}]", into.options().local ? "local" : "none");
}

void peer_check::keep_saving() {
  std::unique_lock lock(mutex_);
  auto told = cache_->options();
  while (!stopping_) {
    const bool changed = save_due_.wait_for(lock, told.save_interval, [&] {
      return stopping_ || cache_->options() != told;
    });
    told = cache_->options();
    if (stopping_ || changed) continue;
    lock.unlock();
    save();
    lock.lock();
  }
}

void peer_check::save() {
  std::string text, path;
  {
    std::lock_guard lock(mutex_);
    if (!cache_ || !cache_->options().local || !cache_->take_changed()) return;
    text = cache_->to_json();
    path = file_of(cache_->options());
  }
  std::error_code ec;
  std::filesystem::create_directory(std::filesystem::path(path).parent_path(), ec);
  const std::string fresh = path + ".tmp-" + std::to_string(::getpid());
  std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (out) std::filesystem::rename(fresh, path, ec);
  if (out && !ec) return log::debug("Saved OCSP peer cache successfully ({} bytes)", text.size());
  log::error("Unable to save OCSP peer cache: {}: {}", path, ec ? ec.message() : "cannot write");
  std::filesystem::remove(fresh, ec);
}

} // namespace troupe
