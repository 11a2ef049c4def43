#include "actors/ocsp/staple_watch.hpp"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "actors/fetch/http_fetch.hpp"
#include "actors/observe/logger.hpp"
#include "actors/reactor/tls_session.hpp"
#include "protocol/base64.hpp"
#include "protocol/time_text.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
error bad(std::string text) { return {errc::malformed, std::move(text)}; }
wall_moment wall_clock() { return std::chrono::system_clock::now(); }
staple_moment moment_of_now() { return {wall_clock(), std::chrono::steady_clock::now().time_since_epoch()}; }
wall_seconds whole_seconds(wall_moment t) { return std::chrono::floor<std::chrono::seconds>(t); }

/// Who issued the first certificate, by a chain to a trusted one.
x509_ptr issuer_by_chain(X509* cert, const std::vector<x509_ptr>& trusted) {
  std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), &X509_STORE_free);
  std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> ctx(X509_STORE_CTX_new(),
                                                                     &X509_STORE_CTX_free);
  if (!store || !ctx) return nullptr;
  if (trusted.empty()) X509_STORE_set_default_paths(store.get());
  for (const x509_ptr& one : trusted) X509_STORE_add_cert(store.get(), one.get());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  if (X509_STORE_CTX_init(ctx.get(), store.get(), cert, nullptr) != 1
      || X509_verify_cert(ctx.get()) != 1)
    return nullptr;
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(ctx.get());
  if (sk_X509_num(chain) < 2) return nullptr;
  X509* issuer = sk_X509_value(chain, 1);
  X509_up_ref(issuer);
  return x509_ptr(issuer);
}

/// The second certificate of the file, or one of ca_file (of the system without one).
result<x509_ptr> issuer_of(const certificate_chain& chain, const std::string& ca_file) {
  x509_ptr issuer;
  X509* cert = chain.certs[0].get();
  if (chain.certs.size() > 1) {
    X509* second = chain.certs[1].get();
    if (X509_verify(cert, X509_get0_pubkey(second)) == 1) {
      X509_up_ref(second);
      issuer.reset(second);
    }
  } else {
    std::vector<x509_ptr> trusted;
    if (!ca_file.empty()) {
      auto authorities = load_authorities(ca_file);
      if (!authorities) return bad("failed to parse ca_file: " + authorities.error().context);
      trusted = std::move(*authorities);
    }
    issuer = issuer_by_chain(cert, trusted);
  }
  if (!issuer) return bad("no issuers found");
  if (X509_check_ca(issuer.get()) != 1)
    return bad(subject_text(issuer.get()) + " invalid ca basic constraints: is not ca");
  return issuer;
}

/// The first `most` bytes of a file and one more, if it has them.
result<std::string> read_small_file(const std::string& path, size_t most) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return error{errc::not_found, "open " + path + ": no such file"};
  std::string out(most + 1, '\0');
  in.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<size_t>(in.gcount()));
  return out;
}

} // namespace

struct staple_watch::watched {
  std::string cert_file;
  x509_ptr cert, issuer;
  std::vector<std::shared_ptr<staple_slot>> slots;  // of each context that shows it
  std::string key;  // its name in the store
  bool ends_node = false;
  staple_schedule schedule;
  staple shown;

  void show_in(std::shared_ptr<staple_slot> slot) {
    slot->put(shown);
    slot->require();
    slots.push_back(std::move(slot));
  }
  void show(staple fresh) {
    shown = std::move(fresh);
    for (const auto& slot : slots) slot->put(shown);
  }
  /// Whether a handshake has found none in its time.
  bool take_wanted() {
    bool any = false;
    for (const auto& slot : slots) any = slot->take_wanted() || any;
    return any;
  }
};

staple_watch::staple_watch(const config::server_options& options) : urls_(options.ocsp.urls) {
  if (!options.store_dir.empty()) folder_ = options.store_dir + "/ocsp";
}

staple_watch::~staple_watch() { stop(); }

