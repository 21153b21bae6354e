#!/usr/bin/python3
"""
Starts servers, asks them the questions of a plan, stops them, and prints all
that a user of theirs can see: answers byte for byte, how each server ended,
what it wrote to its outputs and logs.

    drive.py PLAN.json

This program and its clients are never traced. Servers (and steps that say so)
get LD_PRELOAD from DRIVE_PRELOAD, and the OTEL_ variables of our environment;
the plan of the bare run and that of the run under the shim are the same.
http_case.py writes plans and says what stands in them.
"""
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

READY_TIMEOUT_S = 20   # a JVM under a sanitizer takes its time
STOP_TIMEOUT_S = 15
ANSWER_MAX = 1 << 20   # of an answer, so much is read
QUIET_S = 8            # without a byte for so long: the connection stays open
BEFORE_SHUT_S = 0.4
LOOKS = 8              # in that time
BEFORE_STOP_S = 0.1
# Apache lists methods in the order of a hash that is new in each process.
VARYING = re.compile(rb"(?im)^(Date|Expires|Last-Modified|Allow): [^\r\n]+")


def say(*parts):
    for part in parts:
        sys.stdout.buffer.write(part if isinstance(part, bytes) else part.encode())
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def environment(shim, more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "DRIVE_"))}
    if shim and os.environ.get("DRIVE_PRELOAD"):
        env.update({k: v for k, v in os.environ.items() if k.startswith("OTEL_")})
        env["LD_PRELOAD"] = os.environ["DRIVE_PRELOAD"]
    env.update(more)
    return env


class Server:
    def __init__(self, plan):
        self.plan, self.name = plan, plan["name"]
        self.outputs = [f"{self.name}.stdout", f"{self.name}.stderr"]
        with open(self.outputs[0], "wb") as out, open(self.outputs[1], "wb") as err:
            self.process = subprocess.Popen(
                plan["argv"], stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
                env=environment(plan.get("shim", True), plan.get("env", {})))
        for port in plan["ports"]:
            self.wait_until_ready(port)

    def wait_until_ready(self, port):
        deadline = time.monotonic() + READY_TIMEOUT_S
        while True:
            try:
                connect(port, 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    say(f"{self.name} does not start")
                    self.show()
                    raise SystemExit(1) from None
                time.sleep(0.02)

    def stop(self):
        if self.process.poll() is None and self.plan.get("stop") != "itself":
            self.process.send_signal(getattr(signal, "SIG" + self.plan.get("stop", "TERM")))
        try:
            say(f"== {self.name} ended with {self.process.wait(STOP_TIMEOUT_S)}")
        except subprocess.TimeoutExpired:
            say(f"== {self.name} does not end")
            self.kill()

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def show(self):
        if self.plan.get("quiet"):
            return
        for path in self.outputs + self.plan.get("logs", []):
            try:
                with open(path, "rb") as f:
                    text = f.read()
            except FileNotFoundError:
                text = b"(not there)\n"
            if text:
                for pattern, by in self.plan.get("hide", []):
                    text = re.sub(pattern.encode(), by.encode(), text)
                say(f"== {os.path.basename(path)}\n", text)


def connect(where, timeout):
    """A port of loopback (IPv4, or "6:PORT"), or the path of a Unix socket."""
    if isinstance(where, str) and where.startswith("/"):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(where)
        return s
    if isinstance(where, str) and where.startswith("6:"):
        return socket.create_connection(("::1", int(where[2:])), timeout)
    return socket.create_connection(("127.0.0.1", int(where)), timeout)


def ask(step):
    """Sends bytes as they stand (in pieces, if told), reads until the server closes."""
    data, out, how = step["ask"].encode("latin-1"), bytearray(), ""
    try:
        with connect(step["to"], QUIET_S) as plain, encrypted(plain, step) as s:
            size = step.get("pieces", len(data)) or 1
            # A thread writes, because a server may answer (and stop reading) before it has read all;
            # but a TLS session is no thing for two threads.
            writer = threading.Thread(target=send, args=(s, data, size))
            writer.start()
            if step.get("tls"):
                writer.join()
            how = receive(s, out, step, writer)
            writer.join()
    except OSError as error:
        how = f"({type(error).__name__})"
    if step.get("unsure") and how != "(still open)":
        return b"(answered or closed)"
    return bytes(out) + how.encode()


def encrypted(s, step):
    if s.family != socket.AF_UNIX:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not step.get("tls"):
        return s
    return ssl.create_default_context(cafile=step["tls"]).wrap_socket(s, server_hostname="localhost")


def receive(s, out, step, writer):
    """`shut`: the server waits for more than it gets. When all is written and it has been quiet for some looks (of
    which one is lost where the machine stops), it is told that there is no more."""
    shut, quiet = step.get("shut"), 0
    s.settimeout(BEFORE_SHUT_S / LOOKS if shut else QUIET_S)
    try:
        while len(out) < ANSWER_MAX:
            try:
                piece = s.recv(65536)
            except TimeoutError:
                if not shut:
                    return "(still open)"
                quiet = 0 if writer.is_alive() else quiet + 1
                if quiet == LOOKS:
                    s.shutdown(socket.SHUT_WR)
                    shut = False
                    s.settimeout(QUIET_S)
                continue
            if not piece:
                return "" if out else "(closed)"
            out += piece
            quiet = 0
        return "(and so on)"
    except ConnectionResetError:
        # Closed with bytes of ours unread, or not: who is first differs from run to run.
        return "" if out else "(closed)"
    except OSError as error:
        return f"({type(error).__name__})"


def send(s, data, size):
    try:
        for at in range(0, len(data), size):
            s.sendall(data[at:at + size])
    except OSError:
        pass


def run(step):
    done = subprocess.run(step["run"], env=environment(step.get("shim", False), step.get("env", {})),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=step.get("timeout", 60))
    out = done.stdout + done.stderr
    for pattern, by in step.get("hide", []):
        out = re.sub(pattern.encode(), by.encode(), out)
    return out + f"(exit {done.returncode})".encode()


def at_once(step):
    """Several questions at the same time; the answers in the order of the plan."""
    answers = [b""] * len(step["at_once"])

    def one(index, inner):
        time.sleep(inner.get("after_ms", 0) / 1000)
        answers[index] = f"- {inner['what']}\n".encode() + perform(inner, {})
    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(step["at_once"])]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return b"\n".join(answers)


