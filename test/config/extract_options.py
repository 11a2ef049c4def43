#!/usr/bin/env python3
"""Lists the configuration options that a Go server's source knows, as `block name [alias...]`, sorted.

    extract_options.py PATH/TO/nats-server/server > go_options.txt

`go_options.txt` beside this file is that list for 2.15.3. The test `option table: knows every option of the NATS
server` holds the table to it, so a new server is followed by writing the list anew. Only names are taken.
"""

import pathlib
import re
import sys

# Where a function reads the keys of one block; "" is the top. A function that reads two kinds of keys has the second
# by the name of the variable it switches on.
BLOCKS = {
    "processConfigFileLine": "",
    "parseCluster": "cluster", "parseCompression": "compression", "parseGateway": "gateway",
    "parseGateways": "remote_gateway", "parseLeafNodes": "leafnodes", "parseLeafAuthorization": "leaf_auth",
    "parseLeafUsers": "leaf_user", "parseRemoteLeafNodes": "remote_leaf", "parseWebsocket": "websocket",
    "parseMQTT": "mqtt", "parseJetStream": "jetstream", "parseJetStreamLimits": "jetstream_limits",
    "parseJetStreamLimitsBatch": "jetstream_batch", "parseJetStreamTPM": "tpm",
    "parseJetStreamForAccount": "account_jetstream", "parseAccountMapDest": "mapping",
    "parseAccountLimits": "account_limits", "parseAccountMsgTrace": "msg_trace", "parseAccounts": "account",
    "parseAccount": "import_source", "parseExportStreamOrService": "export",
    "parseImportStreamOrService": "import", "parseAuthorization": "authorization", "parseSimpleAuth": "simple_auth",
    "parseUsers": "user", "parseAuthCallout": "auth_callout", "parseUserPermissions": "permissions",
    "parseAllowResponses": "allow_responses", "parseSubjectPermission": "subject_permission", "parseTLS": "tls",
    "parseOCSPPeer": "ocsp_peer", "parseOCSPResponseCache": "ocsp_cache", "parseProxies": "proxies",
    "parseProxiesTrusted": "proxy",
}
OTHER_KEYS = {("processConfigFileLine", "kk"): "ocsp", ("parseRemoteLeafNodes", "pk"): "leaf_proxy",
              ("parseTLS", "k"): "cert_pair"}
# Keys that are looked up by name instead of listed in a switch.
LOOKED_UP = [("processConfigFileLine", r'v\["(\w+)"\]; (?:err == nil && )?ok', "resolver"),
             ("parseRemoteLeafNodes", r'migrateConfig\["(\w+)"\]', "migrate"),
             ("parseServiceLatency", r'latency\["(\w+)"\]', "latency")]
SWITCH = re.compile(r"switch (?:strings\.ToLower\()?(\w+)\)? \{$")


def options(text):
    found = set()
    function, switches = "", []  # switches: (indentation, variable) of those that are open
    for line in text.split("\n"):
        if head := re.match(r"func (?:\([^)]*\) )?(\w+)\(", line):
            function, switches = head[1], []
        code = line.lstrip("\t")
        if not code or code.startswith("//"):
            continue
        indent = len(line) - len(code)
        while switches and indent < switches[-1][0]:
            switches.pop()
        for where, pattern, block in LOOKED_UP:
            if where == function:
                found.update((block, name) for name in re.findall(pattern, code))
        if code.startswith("switch "):
            over = SWITCH.match(code)
            switches.append((indent, over[1] if over else ""))
        elif code.startswith("case ") and switches and switches[-1][0] == indent:
            variable = switches[-1][1]
            block = OTHER_KEYS.get((function, variable), BLOCKS.get(function) if variable in ("k", "mk") else None)
            names = re.findall(r'"(\w+)"', code)
            if block is not None and names:
                found.add((block, " ".join(sorted(names))))
    return sorted(found)


def main():
    folder = pathlib.Path(sys.argv[1])
    text = "".join((folder / name).read_text(encoding="utf-8") for name in ("opts.go", "ocsp_peer.go", "ocsp_responsecache.go"))
    for block, names in options(text):
        print(f"{block or '-'} {names}")


if __name__ == "__main__":
    main()
