#include "actors/observe/log_sink.hpp"
#include "actors/observe/logger.hpp"
#include "actors/observe/snapshots.hpp"
#include "test/catch.hpp"

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace troupe;
namespace fs = std::filesystem;

namespace {

/// A directory of its own for each test, removed at the end; the logger is stopped first.
struct log_fixture {
  fs::path dir = fs::temp_directory_path() / ("troupe-log-" + std::to_string(getpid()));
  log_fixture() { fs::create_directories(dir); }
  ~log_fixture() {
    log::stop();
    fs::remove_all(dir);
  }
  log::settings settings() {
    log::settings s;
    s.file = (dir / "n.log").string();
    return s;
  }
  static std::string contents(const fs::path& path) {
    std::ifstream in(path);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  std::string text() { return contents(dir / "n.log"); }
  size_t files() {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(dir), fs::directory_iterator{}));
  }
};

} // namespace

TEST_CASE("logger: a line has the NATS server's format", "[actors][observe]") {
  log::settings s;
  s.utc = true;
  log::record r;
  r.at = log::wall_time{std::chrono::microseconds{1795381980000007}};
  r.text = "hi";
  auto pid = "[" + std::to_string(getpid()) + "] ";
  CHECK(log::format_line(r, s, false) == pid + "2026/11/22 21:13:00.000007 [INF] hi\n");
  s.timestamps = false;
  r.l = log::level::fatal;
  r.text = "x\n";
  CHECK(log::format_line(r, s, false) == pid + "[FTL] x\n");
  r.l = log::level::warn;
  CHECK(log::format_line(r, s, true) == pid + "[\x1b[0;93mWRN\x1b[0m] x\n");
}

TEST_CASE("logger: a line cannot steer a terminal", "[actors][observe]") {
  log::settings s;
  s.timestamps = false;
  log::record r;
  r.text = "a\x1b[2J\rb\tc\nd\x7f";
  CHECK(log::format_line(r, s, false).ends_with("[INF] a\\x1b[2J\\x0db\tc\nd\\x7f\n"));
}

TEST_CASE("logger: JSON lines are objects with time, level, pid, subsystem and message",
          "[actors][observe]") {
  log::settings s;
  s.utc = s.json = true;
  log::record r;
  r.at = log::wall_time{std::chrono::microseconds{1795381980000007}};
  r.from = log::subsystem_of("/x/actors/session/a.cpp");
  r.text = "a \"b\"\n\xff";
  CHECK(log::format_line(r, s, true)
        == "{\"time\":\"2026-11-22T21:13:00.000007Z\",\"level\":\"info\",\"pid\":"
               + std::to_string(getpid())
               + ",\"subsystem\":\"session\",\"message\":\"a \\\"b\\\"\\n\\ufffd\"}\n");
  s.timestamps = false;
  CHECK(log::format_line(r, s, true).starts_with("{\"level\":\"info\","));
}

TEST_CASE("logger: a subsystem is the folder that logs", "[actors][observe]") {
  auto name = [](std::string_view file) {
    return config::log_subsystems[static_cast<size_t>(log::subsystem_of(file))];
  };
  CHECK(name("/src/actors/node/listener.cpp") == "node");
  CHECK(name("../../actors/session/x/y.cpp") == "session");
  CHECK(name("/actors/x/actors/main.cpp") == "main");
  CHECK(name("/src/http/endpoints/varz.cpp") == "http");
  CHECK(name("config/load.cpp") == "config");
  CHECK(name("/src/test/actors_test.cpp") == "other");
}

TEST_CASE_METHOD(log_fixture, "logger: lines of many threads arrive whole, or are counted",
                 "[actors][observe]") {
  REQUIRE(log::start(settings()));
  auto before = log::dropped();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 2000; ++i)
        log::info("thread {} line {}", t, i);
    });
  for (auto& t : threads)
    t.join();
  log::flush();
  auto all = text();
  std::regex line(R"(\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} \[INF\] thread \d line \d+)");
  size_t whole = 0;
  std::istringstream in(all);
  for (std::string l; std::getline(in, l);)
    whole += std::regex_match(l, line);
  CHECK(whole + (log::dropped() - before) == 8000);
}

TEST_CASE_METHOD(log_fixture, "logger: debug and trace are off until asked for",
                 "[actors][observe]") {
  REQUIRE(log::start(settings()));
  log::debug("one");
  log::trace("two");
  auto s = settings();
  s.debug = true;
  REQUIRE(log::configure(s));
  log::debug("three");
  log::trace("four");
  log::traced("five");
  log::flush();
  CHECK(text().find("one") == std::string::npos);
  CHECK(text().find("two") == std::string::npos);
  CHECK(text().find("[DBG] three") != std::string::npos);
  CHECK(text().find("four") == std::string::npos);
  CHECK(text().find("[TRC] five") != std::string::npos);
}

TEST_CASE_METHOD(log_fixture, "logger: reopen follows a file that was moved away",
                 "[actors][observe]") {
  REQUIRE(log::start(settings()));
  log::info("before");
  log::flush();
  fs::rename(dir / "n.log", dir / "old.log");
  log::reopen();
  log::info("after");
  log::flush();
  CHECK(contents(dir / "old.log").find("before") != std::string::npos);
  CHECK(text().find("[INF] File log re-opened") != std::string::npos);
  CHECK(text().find("after") != std::string::npos);
}

