// troupe-load: drives one scenario against a server and prints one line of JSON.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <string_view>

#include "bench/load/options.hpp"
#include "bench/load/stats.hpp"
#include "bench/load/topology.hpp"

namespace {

using namespace troupe::bench;

constexpr std::string_view usage =
    R"(usage: troupe-load SCENARIO --port N [options]

scenarios:  pub 1to1 4to4 fan16 fan1000 wild queue8 reqrep idle subs churn
            handshake
  --host ADDRESS     IPv4 address of the server (127.0.0.1)
  --port N           its port (4222)
  --pid N            its process, for CPU time and memory
  --size BYTES       payload, 16 and more (128)
  --seconds S        length of the measured part (2)
  --messages N       instead: publishes, subscriptions or connects to make (handshake: 5000)
  --tls              over TLS: full handshakes, no certificate is checked
  --ws               over WebSocket; --port is that of the websocket listener
  --user NAME        log in, with --password TEXT
  --warmup S         unmeasured part in front (0.3)
  --window MIB       bytes published and not yet delivered (32; fan1000 64)
  --in-flight N      reqrep: requests under way per requester (1)
  --connections N    pub, 4to4: publishers; wild: subscribers (4); reqrep: requesters (1);
                     idle: connections (10000); subs: connections (1);
                     churn, handshake: threads (8)
  --storm N          reqrep: so many threads connect and disconnect meanwhile (0)
  --threads N        threads per side (half of the cores)
  --seed N           seed of wild (1)
)";

[[noreturn]] void fail_usage(const std::string& what) {
  std::cerr << "troupe-load: " << what << "\n" << usage;
  std::exit(2);
}

options parse_arguments(int argc, char** argv) {
  options opt;
  const std::map<std::string_view, std::function<void(const std::string&)>> setters = {
      {"--host", [&](const std::string& v) { opt.server.host = v; }},
      {"--port", [&](const std::string& v) { opt.server.port = uint16_t(std::stoul(v)); }},
      {"--pid", [&](const std::string& v) { opt.pid = pid_t(std::stol(v)); }},
      {"--size", [&](const std::string& v) { opt.size = std::stoul(v); }},
      {"--seconds", [&](const std::string& v) { opt.seconds = std::stod(v); }},
      {"--messages", [&](const std::string& v) { opt.messages = std::stoull(v); }},
      {"--warmup", [&](const std::string& v) { opt.warmup = std::stod(v); }},
      {"--window", [&](const std::string& v) { opt.window = std::stoull(v) << 20; }},
      {"--in-flight", [&](const std::string& v) { opt.in_flight = unsigned(std::stoul(v)); }},
      {"--connections", [&](const std::string& v) { opt.connections = unsigned(std::stoul(v)); }},
      {"--threads", [&](const std::string& v) { opt.threads = unsigned(std::stoul(v)); }},
      {"--user", [&](const std::string& v) { opt.server.user = v; }},
      {"--password", [&](const std::string& v) { opt.server.password = v; }},
      {"--storm", [&](const std::string& v) { opt.storm = unsigned(std::stoul(v)); }},
      {"--seed", [&](const std::string& v) { opt.seed = std::stoull(v); }},
  };
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--tls" || word == "--ws") {
      (word == "--tls" ? opt.server.tls : opt.server.websocket) = true;
      continue;
    }
    const auto setter = setters.find(word);
    if (setter == setters.end()) {
      if (!opt.scenario.empty() || word[0] == '-') fail_usage("unknown argument: " + word);
      opt.scenario = word;
      continue;
    }
    if (++i == argc) fail_usage("no value for " + word);
    try {
      setter->second(argv[i]);
    } catch (const std::exception&) {
      fail_usage("not a number for " + word + ": " + argv[i]);
    }
  }
  if (opt.scenario.empty()) fail_usage("no scenario");
  if (opt.size < min_payload_bytes) fail_usage("--size must be 16 or more");
  if (opt.in_flight == 0 || opt.in_flight > 9999) fail_usage("--in-flight must be 1 to 9999");
  return opt;
}

std::string run(const options& opt) {
  if (opt.scenario == "reqrep") return run_request_reply(opt);
  if (opt.scenario == "idle") return run_idle(opt);
  if (opt.scenario == "subs") return run_subscriptions(opt);
  if (opt.scenario == "churn" || opt.scenario == "handshake") return run_churn(opt);
  return run_throughput(opt);
}

} // namespace

int main(int argc, char** argv) {
  const options opt = parse_arguments(argc, argv);
  std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes without MSG_NOSIGNAL
  try {
    std::cout << run(opt) << std::endl;
    return 0;
  } catch (const std::exception& e) {
    report failed;
    failed.text("scenario", opt.scenario).count("size", opt.size).text("error", e.what());
    std::cout << failed.line() << std::endl;
    return 1;
  }
}
