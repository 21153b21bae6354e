"""Programs that run programs: one connected trace, whoever starts whom and how."""
import os
import subprocess
import threading

from harness import Failure, case


def one_trace(run):
    if len({s["trace_id"] for s in run.spans}) != 1:
        raise Failure("not one trace")


def shell(name, command, **options):
    options.setdefault("stdout", "(?i)hello")
    case(name, ["bash", "-c", command], check=one_trace, parallel=True, needs=["curl"], **options)


shell("pipeline", "curl -s $WEB/hello | cat | tr a-z A-Z", stdout="HELLO")
shell("pipeline_in_subshell", "( curl -s $WEB/hello | cat ); true")
case("xargs_parallel", ["xargs", "-P4", "-n1", "curl", "-s"], stdin="$WEB/hello\n" * 4, stdout="hello\nhello",
     check=one_trace, parallel=True, needs=["curl"])

for name, argv in {
        "env_i": ["env", "-i", "curl", "-s", "$WEB/hello"],
        "timeout_curl": ["timeout", "9", "curl", "-s", "$WEB/hello"],
        "python_subprocess": ["$PYTHON", "-c", "import subprocess, sys; subprocess.run(['curl', '-s', '$WEB/hello'])"],
        "perl_system": ["perl", "-e", "system('curl', '-s', '$WEB/hello') == 0 or die"],
        "find_exec": ["find", "list", "-exec", "curl", "-s", "$WEB/hello", ";"],
}.items():
    case(name, argv, stdout="hello", check=one_trace, files={"list": ""}, needs=["curl"])


# ---------------------------------------------------------------- git over http (libcurl-gnutls)
def make_repository(run):
    """A bare repository under nginx's root, packed for the dumb protocol."""
    root = os.path.join(run.nginx.dir, "root")
    bare = os.path.join(root, "repo.git")
    if os.path.exists(bare):
        return
    script = """set -e
        git init -q work; cd work; git config user.email a@b; git config user.name n
        for i in 1 2 3; do echo $i > file$i; git add .; git commit -qm "commit $i"; done
        cd ..; git clone -q --bare work repo.git; cd repo.git; git repack -qad; git update-server-info"""
    subprocess.run(["bash", "-c", script], cwd=root, check=True, stdin=subprocess.DEVNULL,
                   env={"PATH": os.environ["PATH"], "HOME": root, "GIT_CONFIG_NOSYSTEM": "1"})


def git_trace(run):
    one_trace(run)
    if not [s for s in run.spans if s["name"] == "git" and not s["parent_span_id"]]:
        raise Failure("no root span of git")
    by_id = {s["span_id"]: s for s in run.spans}
    gets = [s for s in run.spans if s["name"] == "GET"]
    if len(gets) < 3:
        raise Failure(f"{len(gets)} GET spans")
    for span in gets:
        if by_id[span["parent_span_id"]]["name"] != "git-remote-http":
            raise Failure(f"a GET under {by_id[span['parent_span_id']]['name']}")
    if len(gets) != len(run.nginx.seen()):
        raise Failure(f"{len(gets)} GET spans, {len(run.nginx.seen())} requests at the server")


case("git_clone_over_http", ["git", "clone", "-q", "$NGINX/repo.git", "copy"], web="nginx", prepare=make_repository,
     env={"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}, golden=None, check=git_trace, needs=["git"],
     timeout=60)


# ---------------------------------------------------------------- redis-server (jemalloc, BGSAVE forks)
def drive_redis(run):
    """Fills the server from outside, has it fork for BGSAVE, and ends it. A thread of the case."""
    def talk():
        import socket
        import time
        path = os.path.join(run.tmp, "redis.sock")
        deadline = time.monotonic() + 15
        while not os.path.exists(path) and time.monotonic() < deadline:
            time.sleep(0.02)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            f = s.makefile("rwb")

            def command(text):
                f.write(text.encode() + b"\r\n")
                f.flush()
                line = f.readline()
                if line.startswith(b"$") and line != b"$-1\r\n":
                    line = f.read(int(line[1:]) + 2)
                return line
            for i in range(500):
                command(f"SET key{i} value{i}")
            run.said = [command("BGSAVE")]
            while b"rdb_bgsave_in_progress:0" not in command("INFO persistence"):
                time.sleep(0.02)
            run.said.append(command("LASTSAVE").startswith(b":"))
            f.write(b"SHUTDOWN NOSAVE\r\n")
            f.flush()
            f.read()
    threading.Thread(target=talk, daemon=True).start()


def saved(run):
    if run.said != [b"+Background saving started\r\n", True]:
        raise Failure(f"redis said {run.said}")
    if not os.path.getsize(os.path.join(run.tmp, "dump.rdb")) > 1000:
        raise Failure("no dump.rdb")
    if run.spans:
        raise Failure("a server that only serves made spans")


case("redis_server_saves_in_the_background",
     ["redis-server", "--port", "0", "--unixsocket", "$TMP/redis.sock", "--save", "", "--dir", "$TMP",
      "--loglevel", "warning"],
     prepare=drive_redis, golden=None, check=saved, needs=["redis-server"], filter=lambda raw: b"",
     sanitized=False)  # jemalloc calls syscall() before the run-time is there
