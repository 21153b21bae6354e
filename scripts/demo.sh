#!/bin/bash
# Shows unmodified programs as traces: curl, the sqlite3 shell and CPython run
# under the preload against a web server on this machine. Nothing leaves it.
set -eu
cd "$(dirname "$0")/.."
BUILD=$(realpath "${BUILD:-build}")
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

bold='' dim='' plain=''
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
fi
say() { printf '\n%s%s%s\n' "$bold" "$1" "$plain" >&2; }
note() { printf '%s%s%s\n' "$dim" "$1" "$plain" >&2; }
# Shows a command as one types it, then runs it with the traces on stderr.
traced() {
    printf '%s\n' "$ otelshim run --console -- $1" >&2
    (cd "$work" && "$BUILD/otelshim" run --console -- bash -c "$1") || true
}

# The program is a server and stays untraced: what follows is its clients' view.
cat >"$work/server.py" <<'PYTHON'
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def log_message(self, *args): pass
    def do_GET(self):
        if self.path == "/old": status, body, more = 302, b"", {"Location": "/prices"}
        elif self.path == "/missing": status, body, more = 404, b"no such page\n", {}
        else:
            time.sleep(0.02)
            status, body, more = 200, b"apple 3\npear 4\n", {}
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **more}.items(): self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
PYTHON
/usr/bin/python3 "$work/server.py" >"$work/port" &
server=$!
for _ in $(seq 100); do
    [ -s "$work/port" ] && break
    sleep 0.05
done
port=$(cat "$work/port")
web=http://127.0.0.1:$port

cat >"$work/prices.py" <<'PYTHON'
import sqlite3, subprocess, sys
text = subprocess.run(["curl", "-s", sys.argv[1]], capture_output=True, text=True).stdout
db = sqlite3.connect("shop.db")
db.execute("CREATE TABLE IF NOT EXISTS price (what TEXT PRIMARY KEY, cents INTEGER)")
db.executemany("INSERT OR REPLACE INTO price VALUES (?, ?)", [line.split() for line in text.splitlines()])
db.commit()
print("sum:", db.execute("SELECT sum(cents) FROM price").fetchone()[0])
PYTHON

say "1. One curl, three addresses: a redirect, a page, and one that is missing"
note "Below the program's own output stands its trace: one line per operation, with what it took."
traced "curl -s -L $web/old $web/prices $web/missing"

say "2. The sqlite3 shell: literals never leave the process, only the statement's shape"
traced "sqlite3 shop.db \"CREATE TABLE price(what TEXT PRIMARY KEY, cents INTEGER); INSERT INTO price VALUES('plum', 9); INSERT INTO price VALUES('plum', 9);\""

say "3. A Python script that runs curl and stores what came in SQLite: two programs, one trace"
traced "/usr/bin/python3 prices.py $web/prices"

say "4. A shell pipeline is one trace, too"
traced "curl -s $web/prices | sort | while read -r what cents; do sqlite3 shop.db \"SELECT '\$what', cents - \$cents FROM price WHERE what = '\$what'\"; done"

say "Your own program"
cat >&2 <<EOF
    build/otelshim run --console -- ./app      traces on stderr, no collector needed
    LD_PRELOAD=$BUILD/libotelshim.so ./app
                                               traces as OTLP to localhost:4318
EOF
