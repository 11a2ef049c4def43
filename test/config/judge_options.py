#!/usr/bin/env python3
"""What the Go server makes of every option with values of every kind: two golden files for golden_options_test.cpp.

    judge_options.py --go BINARY --troupe BINARY

writes, from `-t` of the Go server,
- golden/judged.txt: for each option and value whether it is refused (r) or fine (f),
- golden/options_*.txt: for each option one value that is refused, with the words and the place. Where Troupe's own
  words differ on purpose, they stand there and Go's in the title: to be read in the diff.
A new server is followed by writing both anew (extract_options.py first).
"""

import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import tempfile

HERE = pathlib.Path(__file__).parent
# How an option of a block gets into a file. What a new block needs beside its option, too.
BLOCKS = {
    "-": "@",
    "authorization": "authorization { @ }",
    "user": "authorization { users: [ { @ } ] }",
    "permissions": "authorization { users: [ { user: u, password: p, permissions { @ } } ] }",
    "subject_permission": "authorization { users: [ { user: u, password: p, permissions { publish { @ } } } ] }",
    "allow_responses": "authorization { users: [ { user: u, password: p, permissions { allow_responses { @ } } } ] }",
    "auth_callout": "authorization { auth_callout { @ } }",
    "account": "accounts { A { @ } }",
    "mapping": "mappings { a: { @ } }",
    "account_limits": "accounts { A { limits { @ } } }",
    "msg_trace": "accounts { A { msg_trace { @ } } }",
    "account_jetstream": "accounts { A { jetstream { @ } } }",
    "export": "accounts { A { exports [ { @ } ] } }",
    "latency": "accounts { A { exports [ { service: s, latency { @ } } ] } }",
    "import": "accounts { A { imports [ { @ } ] } }",
    "import_source": "accounts { A { imports [ { stream { @ } } ] } }",
    "tls": "tls { @ }",
    "cert_pair": "tls { certs [ { @ } ] }",
    "ocsp_peer": "tls { ocsp_peer { @ } }",
    "ocsp": "ocsp { @ }",
    "ocsp_cache": "ocsp_cache { @ }",
    "proxies": "proxies { @ }",
    "proxy": "proxies { trusted [ { @ } ] }",
    "resolver": "resolver { @ }",
    "cluster": "cluster { @ }",
    "compression": "cluster { compression { @ } }",
    "gateway": "gateway { @ }",
    "remote_gateway": "gateway { gateways [ { @ } ] }",
    "leafnodes": "leafnodes { @ }",
    "leaf_auth": "leafnodes { authorization { @ } }",
    "leaf_user": "leafnodes { authorization { users [ { @ } ] } }",
    "remote_leaf": "leafnodes { remotes [ { @ } ] }",
    "migrate": "leafnodes { remotes [ { jetstream_cluster_migrate { @ } } ] }",
    "leaf_proxy": "leafnodes { remotes [ { proxy { @ } } ] }",
    "websocket": "websocket { @ }",
    "simple_auth": "websocket { authorization { @ } }",
    "mqtt": "mqtt { @ }",
    "jetstream": "jetstream { @ }",
    "jetstream_limits": "jetstream { limits { @ } }",
    "jetstream_batch": "jetstream { limits { batch { @ } } }",
    "tpm": "jetstream { tpm { @ } }",
}
# The Go server takes `[5]` for a mistake: it wants a blank behind the number.
VALUES = ["7", "-1", "4294967296", "9223372036854775807", "1.5", "x", '""', "true", "[]", "[x]", "[ 5 ]", "[[]]", "[{}]",
          "{}", "{a: b}", "{a: 5}", "2016-05-04T18:53:41Z"]
UNKNOWN = "no_such_option"
# The files that a block's cases are in.
FILES = {
    "top": "-",
    "accounts": "authorization user permissions subject_permission allow_responses auth_callout account mapping account_limits "
                "msg_trace account_jetstream export latency import import_source",
    "listeners": "tls cert_pair ocsp ocsp_peer ocsp_cache proxies proxy resolver websocket simple_auth mqtt",
    "cluster": "cluster compression gateway remote_gateway leafnodes leaf_auth leaf_user remote_leaf migrate leaf_proxy",
    "jetstream": "jetstream jetstream_limits jetstream_batch tpm",
}
# Nobody can expect these: addresses in memory, names of Go's own types.
UNSPEAKABLE = re.compile(r"0x[0-9a-f]{6}|runtime error|\*conf\.token|%!|map\[|UTC")


def judge(binary, text, folder, *more):
    """(exit code, lines) of `-t`."""
    path = folder / "t.conf"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run([binary, "-t", "-c", "t.conf", *more], cwd=folder, capture_output=True, timeout=60, check=False)
    said = done.stderr.decode(errors="replace").splitlines()
    return done.returncode, [x.removeprefix("nats-server: ") for x in said if x and "is not built yet" not in x]


def options():
    for line in (HERE / "go_options.txt").read_text(encoding="utf-8").splitlines():
        block, *names = line.split()
        yield block, names[0]
    for block in BLOCKS:
        yield block, UNKNOWN


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--go", required=True)
    args.add_argument("--troupe", required=True)
    args = args.parse_args()
    go_binary, troupe = (str(pathlib.Path(x).resolve()) for x in (args.go, args.troupe))
    with tempfile.TemporaryDirectory() as top, concurrent.futures.ThreadPoolExecutor(3) as pool:
        def try_option(option):
            folder = pathlib.Path(top, *option)
            folder.mkdir(parents=True)
            texts = [BLOCKS[option[0]].replace("@", f"{option[1]}: {v}") + "\n" for v in VALUES]
            said = [judge(go_binary, text, folder) for text in texts]
            letters = "".join("r" if code else "f" for code, _ in said)
            case = next((i for i, (code, lines) in enumerate(said) if code and all(x.startswith("t.conf:") for x in lines)
                         and not UNSPEAKABLE.search("".join(lines))), None)
            if case is None:
                return option, letters, None
            _, ours = judge(troupe, texts[case], folder, "--allow_unsupported")
            return option, letters, (VALUES[case], texts[case], said[case][1], ours)
        results = sorted(pool.map(try_option, options()))
    with open(HERE / "golden/judged.txt", "w", encoding="utf-8") as out:
        print("# Written by judge_options.py: what the Go server refuses (r) and takes (f).", file=out)
        print("values " + " | ".join(VALUES), file=out)
        block = None
        for (of, name), letters, _ in results:
            if of != block:
                block = of
                print(f"block {block} {BLOCKS[block]}", file=out)
            print(f"{name} {letters}", file=out)
    differ = 0
    texts = {}
    for (block, name), _, case in results:
        if not case:
            continue
        value, text, go, ours = case
        title = f"load: {block}.{name}: {value}" + ("" if sorted(go) == sorted(ours) else f" (Go: {' / '.join(go)})")
        differ += sorted(go) != sorted(ours)
        where = next(file for file, blocks in FILES.items() if block in blocks.split())
        texts[where] = texts.get(where, "") + "\n".join((f"=== {title}", text + "--- expect", *ours, ""))
    for where, text in texts.items():
        (HERE / f"golden/options_{where}.txt").write_text(text, encoding="utf-8")
    print(f"{len(results)} options, {differ} in other words")


if __name__ == "__main__":
    main()
