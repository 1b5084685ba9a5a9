#!/usr/bin/env python3
"""What a flood of sign-ins at the console does to requests at the gateway: the same load without it and with it, in turns.

    bench/sign_in.py [--rounds 5] [--seconds 4] [--sign-ins 1000]

Needs nginx and wrk as bench/load.py does. Keyward, the console's hashing with it, has core 0; wrk, the upstream and those who sign
in share core 1. All sign-ins of a round are sent at once, with a wrong password, which costs as much as a right one.
"""
import argparse, asyncio, os, shutil, signal, statistics, subprocess, threading
import load

CONSOLE = 9201
PASSWORD = "a long and rare password 7"


async def ask(path, fields):
    """Sends a form as a browser would, and gives the status; 0 when the connection was closed."""
    body = "&".join(f"{name}={value.replace(' ', '+').replace('@', '%40')}" for name, value in fields.items())
    head = (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{CONSOLE}\r\nOrigin: http://127.0.0.1:{CONSOLE}\r\n"
            f"Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n")
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", CONSOLE)
        writer.write((head + body).encode())
        line = await reader.readline()
        await reader.read()
        writer.close()
        return int(line.split()[1]) if line else 0
    except OSError:
        return 0


async def flood(count):
    # Different people, so that the slowing of one account does not spare the work.
    tries = [ask("/sign-in", {"email": f"nobody{n}@example.com", "password": PASSWORD}) for n in range(count)]
    return await asyncio.gather(*tries)


def measure(seconds, sign_ins):
    told = {}
    if sign_ins:
        def run():
            os.sched_setaffinity(0, {int(load.LOAD_CORE)})
            for status in asyncio.run(flood(sign_ins)):
                told[status] = told.get(status, 0) + 1
        beside = threading.Thread(target=run)
        timer = threading.Timer(0.5, beside.start)
        timer.start()
    result = load.wrk(9200, "high", None, seconds)
    if sign_ins:
        timer.join()
        beside.join()
    return result["p50"] / 1000, result["p99"] / 1000, told


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--sign-ins", type=int, default=1000)
    options = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "-p", "keyward"], cwd=load.ROOT, check=True)
    shutil.rmtree(load.RUN, ignore_errors=True)
    load.RUN.mkdir()
    load.write_keys()
    upstream = (load.HERE / "peers/upstream.conf").read_text().replace("@RUN@", str(load.RUN))
    (load.RUN / "upstream.conf").write_text(upstream)
    keyward = load.ROOT / "target/release/keyward"
    load.run(keyward, "init", "--no-token")
    (load.RUN / "keyward.toml").write_text(load.CONFIG)
    load.run(keyward, "users", "create", "bench@example.com")
    for site in range(100):
        load.run(keyward, "sites", "create", f"s{site}")
    load.run(keyward, "import", "import.jsonl", "--format", "jsonl")
    servers = [
        load.start(load.LOAD_CORE, "nginx", "-c", load.RUN / "upstream.conf"),
        load.start(load.SERVER_CORE, keyward, "serve", "--config", load.RUN / "keyward.toml"),
    ]
    quiet, loud, answers = [], [], {}
    try:
        for port in (9000, 9200, CONSOLE):
            load.wait_for(port)
        measure(1, 0)
        for _ in range(options.rounds):
            quiet.append(measure(options.seconds, 0)[:2])
            *times, told = measure(options.seconds, options.sign_ins)
            loud.append(times)
            for status, count in told.items():
                answers[status] = answers.get(status, 0) + count
    finally:
        for server in servers:
            server.send_signal(signal.SIGTERM)
        for server in servers:
            server.wait(20)
    report(quiet, loud, answers)


def report(quiet, loud, answers):
    median = lambda rows: [statistics.median(column) for column in zip(*rows)]
    (q50, q99), (l50, l99) = median(quiet), median(loud)
    print("| | p50 ms | p99 ms |\n|---|---|---|")
    print(f"| without sign-ins | {q50:.2f} | {q99:.2f} |\n| with sign-ins | {l50:.2f} | {l99:.2f} |")
    print(f"| ratio | {l50 / q50:.2f} | {l99 / q99:.2f} |\n\nanswers to sign-ins (0: closed at once): {answers}")


if __name__ == "__main__":
    main()
