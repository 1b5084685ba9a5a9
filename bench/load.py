#!/usr/bin/env python3
"""Requests a second of Keyward and its peers, all in one run, as ratios.

    bench/load.py [--rounds 5] [--seconds 4] [--only PATTERN]

Needs nginx with the echo module and wrk (Debian: nginx-light libnginx-mod-http-echo wrk). Builds Keyward in release mode.
Each server has core 0 to itself; wrk and the upstream share core 1. The cases take turns, so a noisy moment hits them
all; the figure of a case is its median. CPU time per request is the server's own, user and system.
"""
import argparse, json, os, pathlib, random, re, shutil, signal, socket, statistics, subprocess, sys, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
HERE = ROOT / "bench"
RUN = HERE / "run"
SERVER_CORE, LOAD_CORE = "0", "1"
TICKS = os.sysconf("SC_CLK_TCK")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

CONFIG = """
[database]
url = "sqlite:keyward.db"
[gateway]
listen = "127.0.0.1:9200"
workers = 1
[[gateway.upstreams]]
name = "default"
url = "http://127.0.0.1:9000"
[[gateway.routes]]
path = "/api/{site}/**"
upstream = "default"
[console]
listen = "127.0.0.1:9201"
[ops]
listen = "127.0.0.1:9202"
[log]
access = false
level = "warn"
"""

# name, port, keys, fixed path, whether refusals are what is measured, what it is compared with
CASES = [
    ("bare hyper, answers 200", 9100, "high", None, False, None),
    ("nginx, answers 200", 9001, "high", None, False, "bare hyper, answers 200"),
    ("nginx map + limit_req, answers 200", 9011, "high", None, False, "bare hyper, answers 200"),
    ("keyward, /keyward/self", 9200, "high", "/keyward/self", False, "bare hyper, answers 200"),
    ("nginx, bare proxy_pass", 9002, "high", None, False, None),
    ("nginx map + limit_req, proxy", 9012, "high", None, False, "nginx, bare proxy_pass"),
    ("keyward, gateway", 9200, "high", None, False, "nginx, bare proxy_pass"),
    ("nginx refuses unknown keys", 9012, "unknown", None, True, None),
    ("keyward refuses unknown keys", 9200, "unknown", None, True, "nginx refuses unknown keys"),
    ("nginx refuses over the limit", 9012, "low", None, True, None),
    ("keyward refuses over the limit", 9200, "low", None, True, "nginx refuses over the limit"),
]


def write_keys():
    random.seed(7)
    rows = []
    for number in range(10_100):
        key = "ak-" + "".join(random.choice(ALPHABET) for _ in range(38))
        rows.append((key, f"s{number % 100}", 1_000_000 if number < 10_000 else 10))
    unknown = ["zz-" + "".join(random.choice(ALPHABET) for _ in range(38)) for _ in range(10_000)]
    write = lambda name, lines: (RUN / name).write_text("".join(lines))
    write("high.txt", (f"{k} {s}\n" for k, s, l in rows if l > 10))
    write("low.txt", (f"{k} {s}\n" for k, s, l in rows if l == 10))
    write("unknown.txt", (f"{k} s1\n" for k in unknown))
    write("nginx_sites.map", (f'"{k}" "{s}";\n' for k, s, _ in rows))
    write("nginx_high.map", (f'"{k}" "{k}";\n' for k, _, l in rows if l > 10))
    write("nginx_low.map", (f'"{k}" "{k}";\n' for k, _, l in rows if l == 10))
    write("import.jsonl", (json.dumps({"owner": "bench@example.com", "name": "bench", "secret": k, "sites": {"only": [s]},
                                       "addresses": {"only": ["127.0.0.0/8"]}, "limit": {"per_minute": l}}) + "\n" for k, s, l in rows))


