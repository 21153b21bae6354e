#!/bin/bash
# Shows unmodified programs as traces, on this machine alone: the first scene is
# programs that ask (curl, the sqlite3 shell, CPython, a pipeline), the second
# servers (nginx with TLS, a Python application). Nothing leaves the machine.
set -eu
cd "$(dirname "$0")/.."
BUILD=$(realpath "${BUILD:-build}")
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ ! -s "$work/nginx.pid" ] || kill "$(cat "$work/nginx.pid")" 2>/dev/null || true
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
    # shellcheck disable=SC2086  # options, for the test that wants the spans as well
    (cd "$work" && "$BUILD/otelshim" run ${DEMO_OPTIONS:-} --console -- bash -c "$1") || true
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

# The second scene: servers. shop.py knows nothing of HTTP clients in front of it or of traces.
cat >"$work/shop.py" <<'PYTHON'
import http.server, signal, socketserver, sqlite3, sys, urllib.parse
class Shop(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        what = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["what"][0]
        row = sqlite3.connect("shop.db").execute("SELECT cents FROM price WHERE what = ?", [what]).fetchone()
        body = b"%s costs %d\n" % (what.encode(), row[0]) if row else b"no such thing\n"
        self.send_response(200 if row else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Shop)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
print("ready", flush=True)
server.serve_forever()
PYTHON
read -r shop_port tls_port <<PORTS
$(/usr/bin/python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in held))')
PORTS
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
cat >"$work/nginx.conf" <<NGINX
pid $work/nginx.pid; error_log $work/nginx.log; worker_processes 1;
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
events { }
http {
    access_log off;
    client_body_temp_path $work/body; proxy_temp_path $work/proxy; fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
    server {
        listen 127.0.0.1:$tls_port ssl; ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem;
        location / { proxy_pass http://127.0.0.1:$shop_port; }
    }
}
NGINX
# Servers first, then one request through all of them. (The pipe from shop.py is a clock that costs
# no process: nothing more comes out of it.)
cat >"$work/shop.sh" <<'SHELL'
exec 3< <(exec /usr/bin/python3 shop.py "$1"); shop=$!; read -r -u 3 _
nginx -p . -c "$PWD/nginx.conf" -g 'daemon off;' & nginx=$!
until { exec 4<>"/dev/tcp/127.0.0.1/$2"; } 2>/dev/null; do read -r -t 0.05 -u 3 _ || :; done
curl -s --cacert cert.pem "https://localhost:$2/price?what=pear"
kill "$nginx" "$shop"; wait "$nginx" "$shop"
SHELL

say "5. Servers: curl, nginx with TLS in front, a Python application behind it, SQLite. One trace"
traced "bash shop.sh $shop_port $tls_port"

say "Your own program"
cat >&2 <<EOF
    build/otelshim run --console -- ./app      traces on stderr, no collector needed
    LD_PRELOAD=$BUILD/libotelshim.so ./app
                                               traces as OTLP to localhost:4318
EOF
