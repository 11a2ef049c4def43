#include "config/cli.hpp"
#include "config/option_table.hpp"
#include "test/catch.hpp"

#include <csignal>

using namespace troupe;
using namespace troupe::config;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Stands for protection that is in the table and not built.
const option_row shield{"", "shield", option_type::any, "", apply::live, support::unbuilt_security, "A shield."};

parse_environment world() {
  return {[](const std::string& path) -> result<std::string> {
            if (path == "n.conf")
              return std::string("port: 5000\ndebug: true\nlogtime: true\nserver_name: file\n");
            if (path == "warn.conf") return std::string("ping_interval: 10\n");
            if (path == "bad.conf") return std::string("foo: 1\nport: x\n");
            if (path == "later.conf") return std::string("jetstream: true\nmqtt { port: 1 }\n");
            if (path == "syntax.conf") return std::string("port: {\n");
            if (path == "range.conf") return std::string("port: 99999999999999999999\n");
            if (path == "open.conf") return std::string("port: 1\nshield: up\n");
            if (path == "tls.conf") return std::string("port: 1\ntls { cert_file: a }\n");
            if (path == "n.pid") return std::string("4711\n");
            return troupe::error{errc::unavailable, "open " + path + ": no such file or directory"};
          },
          nullptr,
          {},
          &shield};
}

cli_result run(std::vector<std::string> args) { return parse_command_line(args, world()); }

} // namespace

TEST_CASE("cli: flags take one dash or two, a space or an equals sign", "[config]") {
  CHECK(run({"-p", "1"}).options.port == 1);
  CHECK(run({"--port=2"}).options.port == 2);
  CHECK(run({"-port", "-1"}).options.port == -1);
  CHECK(run({"--addr", "h"}).options.host == "h");
  CHECK(run({"-p", "1", "-port", "2"}).options.port == 2);
  CHECK(run({"-p", "0x10"}).options.port == 16);
  auto o = run({"-DVV", "-T=false", "--user", "u", "--pass=p", "-m", "8222", "-js"}).options;
  CHECK((o.debug && o.trace && o.trace_verbose && !o.logtime && o.jetstream));
  CHECK(o.authorization.user == "u");
  CHECK(o.http_port == 8222);
}

TEST_CASE("cli: flags win over the file, the file over defaults", "[config]") {
  auto out = run({"-c", "n.conf", "-p", "1", "-D=false"});
  CHECK(out.action == cli_action::run);
  CHECK(out.options.port == 1);
  CHECK_FALSE(out.options.debug);
  CHECK(out.options.server_name == "file");
  CHECK(out.options.config_file == "n.conf");
  server_options reloaded;
  apply_flags(out.flags, reloaded);
  CHECK(reloaded.port == 1);
}

TEST_CASE("cli: mistakes print the server's words and its exit code", "[config]") {
  struct golden {
    std::vector<std::string> args;
    const char* text;
    int code;
  };
  for (auto& [args, text, code] : std::vector<golden>{
           {{"-foo"}, "flag provided but not defined: -foo\n", 0},
           {{"-p"}, "flag needs an argument: -p\n", 0},
           {{"-p", "x"}, "invalid value \"x\" for flag -p: parse error\n", 0},
           {{"-p", "99999999999999999999"},
            "invalid value \"99999999999999999999\" for flag -p: value out of range\n",
            0},
           {{"-p=a\"b\t"}, "invalid value \"a\\\"b\\t\" for flag -p: parse error\n", 0},
           {{"-p=1__0"}, "invalid value \"1__0\" for flag -p: parse error\n", 0},
           {{"-p=_1"}, "invalid value \"_1\" for flag -p: parse error\n", 0},
           {{"-p=1_"}, "invalid value \"1_\" for flag -p: parse error\n", 0},
           {{"-D=a\"b"}, "invalid boolean value \"a\\\"b\" for -D: parse error\n", 0},
           {{"-D=zz"}, "invalid boolean value \"zz\" for -D: parse error\n", 0},
           {{"---x"}, "bad flag syntax: ---x\n", 0},
           {{"foo"}, "nats-server: unrecognized command: \"foo\"\n", 1},
           {{"-D", "false"}, "nats-server: unrecognized command: \"false\"\n", 1},
           {{"-t"},
            "nats-server: must specify [-c, --config] option to check configuration file syntax\n",
            1},
           {{"-c", "nope"}, "nats-server: open nope: no such file or directory\n", 1},
           {{"-sl=foo=1"}, "nats-server: unknown signal \"foo\"\n", 1},
           {{"-sl", "ldm=abc"}, "nats-server: invalid pid: abc\n", 1},
           {{"-sl", "stop=0"}, "nats-server: invalid pid: 0\n", 1},
           {{"-sl", "stop=-1"}, "nats-server: invalid pid: -1\n", 1},
           {{"-sl", "stop=-1*"}, "nats-server: invalid pid: -1\n", 1},
           {{"-sl=a\"b=1"}, "nats-server: unknown signal \"a\\\"b\"\n", 1},
           {{"a\"b"}, "nats-server: unrecognized command: \"a\\\"b\"\n", 1},
           {{"-sl", "reload=1=2"}, "nats-server: invalid signal parameters: [2]\n", 1},
       }) {
    auto out = run(args);
    CHECK(out.diagnostics == text);
    CHECK(out.exit_code == code);
  }
}

