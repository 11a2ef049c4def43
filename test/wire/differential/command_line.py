"""The command line: random flags on both binaries; what they print and end with.

Only lines that end by themselves. No signal is ever sent to a process that exists: the Go server takes no number and
0 and -1 for everybody who is there, and "+1" for nobody without a word.
"""

import random
import re
import subprocess

_BOOLS = ["D", "debug", "V", "trace", "VV", "DV", "DVV", "T", "logtime", "logtime_utc", "s", "syslog", "h", "help", "v",
          "version", "t", "help_tls", "no_advertise"]
_INTS = ["p", "port", "m", "http_port", "ms", "https_port", "log_size_limit", "profile", "connect_retries",
         "max_traced_msg_len"]
_TEXTS = ["a", "addr", "net", "n", "name", "server_name", "P", "pid", "ports_file_dir", "l", "log", "r", "remote_syslog",
          "user", "pass", "auth", "client_advertise", "cluster_advertise", "cluster_name"]
_UNKNOWN = ["x", "nope", "Port", "HELP", "tlscerts", "config_file", "", "-p", "=", "a b", "\u00e9", "js_domain"]
_BOOL_VALUES = ["true", "false", "1", "0", "t", "F", "TRUE", "maybe", "", "yes", "2", "tRue", 'a"b', "\t"]
_INT_VALUES = ["0", "4222", "-1", "+5", "0x10", "0b1", "0o17", "017", "08", "1_000", "_1", "1__0", "1_", "0_7", "0x_1", "abc", "",
               "1.5", "99999999999999999999", "-99999999999999999999", "1e3", " 1", "0x", "9223372036854775808", 'a"b', "--1"]
_SIGNALS = ["nosuch=999999999", "ldm=999999999", "quit=4194999", "stop=4194999", "reload=12x", "term=-", "reopen=nofile",
            "ldm=a=b", "ldm=1=2=3", "LDM=4194999", "=4194999", "quit= 4194999", "quit=4194999 ",
            'q"=4194999', "nosuch=12x", "ldm=99999999999999999999", "quit=x*", "{pidfile}"]
_WORDS = ["version", "help", "VERSION", "Help", "bogus", "nats-server", 'a"b', "", "-"]
_FILES = {
    "good.conf": "port: -1\n",
    "bad.conf": "port: {\n",
    "unknown.conf": "nonsense: 1\n",
    "limits.conf": "max_payload: 20\nmax_pending: 10\n",
    "users.conf": "authorization { user: a, password: b }\nport: -1\n",
    "pid": "4194999",
    "pid_words": "no number",
}


def prepare(folder):
    for name, text in _FILES.items():
        with open(f"{folder}/{name}", "w", encoding="utf-8") as f:
            f.write(text)


def _flag(rng, name, value=None):
    dash = rng.choice(["-", "--"])
    if value is None:
        return [dash + name]
    return [f"{dash}{name}={value}"] if rng.random() < 0.6 else [dash + name, value]


def _one(rng):
    kind = rng.randrange(9)
    if kind <= 1:
        value = rng.choice(_BOOL_VALUES) if rng.random() < 0.4 else None
        name = rng.choice(_BOOLS)
        return [f"-{name}"] if value is None else [f"-{name}={value}"]
    if kind <= 3:
        return _flag(rng, rng.choice(_INTS), rng.choice(_INT_VALUES))
    if kind <= 5:
        return _flag(rng, rng.choice(_TEXTS), rng.choice(["x", "", "a b", "/nowhere/x", "-p"]))
    if kind == 6:
        return _flag(rng, rng.choice(_UNKNOWN), rng.choice([None, "1"]))
    if kind == 7:
        return _flag(rng, rng.choice(["c", "config"]), rng.choice([*_FILES, "missing.conf", ".", ""]))
    return rng.choice([["--tls"], ["--tls=false"], ["--tlsverify"], ["--tlsverify=optional"], ["--tlsverify=x"], ["--tlscert", "x"],
                       ["--tls", "--tlscert=x"], ["--tls", "--tlscert=good.conf", "--tlskey=good.conf"], ["--"], ["-"],
                       ["--test_reload", "good.conf"], ["--test_reload=unknown.conf"], ["---p"], ["--=x"]])


def arguments(seed):
    """A command line that ends by itself."""
    rng = random.Random(f"command line/{seed}")
    args = [a for _ in range(rng.choice((0, 1, 1, 2, 4))) for a in _one(rng)]
    last = rng.choice(["signal", "word", "t", "t", "v", "help", "dangling"])
    if last == "signal":
        args += [rng.choice(["-sl", "--signal"]), rng.choice(_SIGNALS).replace("{pidfile}", rng.choice(["ldm=pid", "ldm=pid_words"]))]
    elif last == "word":
        args.append(rng.choice(_WORDS[:-2] + ["bogus"]))
    elif last == "t":
        args += ["-t"] + (["-c", rng.choice([*_FILES, "missing.conf", "."])] if rng.random() < 0.9 else [])
    else:
        args.append({"v": "-v", "help": "-h", "dangling": f"--{rng.choice(_INTS + _TEXTS)}"}[last])
    return args


def outcome(binary, args, folder):
    """(exit code, standard output, standard error) without what is Troupe's own: its version and further flags."""
    try:
        done = subprocess.run([binary, *args], capture_output=True, timeout=10, cwd=folder, stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired:
        return ("runs on", "", "")
    out = done.stdout.decode(errors="replace")
    if "Usage:" in out:
        out = "the usage"
    out = re.sub(r"nats-server: v\S+.*", "the version", out, flags=re.S)
    out = "the TLS help" if "TLS configuration is specified" in out else out
    return done.returncode, out, done.stderr.decode(errors="replace")
