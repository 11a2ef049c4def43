#include "config/cli.hpp"
#include "config/version.hpp"

namespace troupe::config {

std::string version_text() {
  return "nats-server: v" + std::string(compatible_version) + "\ntroupe: v"
         + std::string(own_version) + "\n";
}

namespace {

constexpr std::string_view help = R"(
Usage: nats-server [options]

Server Options:
    -a, --addr, --net <host>         Listen for clients on this address (default: 0.0.0.0)
    -p, --port <port>                Listen for clients on this port, -1 for any (default: 4222)
    -n, --name
        --server_name <server_name>  Name of this server (default: its id)
    -P, --pid <file>                 Write the process id to this file
    -m, --http_port <port>           Serve monitoring over http on this port
    -ms,--https_port <port>          Serve monitoring over https on this port
    -c, --config <file>              Read this configuration file
    -t                               Check the configuration file and exit
        --test_reload <file>         With -t: check that a server could reload this file; exit code 3
                                     when that would need a restart
    -sl,--signal <signal>[=<pid>]    Signal a running server: ldm, stop, quit, term, reopen, reload
                                     <pid> is a process id, a prefix* of ids, or a pid file
        --client_advertise <string>  host[:port] that clients are told to connect to
        --ports_file_dir <dir>       Write <executable_name>_<pid>.ports to this directory
        --unsupported                List the options that are accepted but not built yet
        --allow_unsupported          Start although the configuration asks for protection that is
                                     not built (marked NOT ENFORCED by --unsupported): warn only,
                                     and what it should protect is NOT protected

Logging Options:
    -l, --log <file>                 Log to this file
    -T, --logtime                    Start log lines with the time (default: true)
        --logtime_utc                Log times in UTC
    -s, --syslog                     Log to syslog
    -r, --remote_syslog <addr>       Log to this syslog server (udp://localhost:514)
    -D, --debug                      Log at debug level
    -V, --trace                      Log protocol lines
    -VV                              Log protocol lines, the system account's too
    -DV                              Debug and trace
    -DVV                             Debug and trace, the system account's too
        --log_size_limit <limit>     Rename the log file when it exceeds this size (default: never)
        --max_traced_msg_len <len>   Payload bytes shown in a trace line (default: all)
        --log_format <format>        text (default), or json: one object a line
        --log_level_override <list>  Levels of single subsystems: session=debug,http=warn
        --trace_connections <list>   Trace some only: cid:7,account:A,user:app,name:svc,ip:::1

JetStream Options:
    (not built yet: accepted with a warning, without effect)
    -js, --jetstream                 Enable JetStream
    -sd, --store_dir <dir>           Store streams in this directory

Authorization Options:
        --user <user>                User that clients must present
        --pass <password>            Password that clients must present
        --auth <token>               Token that clients must present

TLS Options:
        --tls                        Require TLS from clients, without certificates of their own
        --tlscert <file>             Certificate of this server
        --tlskey <file>              Private key of this server
        --tlsverify                  Require TLS and a certificate from clients
        --tlscacert <file>           Authorities that clients' certificates are checked against

Cluster Options:
    (not built yet: accepted with a warning, without effect)
        --routes <rurl-1, rurl-2>    Servers to connect to
        --cluster <cluster-url>      Listen for the other servers of the cluster here
        --cluster_name <string>      Name of the cluster (default: made up)
        --no_advertise <bool>        Do not tell clients about the other servers
        --cluster_advertise <string> host:port that other servers are told to connect to
        --connect_retries <number>   Attempts to reach a server learned from others
        --cluster_listen <url>       Same as --cluster

Profiling Options:
        --profile <port>             Profiling HTTP port

Common Options:
    -h, --help                       Show this text
    -v, --version                    Show the version
        --help_tls                   Show help on TLS
        --help_config                Show all options of the configuration file, as a page

)";

} // namespace

std::string_view help_text() { return help; }

std::string_view help_tls_text() {
  return R"(
TLS configuration is specified in the tls section of a configuration file:

    tls {
        cert_file:      "/etc/troupe/server-cert.pem"
        key_file:       "/etc/troupe/server-key.pem"
        ca_file:        "/etc/troupe/ca.pem"
        verify:         true     # clients need a certificate of that authority
        verify_and_map: true     # and its name is the user
        min_version:    "1.2"
        timeout:        2        # seconds that a handshake may take
    }

Or on the command line: --tls, --tlsverify, --tlscert, --tlskey, --tlscacert.

TLS is not built in this version. A server that is told to use it refuses to start, unless
--allow_unsupported is given: then it warns and listens WITHOUT TLS.

)";
}

} // namespace troupe::config
