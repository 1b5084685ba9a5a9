#!/usr/bin/env python3
"""What a line of the audit log and a minute of usage take in SQLite and in PostgreSQL, and how long PostgreSQL needs for filters of the log.

    bench/audit.py [--lines 300000]

Fills the tables of a new database by SQL, with lines as changes of keys make them (one in ten makes a key) and with the minutes of 2,000
keys, each of which is counted up once, as by the flush after the one that made it. The filters are asked with the store's
own conditions. Needs Debian's postgresql, and no build.
"""
import argparse, itertools, pathlib, random, sqlite3, subprocess, tempfile, time
import nodes

ROOT = pathlib.Path(__file__).resolve().parent.parent
START, EACH = 1_760_000_000_000, 20_000
EDITED = '{"name":"Key of the build server","limit":{"per_minute":60}}'
MADE = ('{"name":"Key of the build server","description":"","owner":"01a20ac5-7964-7a6e-b7ce-9ab43a252200","use_case":"rest-api",'
        '"hint":"kw_…abcd","status":"active","expires_at":"never","sites":{"only":["s1"]},"addresses":"any",'
        '"limit":{"per_minute":60}}')
ODD = "(SELECT id FROM audit WHERE abs(at - ('x' || encode(substr(id, 1, 6), 'hex'))::bit(48)::bigint) > 60000 ORDER BY id "


def steps(database):
    return [path.read_text() for path in sorted((ROOT / "crates/store/migrations" / database).glob("*.sql"))]


def bound(millis):
    return f"'\\x{millis.to_bytes(6, 'big').hex()}{'00' * 10}'::bytea"


def sqlite(lines, minutes):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "keyward.db"
        database = sqlite3.connect(path)
        for step in steps("sqlite"):
            database.executescript(step)
        sizes = [path.stat().st_size]
        rows = ((*audit(n), "key", f"01a20ac5-7964-7a6e-b7ce-{n % 100_003:012x}", None, None if n % 10 == 0 else EDITED,
                 MADE if n % 10 == 0 else EDITED) for n in range(lines))
        while portion := list(itertools.islice(rows, 500)):
            database.executemany("INSERT INTO audit VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", portion)
            database.commit()
        sizes.append(path.stat().st_size)
        keys = [random.randbytes(16) for _ in range(2000)]
        for minute in range(minutes):
            random.shuffle(keys)
            database.executemany("INSERT INTO usage VALUES (?, 60000, ?, 'granted', 5)", [(key, START + minute * 60_000) for key in keys])
            database.commit()
        sizes.append(path.stat().st_size)
        database.close()
        return (sizes[1] - sizes[0]) / lines, (sizes[2] - sizes[1]) / (2000 * minutes)


def audit(n):
    at = START + n * EACH
    identity = at.to_bytes(6, "big") + b"\x70\0\x80\0" + n.to_bytes(6, "big")
    return identity, at, "user", (n % 997 + 1).to_bytes(16, "big"), None, "192.0.2.1", "key.create" if n % 10 == 0 else "key.edit"


def postgres(lines, minutes):
    with nodes.database(pathlib.Path("."), True) as (url, _):
        def ask(*statements):
            command = ["psql", url, "-XqAt", "-v", "ON_ERROR_STOP=1", *(f"--command={one}" for one in statements)]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout

        for step in steps("postgres"):
            subprocess.run(["psql", url, "-Xq", "-v", "ON_ERROR_STOP=1"], input=step, check=True, text=True)
        ask(f"""INSERT INTO audit SELECT decode(lpad(to_hex(at), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'), 'hex'), at, 'user',
                decode(lpad(to_hex(n % 997 + 1), 32, '0'), 'hex'), NULL, '192.0.2.1', CASE WHEN n % 10 = 0 THEN 'key.create' ELSE 'key.edit' END,
                'key', '01a20ac5-7964-7a6e-b7ce-' || lpad(to_hex(n::bigint * 7919 % 100003), 12, '0'),
                CASE WHEN n % 50000 = 7 THEN 'forbidden' END, CASE WHEN n % 10 <> 0 THEN '{EDITED}' END,
                CASE WHEN n % 10 = 0 THEN '{MADE}' ELSE '{EDITED}' END
                FROM generate_series(1, {lines}) n, LATERAL (SELECT {START} + n::bigint * {EACH} AS at) AS placed""")
        line = int(ask("SELECT pg_total_relation_size('audit')")) / lines
        for minute in range(minutes):
            start = START + minute * 60_000
            ask(f"INSERT INTO usage SELECT decode(md5(n::text), 'hex'), 60000, {start}, 'granted', 5 FROM generate_series(1, 2000) n",
                f"UPDATE usage SET count = count + 1 WHERE start = {start}")
        usage = int(ask("SELECT pg_total_relation_size('usage')")) / (2000 * minutes)
        ask("VACUUM ANALYZE")
        middle, late = START + lines // 2 * EACH, START + (lines - 5) * EACH
        filters = {
            "an action that is not there": "action = 'site.create'",
            "a thing": "target_id = '01a20ac5-7964-7a6e-b7ce-000000000007'",
            "a kind that is not there": "target_kind = 'site'",
            "denied": "denied IS NOT NULL",
            "until the middle": f"at < {middle} AND id <= greatest({bound(middle + 60_001)}, {ODD} DESC LIMIT 1))",
            "since a minute": f"at >= {late} AND id >= least({bound(late - 60_000)}, {ODD} LIMIT 1))",
        }
        times = {}
        for name, condition in filters.items():
            plan = f"EXPLAIN (ANALYZE, TIMING OFF) SELECT * FROM audit WHERE {condition} ORDER BY id DESC LIMIT 51"
            runs = [float(ask(plan).rsplit("Execution Time: ", 1)[1].split()[0]) for _ in range(5)]
            times[name] = sorted(runs)[2]
        return line, usage, times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=300_000)
    options = parser.parse_args()
    (line, minute), (line_there, minute_there, times) = sqlite(options.lines, 100), postgres(options.lines, 100)
    print("| bytes | SQLite | PostgreSQL |\n|---|---|---|")
    print(f"| a line of the audit log | {line:.0f} | {line_there:.0f} |\n| a minute of a key | {minute:.0f} | {minute_there:.0f} |")
    print(f"\n| filter of {options.lines:,} lines | ms |\n|---|---|")
    for name, took in times.items():
        print(f"| {name} | {took:.1f} |")


if __name__ == "__main__":
    main()