TEST_CASE("cli: numbers and combined switches are read as Go reads them", "[config]") {
  for (const char* text : {"1_000", "0x3_e8", "0b11_1110_1000", "0_1750", "0o17_50"})
    CHECK(run({"-p", text}).options.port == 1000);
  const auto late = run({"-VV=false", "-DVV"}).options;
  CHECK((late.debug && !late.trace && !late.trace_verbose));
  const auto off = run({"-DV", "-D=false", "-V"}).options;
  CHECK((off.debug && off.trace && !off.trace_verbose));
}

TEST_CASE("cli: -t tests the file", "[config]") {
  auto good = run({"-t", "-c", "n.conf"});
  CHECK(good.action == cli_action::test_config);
  CHECK(contains(good.diagnostics, "nats-server: configuration file n.conf is valid (sha256:"));
  auto bad = run({"-t", "-c", "bad.conf"});
  CHECK(bad.exit_code == 1);
  CHECK(bad.diagnostics
        == "nats-server: bad.conf:1:0: unknown field \"foo\"\nbad.conf:2:1: interface "
           "conversion: interface {} is string, not int64\n\n");
  CHECK(run({"-t", "-c", "warn.conf"}).exit_code == 1);
  CHECK(run({"-c", "warn.conf"}).action == cli_action::run);
  auto later = run({"-t", "-c", "later.conf"});
  CHECK(later.action == cli_action::test_config);
  CHECK(contains(later.diagnostics, "option \"mqtt\" is not built yet"));
}

TEST_CASE("cli: version, help and the list of unbuilt options", "[config]") {
  for (auto args : {std::vector<std::string>{"-v"}, {"--version"}, {"version"}, {"VERSION"}}) {
    auto out = run(args);
    CHECK(out.action == cli_action::print_version);
    CHECK(out.output == "nats-server: v2.15.3\ntroupe: v0.1.0\n");
  }
  CHECK(run({"help"}).action == cli_action::print_help);
  CHECK(contains(run({"-h"}).output, "Usage: nats-server [options]"));
  CHECK(contains(run({"-h"}).output, "--client_advertise <string>"));
  CHECK(contains(run({"-h"}).output, "--allow_unsupported"));
  CHECK(contains(run({"--help_tls"}).output,
                 "TLS configuration is specified in the tls section of a configuration file"));
  CHECK(contains(run({"--unsupported"}).output, "jetstream"));
}

TEST_CASE("cli: signals name a process, a pid file or a prefix", "[config]") {
  auto out = run({"--signal", "ldm=n.pid"});
  CHECK(out.action == cli_action::send_signal);
  CHECK(out.signal.number == SIGUSR2);
  CHECK(out.signal.pid == "4711");
  CHECK(run({"-sl", "reload"}).signal.pid.empty());
  auto prefix = run({"-sl", "stop=47*"}).signal;
  CHECK(prefix.is_prefix);
  CHECK(prefix.pid == "47");
}

TEST_CASE("cli: TLS flags together make a block of their own", "[config]") {
  auto said = [](std::vector<std::string> args) { return run(args).diagnostics; };
  CHECK(said({"--tls"}) == "nats-server: TLS Server certificate must be present and valid\n");
  CHECK(said({"--tlsverify"}) == "nats-server: TLS Server certificate must be present and valid\n");
  CHECK(said({"--tlscert", "a.pem"})
        == "nats-server: TLS Server private key must be present and valid\n");
  CHECK(contains(said({"--tlsverify=x"}), "invalid boolean value \"x\" for -tlsverify: expected true"));
  auto all = run({"--tls", "--tlscert", "a", "--tlskey", "b", "--tlscacert", "c", "--tlsverify"});
  CHECK(all.action == cli_action::run);
  REQUIRE(all.options.tls);
  CHECK(all.options.tls->certs == std::vector<cert_pair>{{"a", "b"}});
  CHECK(all.options.tls->ca_file == "c");
  CHECK(all.options.tls->verify);
  CHECK(all.options.authorization.timeout == 3s);
  auto optional = run({"--tlscert", "a", "--tlskey", "b", "--tlsverify=Optional"});
  REQUIRE(optional.options.tls);
  CHECK(optional.options.tls->verify_optional);
  CHECK_FALSE(optional.options.tls->verify);
}

