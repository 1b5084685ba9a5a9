#!/usr/bin/env python3
"""How long the server takes for the console's pages when there are many keys.

    bench/pages.py [--keys 1000 100000] [--rounds 15] [--postgres]

Builds Keyward in release mode, imports the keys (owners, sites, networks and limits of every kind), signs in as an
administrator, and asks for the list in every order and through every filter. Each page is asked for in turns with one that
reads no keys (the account page); figures are medians of the time from the request to the last byte.
"""
import argparse, http.client, json, pathlib, shutil, signal, statistics, subprocess, sys, time, urllib.parse, urllib.request
import nodes

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUN = ROOT / "bench" / "run-pages"
KEYWARD = ROOT / "target/release/keyward"
PASSWORD = "a long and rare password 7"
CONFIG = """
[database]
url = "sqlite:keyward.db"
[gateway]
listen = "127.0.0.1:9400"
[[gateway.upstreams]]
name = "default"
url = "http://127.0.0.1:9499"
[console]
listen = "127.0.0.1:9401"
[ops]
listen = "127.0.0.1:9402"
[log]
access = false
"""
LIST = "/integrations/keys"
PAGES = [
    ("the list", LIST),
    ("its last page", LIST + "?page=LAST"),
    ("by name", LIST + "?sort=name"),
    ("by last use", LIST + "?sort=-last_used"),
    ("by expiry", LIST + "?sort=expires"),
    ("search by name", LIST + "?q=worker-77"),
    ("search by owner", LIST + "?q=person7%40"),
    ("of one site", LIST + "?site=s7"),
    ("disabled", LIST + "?status=disabled"),
    ("health", "/integrations/health"),
    ("never used", LIST + "?mark=never_used"),
]


def run(*command, **more):
    done = subprocess.run([KEYWARD, *command], cwd=RUN, capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def rows(count):
    for number in range(count):
        row = {"owner": f"person{number % 50}@example.com", "name": f"worker-{number}", "secret": f"old-{number:032}",
               "sites": {"only": [f"s{number % 100}"]}, "limit": {"per_minute": 60 + number % 1000}, "status": "active" if number % 10 else "disabled"}
        if number % 2:
            row["addresses"] = {"only": ["192.0.2.0/24"]}
        if number % 3:
            row["expires_at"] = {"at": f"20{30 + number % 40}-01-01T00:00:00Z"}
        yield json.dumps(row) + "\n"


def prepare(count, url):
    """A folder with so many keys, and a Keyward that runs in it; gives its process and the link for the first administrator."""
    shutil.rmtree(RUN, ignore_errors=True)
    RUN.mkdir()
    (RUN / "keyward.toml").write_text(CONFIG.replace("sqlite:keyward.db", url))
    run("init", "--no-token")
    for person in range(50):
        run("users", "create", f"person{person}@example.com")
    for site in range(100):
        run("sites", "create", f"s{site}")
    (RUN / "import.jsonl").write_text("".join(rows(count)))
    run("import", "import.jsonl", "--format", "jsonl")
    link = json.loads(run("--json", "init", "--new-token"))["link"]
    server = subprocess.Popen([KEYWARD, "serve"], cwd=RUN, stdout=subprocess.DEVNULL)
    for _ in range(600):
        try:
            if urllib.request.urlopen("http://127.0.0.1:9402/readyz", timeout=1).status == 200:
                return server, link
        except OSError:
            time.sleep(0.1)
    sys.exit("not ready within a minute")


def ask(connection, method, path, cookie="", fields=None):
    headers = {"Cookie": cookie, "Origin": "http://127.0.0.1:9401", "Content-Type": "application/x-www-form-urlencoded"}
    body = urllib.parse.urlencode(fields) if fields else None
    began = time.perf_counter()
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    return answer, text, (time.perf_counter() - began) * 1000


def sign_in(connection, link):
    fields = {"email": "admin@example.com", "name": "Ada", "password": PASSWORD, "again": PASSWORD}
    answer, text, _ = ask(connection, "POST", urllib.parse.urlparse(link).path, fields=fields)
    cookies = [value.split(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie"]
    return "; ".join(cookies) if answer.status == 303 else sys.exit(f"set-up: {answer.status} {text[:400]}")


def measure(connection, cookie, path, rounds):
    times, plain, size = [], [], 0
    for _ in range(rounds):
        answer, text, took = ask(connection, "GET", path, cookie)
        answer.status == 200 or sys.exit(f"{path}: {answer.status}")
        times.append(took)
        size = len(text)
        plain.append(ask(connection, "GET", "/account", cookie)[2])
    return statistics.median(times), statistics.median(plain), size


def measure_all(count, url, rounds):
    figures = {}
    server, link = prepare(count, url)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", 9401)
        cookie = sign_in(connection, link)
        for name, path in PAGES:
            path = path.replace("LAST", str((count + 49) // 50))
            figures[count, name] = measure(connection, cookie, path, rounds)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "-p", "keyward"], cwd=ROOT, check=True)
    figures = {}
    for count in options.keys:
        with nodes.database(RUN, options.postgres) as (url, _):
            figures |= measure_all(count, url, options.rounds)
    print("| page | " + " | ".join(f"{count:,} keys: ms | account page = 1 | KiB" for count in options.keys) + " |")
    print("|---|" + "---|---|---|" * len(options.keys))
    for name, _ in PAGES:
        cells = [figures[count, name] for count in options.keys]
        print(f"| {name} | " + " | ".join(f"{ms:.1f} | {ms / plain:.1f} | {size / 1024:.0f}" for ms, plain, size in cells) + " |")


if __name__ == "__main__":
    main()
