#!/usr/bin/env python3
"""Decisions a second that proxies get, over HTTP and by gRPC, beside what the gateway answers by itself, all in one run.

    bench/authz.py [--rounds 5] [--seconds 4] [--only PATTERN] [--binary target/release/keyward]

Needs h2load (Debian: nghttp2-client). Uses a Keyward that is built: `cargo build --release -p keyward` makes it. Keyward has
core 0 to itself, with one worker for each plane; h2load has core 1. The cases take turns; the figure of a case is its
median. That decisions were made, and passes, is read from Keyward's own counter.
"""
import argparse, json, os, pathlib, re, shutil, signal, socket, statistics, subprocess, sys, tempfile, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
GATEWAY, CONSOLE, OPS, AUTHZ = 9200, 9201, 9202, 9203
SECRET = "ak-" + "7Qm2Vx9Kc4" * 4
TICKS = os.sysconf("SC_CLK_TCK")

CONFIG = f"""
[database]
url = "sqlite:keyward.db"
[gateway]
listen = "127.0.0.1:{GATEWAY}"
workers = 1
[[gateway.upstreams]]
name = "default"
url = "http://127.0.0.1:1"
[authz]
listen = "127.0.0.1:{AUTHZ}"
proxies = ["127.0.0.1"]
[console]
listen = "127.0.0.1:{CONSOLE}"
[ops]
listen = "127.0.0.1:{OPS}"
[log]
access = false
level = "warn"
"""

KEY = {"X-API-KEY": SECRET}
NGINX = {"X-Original-Method": "GET", "X-Original-URI": "/api/s1/x?y=z", "X-Original-Host": "api.example.com",
         "X-Original-Address": "127.0.0.1"}
FORWARD = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/api/s1/x?y=z", "X-Forwarded-Host": "api.example.com",
           "X-Forwarded-For": "127.0.0.1"}
GRPC = {"content-type": "application/grpc", "te": "trailers"}
CHECK = "/envoy.service.auth.v3.Authorization/Check"

# name, HTTP/2, port, path, fields, whether decisions are counted, what it is compared with
CASES = [
    ("gateway, /keyward/self, HTTP/1.1", False, GATEWAY, "/keyward/self", KEY, False, None),
    ("authz, nginx, HTTP/1.1", False, AUTHZ, "/authz/nginx", KEY | NGINX, True, "gateway, /keyward/self, HTTP/1.1"),
    ("authz, forward-auth, HTTP/1.1", False, AUTHZ, "/authz/forward-auth", KEY | FORWARD, True,
     "gateway, /keyward/self, HTTP/1.1"),
    ("authz, ext-authz, HTTP/1.1", False, AUTHZ, "/authz/ext-authz/api/s1/x?y=z",
     KEY | {"X-Forwarded-For": "127.0.0.1"}, True, "gateway, /keyward/self, HTTP/1.1"),
    ("gateway, /keyward/self, HTTP/2", True, GATEWAY, "/keyward/self", KEY, False, None),
    ("authz, forward-auth, HTTP/2", True, AUTHZ, "/authz/forward-auth", KEY | FORWARD, True,
     "gateway, /keyward/self, HTTP/2"),
    ("authz, ext_authz by gRPC", True, AUTHZ, CHECK, GRPC, True, "gateway, /keyward/self, HTTP/2"),
]


def field(number, value):
    """A field of protobuf with a length: a text, or a message that is made already."""
    data = value.encode() if isinstance(value, str) else value
    length, size = b"", len(data)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


def question():
    """A CheckRequest as Envoy sends it, in the frame of gRPC."""
    fields = {":method": "GET", ":path": "/api/s1/x?y=z", ":authority": "api.example.com", ":scheme": "http",
              "accept": "*/*", "user-agent": "curl/8.5.0", "x-api-key": SECRET, "x-forwarded-proto": "http",
              "x-forwarded-for": "127.0.0.1", "x-request-id": "8e3f1d2c-0000-4000-8000-000000000000"}
    header_map = b"".join(field(1, field(1, name) + field(3, value)) for name, value in fields.items())
    http = (field(1, "1") + field(2, "GET") + field(4, "/api/s1/x?y=z") + field(5, "api.example.com")
            + field(6, "http") + field(10, "HTTP/1.1") + field(13, header_map))
    source = field(1, field(1, field(2, "127.0.0.1")))
    message = field(1, field(1, source) + field(4, field(2, http)))
    return b"\0" + len(message).to_bytes(4, "big") + message