TEST_CASE("cli: TLS flags come over the file's block, and take it away", "[config]") {
  auto file = run({"-c", "tls.conf"});
  CHECK(file.action == cli_action::run);
  REQUIRE(file.options.tls);
  auto off = run({"-c", "tls.conf", "--tls=false", "--tlscert", "x"});
  CHECK_FALSE(off.options.tls);
  CHECK(off.options.authorization.timeout == 2s);
  auto over = run({"-c", "tls.conf", "--tlscert", "x", "--tlskey", "y"});
  REQUIRE(over.options.tls);
  CHECK(over.options.tls->certs == std::vector<cert_pair>{{"x", "y"}});
}

TEST_CASE("cli: a file that asks for protection that is not built is refused", "[config]") {
  for (auto args : {std::vector<std::string>{"-c", "open.conf"}, {"-t", "-c", "open.conf"}}) {
    auto refused = run(args);
    CHECK(refused.action == cli_action::fail);
    CHECK(refused.exit_code == 1);
    CHECK(refused.diagnostics
          == "nats-server: open.conf:2:1: option \"shield\" is not built yet: refusing to run without "
             "the protection it asks for (to run unprotected, start with --allow_unsupported)\n\n");
  }
  auto allowed = run({"-c", "open.conf", "--allow_unsupported"});
  CHECK(allowed.action == cli_action::run);
  CHECK(allowed.options.allow_unsupported);
  REQUIRE(allowed.notices.size() == 1);
  CHECK(contains(allowed.notices[0].to_string(), "open.conf:2:1: option \"shield\""));
  CHECK(contains(allowed.notices[0].to_string(), "NOT protected"));
  auto tested = run({"-t", "-c", "open.conf", "--allow_unsupported"});
  CHECK(tested.action == cli_action::test_config);
  CHECK(contains(tested.diagnostics, "NOT protected"));
}

TEST_CASE("cli: flags that are not built yet give notices", "[config]") {
  auto out = run({"-js", "--routes", "nats://h:1", "--no_advertise=false"});
  REQUIRE(out.notices.size() == 2);
  CHECK(out.notices[0].to_string() == "flag -routes is not built yet and has no effect");
  CHECK(out.notices[1].to_string() == "flag -jetstream is not built yet and has no effect");
}

TEST_CASE("cli: a broken file is reported in the NATS server's words", "[config]") {
  auto broken = run({"-c", "syntax.conf"});
  CHECK(broken.diagnostics
        == "nats-server: Parse error on line 2: 'Unexpected EOF processing map.'\n");
  CHECK(broken.exit_code == 1);
  // Where Go names no line, the place follows on a line of its own.
  CHECK(run({"-t", "-c", "range.conf"}).diagnostics
        == "nats-server: integer '99999999999999999999' is out of the range\n"
           "    at range.conf:1:6\n");
}

TEST_CASE("cli: secrets are redacted", "[config]") {
  std::vector<std::string> args{
      "--user", "bob", "-pass=x", "--routes", "nats://u:p@h:1,nats://i", "-cluster=nats://a:b@c:-1",
      "-D"};
  CHECK(redact_arguments(args)
        == std::vector<std::string>{"--user", "[REDACTED]", "-pass=[REDACTED]", "--routes",
                                    "nats://[REDACTED]@h:1,nats://i",
                                    "-cluster=nats://[REDACTED]@c:-1", "-D"});
  const auto shown = [](const std::string& urls) {
    return redact_arguments(std::vector<std::string>{"--routes", urls})[1];
  };
  CHECK(shown("nats://u,v:p,q//r@h:-1") == "nats://[REDACTED]@h:-1");
  CHECK(shown("nats://i,nats://u:p,q@h, nats://u:p@k") == "nats://i,nats://[REDACTED]@h, nats://[REDACTED]@k");
  CHECK(shown("u:p,q@h") == "[REDACTED]@h");
  CHECK(shown("nats://u:p@h,u:p@k") == "nats://[REDACTED]@[REDACTED]@k");
}