def run(*command):
    done = subprocess.run(command, cwd=RUN, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def start(core, *command):
    log = open(RUN / (pathlib.Path(str(command[0])).name + ".log"), "ab")
    return subprocess.Popen(["taskset", "-c", core, *map(str, command)], cwd=RUN, stdout=log, stderr=log)


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens on port {port}; see {RUN}")


def family(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    yield pid
    for child in children.read_text().split() if children.exists() else []:
        yield from family(int(child))


def cpu_seconds(pid):
    total = 0
    for member in family(pid):
        fields = pathlib.Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def wrk(port, keys, path, seconds):
    environment = dict(os.environ, KEYS=str(RUN / f"{keys}.txt"))
    if path:
        environment["FIXED_PATH"] = path
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, "wrk", "-t1", "-c64", f"-d{seconds}s", "--latency", "-s",
         str(HERE / "peers/keys.lua"), f"http://127.0.0.1:{port}"],
        env=environment, capture_output=True, text=True, check=True)
    return json.loads(re.search(r"^JSON (.*)$", done.stdout, re.M).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    for tool in ("nginx", "wrk", "taskset"):
        shutil.which(tool) or sys.exit(f"{tool} is missing: apt-get install nginx-light libnginx-mod-http-echo wrk")
    subprocess.run(["cargo", "build", "--release", "-p", "keyward", "-p", "keyward-bench"], cwd=ROOT, check=True)
    shutil.rmtree(RUN, ignore_errors=True)
    RUN.mkdir()
    write_keys()
    for name in ("upstream.conf", "nginx.conf"):
        (RUN / name).write_text((HERE / "peers" / name).read_text().replace("@RUN@", str(RUN)))
    keyward = ROOT / "target/release/keyward"
    run(keyward, "init", "--no-token")
    (RUN / "keyward.toml").write_text(CONFIG)
    run(keyward, "users", "create", "bench@example.com")
    for site in range(100):
        run(keyward, "sites", "create", f"s{site}")
    run(keyward, "import", "import.jsonl", "--format", "jsonl")
    servers = {
        "upstream": start(LOAD_CORE, "nginx", "-c", RUN / "upstream.conf"),
        "nginx": start(SERVER_CORE, "nginx", "-c", RUN / "nginx.conf"),
        "hyper": start(SERVER_CORE, ROOT / "target/release/bare-hyper", "127.0.0.1:9100"),
        "keyward": start(SERVER_CORE, keyward, "serve", "--config", RUN / "keyward.toml"),
    }
    owner = {9100: "hyper", 9200: "keyward"}
    cases = [case for case in CASES if options.only in case[0]]
    seen = {case[0]: [] for case in cases}
    try:
        for port in (9000, 9001, 9100, 9200):
            wait_for(port)
        for name, port, keys, path, *_ in cases:
            wrk(port, keys, path, 1)
        for _ in range(options.rounds):
            for name, port, keys, path, refusals, _ in cases:
                server = servers[owner.get(port, "nginx")].pid
                before = cpu_seconds(server)
                result = wrk(port, keys, path, options.seconds)
                used = cpu_seconds(server) - before
                if result["broken"]:
                    print(f"{name}: {result['broken']} broken connections", file=sys.stderr)
                refused = result["refused"] / max(result["requests"], 1)
                if (refused < 0.9) if refusals else (refused > 0.001):
                    print(f"{name}: {refused:.1%} refused, which is not what is measured", file=sys.stderr)
                seen[name].append((result["requests"] / (result["micros"] / 1e6),
                                   used / max(result["requests"], 1) * 1e6, result["p50"] / 1000, result["p99"] / 1000))
    finally:
        for server in servers.values():
            server.send_signal(signal.SIGTERM)
        for server in servers.values():
            server.wait(20)
    report(cases, seen)


def report(cases, seen):
    median = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in seen.items() if rows}
    print("| case | requests/s | ratio | to | CPU µs | p50 / p99 ms |\n|---|---|---|---|---|---|")
    for name, *_, base in cases:
        rate, cpu, p50, p99 = median[name]
        ratio = f"{rate / median[base][0]:.2f}" if base in median else "1.00"
        print(f"| {name} | {rate:,.0f} | {ratio} | {base or 'itself'} | {cpu:.1f} | {p50:.2f} / {p99:.2f} |")


if __name__ == "__main__":
    main()