def granted():
    text = urllib.request.urlopen(f"http://127.0.0.1:{OPS}/metrics").read().decode()
    found = re.search(r'^keyward_decisions_total\{outcome="granted"\} (\d+)', text, re.M)
    return int(found.group(1)) if found else 0


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def load(case, body, seconds):
    """Requests that were answered 2xx, and requests a second."""
    _, http2, port, path, fields, _, _ = case
    command = ["taskset", "-c", "1", "h2load", "-t1", f"-D{seconds}", f"http://127.0.0.1:{port}{path}"]
    command += ["-c8", "-m16"] if http2 else ["--h1", "-c64", "-m1"]
    for name, value in fields.items():
        command += ["-H", f"{name}: {value}"]
    if fields is GRPC:
        command += ["-d", str(body)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"finished in [^,]+, ([0-9.]+) req/s", said).group(1))
    good = int(re.search(r"status codes: (\d+) 2xx", said).group(1))
    return good, rate


def measure(case, body, seconds, pid):
    before, used = granted(), cpu_seconds(pid)
    good, rate = load(case, body, seconds)
    used, passed = cpu_seconds(pid) - used, granted() - before
    # Some decisions are made whose answers h2load does not wait for.
    if good == 0 or (case[5] and passed < good):
        print(f"{case[0]}: {good} answers, {passed} passes: that is not what is measured", file=sys.stderr)
    return rate, used / max(good, 1) * 1e6


def prepare(binary, folder):
    def run(*command):
        subprocess.run([binary, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    run("init", "--no-token")
    (folder / "keyward.toml").write_text(CONFIG)
    run("users", "create", "bench@example.com")
    run("sites", "create", "s1")
    key = {"owner": "bench@example.com", "name": "bench", "secret": SECRET, "sites": {"only": ["s1"]},
           "addresses": {"only": ["127.0.0.0/8"]}, "limit": {"unlimited": True}}
    (folder / "import.jsonl").write_text(json.dumps(key) + "\n")
    run("import", "import.jsonl", "--format", "jsonl")
    (folder / "question.bin").write_bytes(question())


def wait_for(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens on port {port}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", default="")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/keyward")
    options = parser.parse_args()
    shutil.which("h2load") or sys.exit("h2load is missing: apt-get install nghttp2-client")
    binary = options.binary.resolve()
    binary.exists() or sys.exit(f"{binary} is missing: cargo build --release -p keyward")
    cases = [case for case in CASES if options.only in case[0]]
    seen = {case[0]: [] for case in cases}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        prepare(binary, folder)
        serve = ["taskset", "-c", "0", binary, "serve", "--config", folder / "keyward.toml"]
        server = subprocess.Popen(serve, cwd=folder, stdout=subprocess.DEVNULL)
        try:
            for port in (OPS, GATEWAY, AUTHZ):
                wait_for(port)
            body = folder / "question.bin"
            for case in cases:
                load(case, body, 1)
            for _ in range(options.rounds):
                for case in cases:
                    seen[case[0]].append(measure(case, body, options.seconds, server.pid))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(40)
    report(cases, seen)


def report(cases, seen):
    median = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in seen.items() if rows}
    print("| case | answers/s | ratio | to | CPU µs |\n|---|---|---|---|---|")
    for name, *_, base in cases:
        rate, cpu = median[name]
        ratio = f"{rate / median[base][0]:.2f}" if base in median else "1.00"
        print(f"| {name} | {rate:,.0f} | {ratio} | {base or 'itself'} | {cpu:.1f} |")


if __name__ == "__main__":
    main()
