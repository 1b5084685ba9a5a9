#!/usr/bin/env python3
"""What limits that several nodes share cost, and three nodes behind HAProxy, all in one run, as ratios.

    bench/nodes.py [--rounds 3] [--seconds 15] [--rolling]

Needs what bench/load.py does, and Debian's postgresql, redis-server and haproxy. One node with limits in its memory, one that asks
Redis for each request, one that leases, and three that lease behind HAProxy: all over one PostgreSQL, each with one worker. Nodes
and HAProxy have core 0; wrk, the upstream and Redis share core 1. The cases take turns; the figure of a case is its median. A case
lasts a quarter of a minute: a node that leases asks once a minute for each of the 10,000 keys, which a short case would see alone.
With --rolling, the three nodes are restarted one after another under load, and what failed is counted; nothing else is measured.
"""
import argparse, contextlib, glob, os, pathlib, shutil, signal, statistics, subprocess, sys, tempfile, threading, time, urllib.request
import load

POSTGRES, REDIS, BALANCED, BARE = 9390, 9391, 9310, 9311
# A node, the port of its gateway (the next two are its other planes), and how it limits.
NODES = {"memory": (9320, None), "exact": (9330, "exact"), "leased": (9340, "leased"),
         "first": (9350, "leased"), "second": (9360, "leased"), "third": (9370, "leased")}
THREE = ("first", "second", "third")
CASES = [
    ("limits in memory", 9320, None),
    ("limits in Redis, exact", 9330, "limits in memory"),
    ("limits in Redis, leased", 9340, "limits in memory"),
    ("HAProxy, upstream alone", BARE, None),
    ("HAProxy, three nodes, leased", BALANCED, "HAProxy, upstream alone"),
]


def as_somebody(folder):
    """Servers that do not run as root run as the account of PostgreSQL's package."""
    if os.getuid() != 0:
        return []
    shutil.chown(folder, "postgres")
    return ["setpriv", "--reuid=postgres", "--clear-groups"]


