#include "actors/main/send_signal.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

namespace troupe {

namespace {

bool is_server_name(const std::string& name) { return name == "nats-server" || name == "troupe"; }

/// Processes whose program is a NATS server, ours included under either name; not this one.
std::vector<pid_t> running_servers() {
  std::vector<pid_t> found;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ec)) {
    std::string text = entry.path().filename();
    pid_t pid = 0;
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (failed != std::errc() || end != text.data() + text.size() || pid == ::getpid()) continue;
    std::ifstream comm(entry.path() / "comm");
    std::string name;
    std::getline(comm, name);
    if (is_server_name(name)) found.push_back(pid);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string cannot_signal(const config::signal_request& request, pid_t pid) {
  std::string why = std::strerror(errno);
  why[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(why[0])));
  return "\nsignal \"" + request.name + "\" " + std::to_string(pid) + ": " + why;
}

} // namespace

result<void> send_signal(const config::signal_request& request) {
  std::vector<pid_t> targets;
  if (!request.pid.empty() && !request.is_prefix) {
    pid_t pid = 0;
    auto [end, failed] =
      std::from_chars(request.pid.data(), request.pid.data() + request.pid.size(), pid);
    if (failed != std::errc() || end != request.pid.data() + request.pid.size())
      return error{errc::malformed, "invalid pid: " + request.pid};
    targets.push_back(pid);
  } else {
    targets = running_servers();
    if (request.is_prefix) {
      std::erase_if(targets, [&](pid_t p) { return !std::to_string(p).starts_with(request.pid); });
    } else if (targets.size() > 1) {
      std::string text = "multiple nats-server processes running:\n";
      for (pid_t p : targets) text += std::to_string(p) + "\n";
      text.pop_back();
      return error{errc::unavailable, text};
    }
    if (targets.empty()) return error{errc::not_found, "no nats-server processes running"};
  }
  std::string failures; // one line each, also before the first, as the NATS server prints them
  for (pid_t pid : targets)
    if (::kill(pid, request.number) != 0) failures += cannot_signal(request, pid);
  if (!failures.empty()) return error{errc::unavailable, failures};
  return {};
}

} // namespace troupe