TEST_CASE_METHOD(log_fixture, "logger: a file over its limit is renamed and old ones go",
                 "[actors][observe]") {
  auto s = settings();
  s.file_bytes_max = 500;
  s.files_max = 3;
  REQUIRE(log::start(s));
  std::ofstream(dir / "n.log.keep") << "not a backup";
  for (int i = 0; i < 100; ++i)
    log::warn("a line of some length to fill the file quickly {}", i);
  log::stop();
  CHECK(files() == 4); // the log, two backups, and the file that only looks like one
  CHECK(text().find("Rotated log, backup saved as \"") != std::string::npos);
}

TEST_CASE_METHOD(log_fixture, "logger: a sink that cannot be opened is an error",
                 "[actors][observe]") {
  auto s = settings();
  s.file = (dir / "no" / "n.log").string();
  auto failed = log::start(s);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().context
        == "error opening file: open " + s.file + ": no such file or directory");
  s = {};
  s.remote_syslog = "ftp://x";
  CHECK_FALSE(log::start(s));
}

TEST_CASE_METHOD(log_fixture, "logger: one subsystem has a level of its own", "[actors][observe]") {
  auto s = settings();
  auto other = static_cast<uint8_t>(log::subsystem_of("a test"));
  auto node = static_cast<uint8_t>(log::subsystem_of("actors/node/x.cpp"));
  s.overrides = {{node, log::level::error}, {other, log::level::debug}};
  REQUIRE(log::start(s));
  CHECK(log::enabled(log::level::error, log::subsystem{node}));
  CHECK_FALSE(log::enabled(log::level::warn, log::subsystem{node}));
  CHECK(log::debug_enabled());
  log::debug("seen");
  s.overrides = {{other, log::level::warn}};
  REQUIRE(log::configure(s));
  CHECK_FALSE(log::debug_enabled());
  log::info("unseen");
  log::warn("warned");
  log::flush();
  CHECK(text().find("[DBG] seen") != std::string::npos);
  CHECK(text().find("unseen") == std::string::npos);
  CHECK(text().find("[WRN] warned") != std::string::npos);
  REQUIRE(log::configure(settings()));
}

TEST_CASE_METHOD(log_fixture, "logger: lines before a change go to the old file, later ones to the new",
                 "[actors][observe]") {
  REQUIRE(log::start(settings()));
  for (int i = 0; i < 100; ++i)
    log::info("old {}", i);
  auto s = settings();
  s.file = (dir / "second.log").string();
  s.json = true;
  REQUIRE(log::configure(s));
  for (int i = 0; i < 100; ++i)
    log::info("new {}", i);
  s.file = (dir / "none" / "third.log").string();
  CHECK_FALSE(log::configure(s));
  log::info("still");
  log::flush();
  auto second = contents(dir / "second.log");
  CHECK(text().find("old 99") != std::string::npos);
  CHECK(text().find("new") == std::string::npos);
  CHECK(second.find("old") == std::string::npos);
  CHECK(second.find("\"message\":\"new 0\"}\n") != std::string::npos);
  CHECK(second.find("\"message\":\"still\"}\n") != std::string::npos);
}

TEST_CASE_METHOD(log_fixture, "logger: a file that is too large at the start is renamed at once",
                 "[actors][observe]") {
  std::ofstream(dir / "n.log") << std::string(600, 'x') << "\n";
  auto s = settings();
  s.file_bytes_max = 500;
  REQUIRE(log::start(s));
  log::flush();
  CHECK(files() == 2);
  CHECK(text().find("xxx") == std::string::npos);
  CHECK(text().find("Rotated log, backup saved as") != std::string::npos);
}

TEST_CASE_METHOD(log_fixture, "logger: the local syslog gets lines of the daemon facility",
                 "[actors][observe]") {
  auto path = (dir / "log").string();
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof at.sun_path);
  path.copy(at.sun_path, path.size());
  int fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  log::settings s;
  s.syslog = true;
  s.local_syslogs = {(dir / "none").string()};
  CHECK(log::start(s).error().context
        == "error connecting to syslog: \"Unix syslog delivery error\"");
  s.local_syslogs.push_back(path);
  REQUIRE(log::start(s));
  log::error("a line");
  log::flush();
  char got[256];
  auto n = ::recv(fd, got, sizeof got, MSG_DONTWAIT);
  ::close(fd);
  REQUIRE(n > 0);
  std::regex form(R"(<27>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+\[\d+\]: a line\n)");
  CHECK(std::regex_match(std::string(got, static_cast<size_t>(n)), form));
}

TEST_CASE("counters: a snapshot reads what the reactor counted, and snapshots add up",
          "[actors][observe]") {
  observe::reactor_counters counters;
  counters.connection_opened();
  counters.connection_opened();
  counters.connection_closed();
  counters.client_msgs_in(3, 30);
  counters.slow_consumers.routes.add(2);
  auto one = observe::snapshot_of(counters, 1);
  CHECK(one.connections == 1);
  CHECK(one.total_connections == 2);
  one += observe::snapshot_of(counters, 2);
  CHECK(one.in_client_bytes == 60);
  CHECK(one.in_msgs == 6);
  CHECK(one.slow_consumers.total() == 4);
}
