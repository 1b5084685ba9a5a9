#!/usr/bin/env python3
"""What a flood of sign-ins at the console does to requests at the gateway: the same load without it and with it, in turns.

    bench/sign_in.py [--rounds 5] [--seconds 4] [--sign-ins 1000] [--cores 0,1]

Needs nginx and wrk as bench/load.py does. Keyward, the console's hashing with it, has the cores that are named; wrk, the upstream
and those who sign in share core 1. All sign-ins of a round are sent at once, with a wrong password, which costs as much as a right one.
"""
import argparse, os, select, shutil, signal, socket, statistics, subprocess, threading
import load

CONSOLE = 9201
PASSWORD = "a long and rare password 7"
# A port, and the pause of each of the 64 connections before a request, in milliseconds. The upstream shares no core with
# Keyward: what the sign-ins do to it is what they do to the core of the load, and no fault of Keyward's.
LOADS = [
    ("gateway, a part of what it can do", 9200, 5),
    ("gateway, all that it can do", 9200, 0),
    ("upstream alone, all that it can do", 9000, 0),
]


def request(number):
    """The form of a sign-in, as a browser sends it. Different people, so that the slowing of one spares no work."""
    body = f"email=nobody{number}%40example.com&password={PASSWORD.replace(' ', '+')}"
    return (f"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{CONSOLE}\r\nOrigin: http://127.0.0.1:{CONSOLE}\r\n"
            f"Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
            f"{body}").encode()


def flood(count):
    """Opens all connections, then sends on all of them, then reads; with as little work as can be, for it shares a core
    with the load. Counts the answers by status; 0 is a connection that was closed without one."""
    requests = [request(number) for number in range(count)]
    waiting, told = select.epoll(), {}
    people = {}
    for number in range(count):
        person = socket.socket()
        person.setblocking(False)
        person.connect_ex(("127.0.0.1", CONSOLE))
        people[person.fileno()] = (person, requests[number])
        waiting.register(person, select.EPOLLOUT)
    answers = dict.fromkeys(people, b"")
    while people:
        for fd, _ in waiting.poll():
            person, text = people[fd]
            try:
                if text:
                    person.send(text)
                    people[fd] = (person, None)
                    waiting.modify(fd, select.EPOLLIN)
                    continue
                piece = person.recv(65536)
            except OSError:
                piece = b""
            answers[fd] += piece
            if not piece:
                status = int(answers[fd][9:12] or 0)
                told[status] = told.get(status, 0) + 1
                person.close()
                del people[fd]
    return told


def measure(port, pause, seconds, sign_ins):
    """p50 and p99 of requests at the gateway in milliseconds, and the answers to the sign-ins."""
    told = {}
    if sign_ins:
        def run():
            os.sched_setaffinity(0, {int(load.LOAD_CORE)})
            # What is measured is Keyward, not how wrk and this program share their core.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
            told.update(flood(sign_ins))
        beside = threading.Timer(0.5, run)
        beside.start()
    os.environ["PAUSE_MS"] = str(pause)
    result = load.wrk(port, "high", None, seconds)
    if sign_ins:
        beside.join()
    return result["p50"] / 1000, result["p99"] / 1000, result["requests"] / seconds, told


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--sign-ins", type=int, default=1000)
    parser.add_argument("--cores", default="0,1")
    options = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "-p", "keyward"], cwd=load.ROOT, check=True)
    servers = start_servers(options.cores)
    table = []
    try:
        for port in (9000, 9200, CONSOLE):
            load.wait_for(port)
        measure(9200, 0, 1, 0)
        for name, port, pause in LOADS:
            table.append((name, *compare(port, pause, options)))
    finally:
        for server in servers:
            server.send_signal(signal.SIGTERM)
        for server in servers:
            server.wait(20)
    report(table)


def start_servers(cores):
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
    return [
        load.start(load.LOAD_CORE, "nginx", "-c", load.RUN / "upstream.conf"),
        load.start(cores, keyward, "serve", "--config", load.RUN / "keyward.toml"),
    ]


def compare(port, pause, options):
    """The same load without and with the sign-ins, in turns: the medians, that of the ratio of p99 between neighbours (a
    machine that others use too changes within a minute), and the answers to the sign-ins."""
    quiet, loud, answers = [], [], {}
    for _ in range(options.rounds):
        quiet.append(measure(port, pause, options.seconds, 0)[:3])
        *figures, told = measure(port, pause, options.seconds, options.sign_ins)
        loud.append(figures)
        for status, count in told.items():
            answers[status] = answers.get(status, 0) + count
    median = lambda rows: [statistics.median(column) for column in zip(*rows)]
    ratio = statistics.median(with_them[1] / without[1] for without, with_them in zip(quiet, loud))
    return median(quiet), median(loud), ratio, answers


def report(table):
    print("| load | requests/s | p50 ms | p99 ms | with sign-ins: p50 | p99 | ratio of p99 |\n|---|---|---|---|---|---|---|")
    for name, (q50, q99, rate), (l50, l99, _), ratio, _ in table:
        print(f"| {name} | {rate:,.0f} | {q50:.2f} | {q99:.2f} | {l50:.2f} | {l99:.2f} | {ratio:.2f} |")
    for name, *_, answers in table:
        print(f"\nanswers to sign-ins, {name} (0: closed at once): {answers}")


if __name__ == "__main__":
    main()