def send_signal(step, servers):
    process = servers[step["server"]].process
    process.send_signal(getattr(signal, "SIG" + step["signal"]))
    time.sleep(step.get("settle_ms", 500) / 1000)
    return f"(signal {step['signal']})".encode()


def settled(path):
    """Until the collector has written nothing for a second: then all that was sent has arrived."""
    size = -1
    while os.path.exists(path) and os.path.getsize(path) != size:
        size = os.path.getsize(path)
        time.sleep(1)
    return b"(settled)"


def perform(step, servers):
    if "ask" in step:
        return VARYING.sub(rb"\1: (varies)", ask(step))
    if "run" in step:
        return VARYING.sub(rb"\1: (varies)", run(step))
    if "at_once" in step:
        return at_once(step)
    if "signal" in step:
        return send_signal(step, servers)
    if "settled" in step:
        return settled(step["settled"])
    if "sleep_ms" in step:
        time.sleep(step["sleep_ms"] / 1000)
        return b"(slept)"
    raise ValueError(f"no such step: {step}")


def prepare(plan):
    """Files of the plan: directories, fixed times, so that no ETag tells the runs apart."""
    for name in plan.get("directories", []):
        os.makedirs(name, exist_ok=True)
    for name, text in plan.get("files", {}).items():
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "w") as f:
            f.write(text)
        os.utime(name, (1000000000, 1000000000))
    for name, size in plan.get("large", {}).items():
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        block = bytes(range(256)) * 4096  # 1 MB that is no run of one byte
        with open(name, "wb") as f:
            for at in range(0, size, len(block)):
                f.write(block[:size - at])
        os.utime(name, (1000000000, 1000000000))


def main():
    with open(sys.argv[1]) as f:
        plan = json.load(f)
    prepare(plan)
    servers, whole = {}, False
    try:
        for server in plan["servers"]:
            servers[server["name"]] = Server(server)
        for step in plan["steps"]:
            what = step.get("what", "")
            answer = perform(step, servers)
            if not step.get("quiet"):
                say(f"-- {what}\n", answer)
        whole = True
        # The last connection is closed on both sides by now (apache2 logs what it cannot close any more).
        time.sleep(BEFORE_STOP_S)
    finally:
        # In the order of the plan: what is in front stops first.
        for server in reversed(servers.values()):
            server.stop() if whole else server.kill()
    for server in servers.values():
        server.show()
    say("== done")


if __name__ == "__main__":
    main()