result<std::shared_ptr<staple_watch>> staple_watch::prepare(
  const config::server_options& options, const std::vector<tls_context_ptr>& contexts) {
  std::shared_ptr<staple_watch> out(new staple_watch(options));
  for (const tls_context_ptr& context : contexts) {
    if (!context) continue;
    for (const own_certificate& own : context->certificates()) {
      const staple_plan plan =
        plan_staple(options.ocsp.mode, must_staple(own.chain.certs[0].get()));
      if (plan.need == staple_need::none_though_asked)
        log::warn("Certificate at '{}' has MustStaple but OCSP is disabled", own.cert_file);
      if (plan.need != staple_need::wanted) continue;
      if (auto ok = out->take_up(*context, own, plan.ends_node); !ok) return ok.error();
    }
  }
  if (out->watched_.empty()) return std::shared_ptr<staple_watch>();
  return out;
}

result<void> staple_watch::take_up(const tls_context& context, const own_certificate& own,
                                   bool ends_node) {
  std::error_code ec;
  if (!folder_.empty()) {
    std::filesystem::create_directories(folder_, ec);
    if (!std::filesystem::is_directory(folder_, ec))
      return error{errc::unavailable, "could not create OCSP storage directory - " + folder_};
  }
  X509* cert = own.chain.certs[0].get();
  const std::string key = certificate_sha256(cert);
  for (auto& known : watched_) {
    if (known->key != key) continue;
    known->show_in(own.staple);
    return {};
  }
  auto w = std::make_unique<watched>();
  w->cert_file = own.cert_file;
  w->key = key;
  X509_up_ref(cert);
  w->cert.reset(cert);
  auto issuer = issuer_of(own.chain, context.options().ca_file);
  if (!issuer) return issuer.error();
  w->issuer = std::move(*issuer);
  w->ends_node = ends_node;
  auto answer = stored(*w);
  if (!answer) answer = ask(*w);
  if (!answer)
    return error{errc::unavailable, "bad OCSP status update for certificate at '" + own.cert_file
                                      + "': " + answer.error().context};
  if (answer->status != ocsp_status::good && ends_node)
    return error{errc::unavailable, "found existing OCSP status for certificate at '"
                                      + own.cert_file + "': " + std::string(to_text(answer->status))};
  w->show_in(own.staple);
  const auto pause = w->schedule.answered(*answer, moment_of_now());
  if (answer->status == ocsp_status::good)
    log::info("Found OCSP status for Client certificate at '{}': good, next update {}, checking "
              "again in {}",
              w->cert_file, describe_next_update(*answer),
              go_duration_text(pause.count()));
  watched_.push_back(std::move(w));
  return {};
}

result<ocsp_answer> staple_watch::stored(watched& w) {
  if (folder_.empty()) return error{errc::not_found, "store_dir not set"};
  auto der = read_small_file(folder_ + "/" + w.key, max_ocsp_answer_bytes);
  if (!der) return der.error();
  return accept(w, std::move(*der));
}

/// Checks an answer and puts it where handshakes find it.
result<ocsp_answer> staple_watch::accept(watched& w, std::string der) {
  const wall_moment now = wall_clock();
  auto answer = read_ocsp_answer(der, w.cert.get(), w.issuer.get(), whole_seconds(now));
  if (!answer) return answer;
  if (auto ok = in_force(*answer, now); !ok) return ok.error();
  w.show({std::move(der), answer->next_update});
  return answer;
}

