#include "actors/auth/account_sources.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "actors/auth/url_source.hpp"
#include "protocol/auth/jwt.hpp"
#include "protocol/auth/nkey.hpp"

namespace troupe {

namespace {

constexpr std::string_view extension = ".jwt";
constexpr std::string_view deleted_extension = ".deleted";
constexpr size_t cache_limit = 1000;
constexpr mode_t file_mode = 0640;

error failed(const std::string& what, const std::string& path) {
  return {errc::io_failed, what + " " + path + ": " + std::strerror(errno)};
}

int64_t steady_s() {
  using namespace std::chrono;
  return duration_cast<seconds>(steady_clock::now().time_since_epoch()).count();
}

result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return error{errc::not_found, "account missing"};
  if (fd < 0) return failed("open", path);
  std::string text(max_jwt_bytes + 1, '\0');
  size_t n = 0;
  ssize_t got = 0;
  while (n < text.size() && (got = ::read(fd, text.data() + n, text.size() - n)) > 0)
    n += static_cast<size_t>(got);
  ::close(fd);
  if (got < 0) return failed("read", path);
  if (n > max_jwt_bytes) return error{errc::limit_exceeded, path + " is too large for a JWT"};
  text.resize(n);
  text.shrink_to_fit();
  return text;
}

/// Another process never sees half of it.
result<void> write_file(const std::string& path, const std::string& text) {
  const std::string draft = path + ".new";
  const int fd =
    ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, file_mode);
  if (fd < 0) return failed("open", draft);
  size_t n = 0;
  ssize_t put = 0;
  while (n < text.size() && (put = ::write(fd, text.data() + n, text.size() - n)) > 0)
    n += static_cast<size_t>(put);
  const bool whole = n == text.size() && ::fsync(fd) == 0;
  ::close(fd);
  if (!whole || ::rename(draft.c_str(), path.c_str()) != 0) {
    error e = failed("write", path);
    ::unlink(draft.c_str());
    return e;
  }
  return {};
}

directory_source::hash hash_of(const std::string& text) {
  directory_source::hash h{};
  crypto_hash_sha256(h.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return h;
}

} // namespace

result<std::string> memory_source::fetch(const std::string& key) {
  auto it = preload_.find(key);
  if (it == preload_.end()) return error{errc::not_found, "account missing"};
  return it->second;
}

// -- a directory -----------------------------------------------------------------------------------

result<std::shared_ptr<directory_source>> directory_source::open(
  const config::resolver_options& options) {
  std::error_code ec;
  std::filesystem::create_directories(options.dir, ec);
  if (ec) return error{errc::io_failed, "mkdir " + options.dir + ": " + ec.message()};
  auto source = std::shared_ptr<directory_source>(new directory_source(options));
  if (auto ok = source->scan(); !ok) return ok.error();
  return source;
}

size_t directory_source::limit() const {
  if (options_.limit > 0) return static_cast<size_t>(options_.limit);
  return is_cache() ? cache_limit : SIZE_MAX;
}

std::string directory_source::path_of(const std::string& key) const {
  return options_.dir + "/" + key + std::string(extension);
}

result<void> directory_source::scan() {
  std::lock_guard lock(mutex_);
  std::error_code ec;
  std::filesystem::directory_iterator files(options_.dir, ec);
  if (ec) return error{errc::io_failed, "open " + options_.dir + ": " + ec.message()};
  for (const auto& file : files) {
    const std::string name = file.path().filename().string();
    if (name.size() != nkey_public_chars + extension.size() || !name.ends_with(extension)) continue;
    const std::string key = name.substr(0, nkey_public_chars);
    if (is_public_nkey(key, nkey_role::account)) touch(key);
  }
  return {};
}

void directory_source::touch(const std::string& key) {
  auto [it, fresh] = entries_.try_emplace(key);
  if (!fresh) used_.erase(it->second.place);
  it->second.place = used_.insert(used_.end(), key);
  const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(options_.ttl).count();
  it->second.expires_s = ttl > 0 ? steady_s() + ttl : 0;
}

void directory_source::forget(const std::string& key) {
  auto it = entries_.find(key);
  if (it == entries_.end()) return;
  used_.erase(it->second.place);
  entries_.erase(it);
}

