#!/usr/bin/env python3
"""Memory and start time of Keyward with many keys, in SQLite or in PostgreSQL.

    bench/million.py [--keys 1000000] [--postgres]

Builds Keyward in release mode, imports the keys (each with a site, a network and a limit), starts `keyward serve`, and tells
how long it takes until /readyz says 200, how much memory is resident then, and after 100,000 requests over all keys. PostgreSQL is a
server of its own (Debian: postgresql), without settings beyond the package's; in the end it is stopped, and Keyward starts from
its snapshot on disk.
"""
import argparse, hashlib, json, os, pathlib, shutil, signal, socket, subprocess, sys, time, urllib.request
import nodes

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUN = ROOT / "bench" / "run-million"
KEYWARD = ROOT / "target/release/keyward"
CONFIG = """
[database]
url = "sqlite:keyward.db"
[gateway]
listen = "127.0.0.1:9300"
[[gateway.upstreams]]
name = "default"
url = "http://127.0.0.1:9399"
[console]
listen = "127.0.0.1:9301"
[ops]
listen = "127.0.0.1:9302"
[log]
access = false
"""


def run(*command):
    """The seconds that a command takes, and the MiB that it has at most."""
    began = time.monotonic()
    with open(RUN / "command.log", "w+") as log:
        process = subprocess.Popen([KEYWARD, *command], cwd=RUN, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            log.seek(0)
            sys.exit(f"{' '.join(command)}\n{log.read()}")
    return time.monotonic() - began, used.ru_maxrss / 1024


def ready():
    try:
        return urllib.request.urlopen("http://127.0.0.1:9302/readyz", timeout=1).status == 200
    except OSError:
        return False


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024


def requests(keys, count):
    """Pipelined requests for a site that the keys do not have: each is looked up and refused by the gateway itself."""
    with socket.create_connection(("127.0.0.1", 9300)) as connection:
        stream = connection.makefile("rb")
        for start in range(0, count, 50):
            batch = "".join(f"GET /api/none/x HTTP/1.1\r\nhost: x\r\nx-api-key: {key(n * 7919 % keys)}\r\n\r\n"
                            for n in range(start, start + 50))
            connection.sendall(batch.encode())
            for _ in range(50):
                length = 0
                assert stream.readline().startswith(b"HTTP/1.1 403")
                while (line := stream.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                stream.read(length)


def key(number):
    return "million-" + hashlib.sha256(str(number).encode()).hexdigest()[:40]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "-p", "keyward"], cwd=ROOT, check=True)
    shutil.rmtree(RUN, ignore_errors=True)
    RUN.mkdir()
    config = CONFIG
    if options.postgres:
        config = config.replace("[gateway]\n", '[replica]\nsnapshot = "replica.snapshot"\n[gateway]\nmax_staleness = "1h"\n')
    with nodes.database(RUN, options.postgres) as (url, size):
        (RUN / "keyward.toml").write_text(config.replace("sqlite:keyward.db", url))
        measure(options.keys, size)
    if options.postgres:
        took, memory = start(lambda _: None)
        print(f"| start to ready from the snapshot | {took:.2f} s |\n| resident then | {memory:.0f} MiB |")
    shutil.rmtree(RUN)


def start(use):
    """Starts it, uses it, ends it: the seconds until it was ready, and the MiB that were resident then."""
    began = time.monotonic()
    log = open(RUN / "serve.log", "wb")
    server = subprocess.Popen([KEYWARD, "serve"], cwd=RUN, stdout=log, stderr=log)
    try:
        while not ready():
            if server.poll() is not None or time.monotonic() - began > 120:
                sys.exit(f"Keyward did not become ready; see {RUN / 'serve.log'}")
            time.sleep(0.01)
        took, memory = time.monotonic() - began, resident(server.pid)
        use(server.pid)
        return took, memory
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def measure(keys, size):
    run("init", "--no-token")
    run("users", "create", "bench@example.com")
    for site in range(100):
        run("sites", "create", f"s{site}")
    with open(RUN / "import.jsonl", "w") as file:
        for number in range(keys):
            row = {"owner": "bench@example.com", "name": f"k{number}", "sites": {"only": [f"s{number % 100}"]},
                   "addresses": {"only": ["192.0.2.0/24"]}, "limit": {"per_minute": 60}, "secret": key(number)}
            file.write(json.dumps(row) + "\n")
    took, most = run("import", "import.jsonl", "--format", "jsonl")
    text = (RUN / "import.jsonl").stat().st_size / 2**20
    after_use = []

    def use(pid):
        requests(keys, 100_000)
        after_use.append(resident(pid))

    started, after_start = start(use)
    print("| what | figure |\n|---|---|")
    print(f"| keys | {keys:,} |\n| import from JSON lines | {took:.1f} s |\n| most memory of the import | {most:.0f} MiB, of which {text:.0f} MiB the file |\n| database | {size() / 2**20:.0f} MiB |")
    print(f"| start to ready | {started:.2f} s |\n| resident when ready | {after_start:.0f} MiB |")
    print(f"| resident after 100,000 requests | {after_use[0]:.0f} MiB |")


if __name__ == "__main__":
    main()