/// POST first, then GET, as the NATS server.
result<std::string> staple_watch::question_to(const watched&, std::string url,
                                              const std::string& question) {
  if (url.ends_with('/')) url.pop_back();
  auto get_text = [](const char* method, size_t size, unsigned status) {
    return std::string("non-ok http status on ") + method + " request (reqlen="
           + std::to_string(size) + "): " + std::to_string(status);
  };
  http_question post;
  post.method = "POST";
  post.url = url;
  post.headers = {{"Content-Type", "application/ocsp-request"},
                  {"Accept", "application/ocsp-response"}};
  post.body = question;
  post.max_body_bytes = max_ocsp_answer_bytes;
  auto posted = http_fetch(post, stopping_);
  if (posted && posted->status <= 299) return std::move(posted->body);
  const std::string encoded = base64_encode(question);
  http_question get;
  get.url = url + "/" + encoded;
  get.max_body_bytes = max_ocsp_answer_bytes;
  auto got = http_fetch(get, stopping_);
  if (got && got->status <= 299) return std::move(got->body);
  return error{errc::unavailable,
               (posted ? get_text("POST", question.size(), posted->status) : posted.error().context)
                 + "\n"
                 + (got ? get_text("GET", encoded.size(), got->status) : got.error().context)};
}

result<ocsp_answer> staple_watch::ask(watched& w) {
  auto question = ocsp_question(w.cert.get(), w.issuer.get());
  if (!question) return question.error();
  const std::vector<std::string> urls = urls_.empty() ? ocsp_responders(w.cert.get()) : urls_;
  if (urls.empty()) return error{errc::unavailable, "no available ocsp servers"};
  std::string why;
  for (const std::string& url : urls) {
    auto der = question_to(w, url, *question);
    if (!der) {
      why = der.error().context;
      continue;
    }
    const std::string kept = *der;
    auto answer = accept(w, std::move(*der));
    if (!answer) {
      why = "failed to get remote status from " + url + ": " + answer.error().context;
      continue;
    }
    if (auto ok = store(w, kept); !ok)
      return error{errc::io_failed, "failed to write ocsp status: " + ok.error().context};
    return answer;
  }
  return error{errc::unavailable, "exhausted ocsp servers: " + why};
}

/// Beside the old one first, so that a reader finds either whole.
result<void> staple_watch::store(const watched& w, const std::string& der) {
  if (folder_.empty()) return {};
  const std::string path = folder_ + "/" + w.key;
  const std::string fresh = path + ".tmp-" + std::to_string(::getpid());
  std::error_code ec;
  {
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    out.write(der.data(), static_cast<std::streamsize>(der.size()));
    out.flush();
    if (!out) {
      std::filesystem::remove(fresh, ec);
      return error{errc::io_failed, fresh};
    }
  }
  std::filesystem::rename(fresh, path, ec);
  if (!ec) return {};
  const std::string why = path + ": " + ec.message();
  std::filesystem::remove(fresh, ec);
  return error{errc::io_failed, why};
}

// -- from time to time -----------------------------------------------------------------------------

void staple_watch::start(std::function<void()> end_node) {
  end_node_ = std::move(end_node);
  log::info("OCSP Stapling enabled for Client connections");
  thread_ = std::thread([this] { run(); });
}

void staple_watch::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  end_node_ = nullptr;
}

void staple_watch::run() {
  while (!stopping_) {
    std::chrono::nanoseconds pause = 24h;
    for (auto& w : watched_) {
      if (w->schedule.asks(moment_of_now(), w->take_wanted()) && !look_again(*w)) return end_node_();
      pause = std::min(pause, w->schedule.sleeps(moment_of_now()));
    }
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, pause, [this] { return stopping_.load(); });
  }
}

bool staple_watch::look_again(watched& w) {
  auto answer = ask(w);
  if (stopping_) return true;
  const staple_moment now = moment_of_now();
  const auto pause = answer ? w.schedule.answered(*answer, now) : w.schedule.failed(now);
  if (!answer) {
    log::error("Bad OCSP status update for certificate '{}': {}, trying again in {}", w.cert_file,
               answer.error().context, go_duration_text(pause.count()));
    return true;
  }
  if (answer->status == ocsp_status::good) {
    log::info("Received OCSP status for Client certificate '{}': good, next update {}, checking "
              "again in {}",
              w.cert_file, describe_next_update(*answer), go_duration_text(pause.count()));
    return true;
  }
  log::error("Received OCSP status for Client certificate '{}': {}", w.cert_file,
             to_text(answer->status));
  return !w.ends_node;
}

} // namespace troupe