result<std::string> directory_source::fetch(const std::string& key) {
  if (!is_public_nkey(key, nkey_role::account))
    return error{errc::malformed, "will only fetch valid account keys"};
  std::lock_guard lock(mutex_);
  if (auto it = entries_.find(key); it != entries_.end() && it->second.expires_s != 0
                                    && it->second.expires_s <= steady_s()) {
    ::unlink(path_of(key).c_str());
    forget(key);
    return error{errc::not_found, "account missing"};
  }
  auto text = read_file(path_of(key));
  if (text) touch(key);
  return text;
}

result<bool> directory_source::save(const std::string& key, const std::string& jwt) {
  if (!is_public_nkey(key, nkey_role::account)) return error{errc::malformed, "invalid public key"};
  if (jwt.empty()) return error{errc::malformed, "invalid JWT"};
  const auto newer = decode_generic_jwt(jwt);
  if (!newer) return newer.error();
  if (newer->data.subject != key)
    return error{errc::malformed, "jwt subject nkey and provided nkey do not match"};
  std::lock_guard lock(mutex_);
  if (auto before = read_file(path_of(key))) {
    if (*before == jwt) return false;
    if (const auto older = decode_generic_jwt(*before)) {
      if (older->data.id == newer->data.id || older->data.issued_at > newer->data.issued_at)
        return false;
    }
  }
  if (entries_.count(key) == 0 && entries_.size() >= limit()) {
    if (!is_cache()) return error{errc::limit_exceeded, "jwt store is full"};
    const std::string oldest = used_.front();
    if (::unlink(path_of(oldest).c_str()) != 0 && errno != ENOENT)
      return failed("remove", path_of(oldest));
    forget(oldest);
  }
  if (auto ok = write_file(path_of(key), jwt); !ok) return ok.error();
  touch(key);
  entries_[key].contents = hash_of(jwt);
  return true;
}

result<void> directory_source::remove(const std::string& key) {
  if (!may_delete())
    return error{errc::unauthorized, "store is not set up to for delete"};
  if (!is_public_nkey(key, nkey_role::account)) return error{errc::malformed, "invalid public key"};
  std::lock_guard lock(mutex_);
  const std::string path = path_of(key);
  const bool keep = !is_cache() && !options_.hard_delete;
  const int done = keep ? ::rename(path.c_str(), (path + std::string(deleted_extension)).c_str())
                        : ::unlink(path.c_str());
  if (done != 0 && errno != ENOENT) return failed("remove", path);
  forget(key);
  return {};
}

std::vector<std::string> directory_source::keys() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> list;
  list.reserve(entries_.size());
  for (const auto& [key, e] : entries_) list.push_back(key);
  return list;
}

directory_source::hash directory_source::contents_hash() {
  std::lock_guard lock(mutex_);
  hash all{};
  for (auto& [key, e] : entries_) {
    if (!e.contents) {
      auto text = read_file(path_of(key));
      if (!text || text->empty()) continue;
      e.contents = hash_of(*text);
    }
    for (size_t i = 0; i < all.size(); ++i) all[i] ^= (*e.contents)[i];
  }
  return all;
}

// -- which one -------------------------------------------------------------------------------------

result<std::shared_ptr<account_source>> make_account_source(
  const config::resolver_options& options) {
  using kind = config::resolver_kind;
  switch (options.kind) {
  case kind::none:
  case kind::memory:
    return std::shared_ptr<account_source>(std::make_shared<memory_source>(options.preload));
  case kind::full:
  case kind::cache: {
    auto source = directory_source::open(options);
    if (!source) return source.error();
    for (const auto& [key, jwt] : options.preload)
      if (auto saved = (*source)->save(key, jwt); !saved)
        return error{saved.error().code,
                     "preload account error for \"" + key + "\": " + saved.error().context};
    return std::shared_ptr<account_source>(std::move(*source));
  }
  case kind::url: break;
  }
  std::shared_ptr<const fetch_tls> tls;
  if (options.tls) {
    auto made = make_fetch_tls(*options.tls);
    if (!made) return made.error();
    tls = std::move(*made);
  }
  return std::shared_ptr<account_source>(std::make_shared<url_source>(options.url, std::move(tls)));
}

} // namespace troupe