def start_postgres(folder):
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    become = as_somebody(folder)
    data = f"{folder}/data"
    subprocess.run([*become, f"{programs}/initdb", "-A", "trust", "-U", "keyward", "-E", "UTF8", "--locale=C.UTF-8", "-D", data],
                   check=True, capture_output=True, cwd=folder)
    server = load.start("0,1", *become, f"{programs}/postgres", "-D", data, "-p", str(POSTGRES), "-k", folder,
                        "-c", "max_connections=200")
    load.wait_for(POSTGRES)
    while subprocess.run([f"{programs}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(POSTGRES)]).returncode:
        time.sleep(0.1)
    return server


@contextlib.contextmanager
def database(folder, with_postgres):
    """A database for a Keyward that runs in a folder: its address, and how large it is, in bytes, once that is asked."""
    if not with_postgres:
        yield "sqlite:keyward.db", lambda: (folder / "keyward.db").stat().st_size
        return
    load.RUN.mkdir(exist_ok=True)
    place = tempfile.mkdtemp()
    server = start_postgres(place)
    url = f"postgres://keyward@127.0.0.1:{POSTGRES}/postgres"
    size = ["psql", url, "-AXtc", "SELECT pg_database_size('postgres')"]
    try:
        yield url, lambda: int(subprocess.run(size, capture_output=True, check=True, text=True).stdout)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
        shutil.rmtree(place, ignore_errors=True)


def configure(name):
    port, mode = NODES[name]
    text = (load.CONFIG.replace("sqlite:keyward.db", f"postgres://keyward@127.0.0.1:{POSTGRES}/postgres")
            .replace("9202", str(port + 2)).replace("9201", str(port + 1)).replace("9200", str(port)))
    text += '[gateway.timeouts]\ndrain_delay = "5s"\n'
    if mode:
        text += f'[limits]\nurl = "redis://127.0.0.1:{REDIS}"\nmode = "{mode}"\n'
    path = load.RUN / f"{name}.toml"
    path.write_text(text)
    return path


def start_balancer(keyward_ports):
    variables = {"KEYWARD_API": f"127.0.0.1:{BALANCED}", "KEYWARD_CONSOLE": f"127.0.0.1:{BALANCED + 5}"}
    for number, port in enumerate(keyward_ports, 1):
        variables[f"KEYWARD_{number}"] = f"127.0.0.1:{port}"
        variables[f"KEYWARD_{number}_CONSOLE"] = f"127.0.0.1:{port + 1}"
        variables[f"KEYWARD_{number}_OPS_PORT"] = str(port + 2)
    os.environ.update(variables)
    bare = load.RUN / "bare.cfg"
    bare.write_text(f"defaults\n  mode http\n  timeout connect 2s\n  timeout client 75s\n  timeout server 75s\n"
                    f"frontend bare\n  bind 127.0.0.1:{BARE}\n  default_backend upstream\n"
                    f"backend upstream\n  server upstream 127.0.0.1:9000\n")
    haproxy = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
    return [load.start(load.SERVER_CORE, haproxy, "-db", "-f", load.ROOT / "deploy/haproxy.cfg"),
            load.start(load.SERVER_CORE, haproxy, "-db", "-f", bare)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--rolling", action="store_true")
    options = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "-p", "keyward"], cwd=load.ROOT, check=True)
    shutil.rmtree(load.RUN, ignore_errors=True)
    load.RUN.mkdir()
    load.write_keys()
    upstream = (load.HERE / "peers/upstream.conf").read_text().replace("@RUN@", str(load.RUN))
    (load.RUN / "upstream.conf").write_text(upstream)
    folder = tempfile.mkdtemp()
    servers = []
    try:
        servers.append(start_postgres(folder))
        servers.append(load.start(load.LOAD_CORE, "redis-server", "--port", REDIS, "--save", "", "--dir", str(load.RUN)))
        servers.append(load.start(load.LOAD_CORE, "nginx", "-c", load.RUN / "upstream.conf"))
        nodes = start_nodes()
        servers += nodes
        servers += start_balancer([NODES[name][0] for name in THREE])
        for _, port, _ in CASES:
            load.wait_for(port)
        time.sleep(2)
        if options.rolling:
            servers += restart_in_turn(nodes[-len(THREE):])
        else:
            report(measure(options))
    finally:
        for server in reversed(servers):
            server.send_signal(signal.SIGINT)
            server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def start_nodes():
    keyward = load.ROOT / "target/release/keyward"
    first = configure("memory")
    at = ("--config", first)
    load.run(keyward, "init", "--no-token", *at)
    load.run(keyward, "users", "create", "bench@example.com", *at)
    for site in range(100):
        load.run(keyward, "sites", "create", f"s{site}", *at)
    load.run(keyward, "import", "import.jsonl", "--format", "jsonl", *at)
    return [load.start(load.SERVER_CORE, keyward, "serve", "--config", configure(name)) for name in NODES]


def restart_in_turn(nodes):
    """Ends each of the three nodes as an operator would, and starts it again, under load from beginning to end."""
    results, started = [], []
    over = threading.Event()

    def clients():
        while not over.is_set():
            results.append(load.wrk(BALANCED, "high", None, 5))

    traffic = threading.Thread(target=clients)
    traffic.start()
    time.sleep(5)
    for name, node in zip(THREE, nodes):
        node.send_signal(signal.SIGTERM)
        node.wait(60)
        started.append(load.start(load.SERVER_CORE, load.ROOT / "target/release/keyward", "serve", "--config",
                                  load.RUN / f"{name}.toml"))
        wait_until_ready(NODES[name][0] + 2)
        time.sleep(5)
    over.set()
    traffic.join()
    total = lambda field: sum(result[field] for result in results)
    seconds = total("micros") / 1e6
    print(f"three nodes restarted in {seconds:.0f} s: {total('requests'):,} requests, {total('requests') / seconds:,.0f} a second; "
          f"{total('broken')} broken, {total('refused')} refused")
    return started


def wait_until_ready(port):
    for _ in range(300):
        try:
            if urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit(f"the node of port {port} does not become ready; see {load.RUN}")


def measure(options):
    seen = {name: [] for name, *_ in CASES}
    for _ in range(options.rounds):
        for name, port, _ in CASES:
            result = load.wrk(port, "high", None, options.seconds)
            if result["broken"] or result["refused"]:
                print(f"{name}: {result['broken']} broken, {result['refused']} refused", file=sys.stderr)
            seen[name].append(result)
    return seen


def report(seen):
    middle = lambda name, of: statistics.median(of(result) for result in seen[name])
    rate = lambda name: middle(name, lambda r: r["requests"] / (r["micros"] / 1e6))
    print("| case | requests/s | ratio | to | p50 / p99 ms |\n|---|---|---|---|---|")
    for name, _, base in CASES:
        print(f"| {name} | {rate(name):,.0f} | {rate(name) / rate(base or name):.2f} | {base or 'itself'} | "
              f"{middle(name, lambda r: r['p50']) / 1000:.2f} / {middle(name, lambda r: r['p99']) / 1000:.2f} |")


if __name__ == "__main__":
    main()
