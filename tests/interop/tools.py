"""
Real servers for the interoperability tests: the OpenTelemetry Collector, built from its Go modules
(collector/), and a Zipkin server from its Maven artifact. A tool chain that is missing is a reason
to skip; one that is there and fails is a failure.
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
from servers import free_port, free_ports  # noqa: E402,F401

BUILD = os.path.abspath(os.environ.get("OTELSHIM_BUILD", os.path.join(ROOT, "build")))
OUT = os.path.join(BUILD, "interop")
ZIPKIN = "io.zipkin:zipkin-server:3.6.1:jar:exec"
MVN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
UP_TIMEOUT_S = 90


class Missing(Exception):
    """A tool chain that is not there."""


class Broken(Exception):
    """One that is there, and fails."""


class Paused(Broken):
    """What servers that stood still for 100 ms would look like, too. The case is run again: a defect fails each time."""


def build(command, **options):
    """Three times at most: it may load from a registry that does not answer at once."""
    for pause_s in (3, 10, None):
        made = subprocess.run(["nice", *command], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
        if made.returncode == 0:
            return
        if pause_s:
            time.sleep(pause_s)
    raise Broken(f"{' '.join(command)}: exit {made.returncode}\n{(made.stdout + made.stderr)[-3000:]}")


def newer(target, *sources):
    return os.path.exists(target) and all(os.path.getmtime(target) >= os.path.getmtime(s) for s in sources)


def collector():
    """
    Path of the Collector. The compiled packages stay in Go's own cache, so that only the first build
    of a machine takes its minutes.
    """
    if not shutil.which("go"):
        raise Missing("go is not installed: no Collector can be built")
    path, source = os.path.join(OUT, "collector"), os.path.join(HERE, "collector")
    if not newer(path, *(os.path.join(source, f) for f in ("main.go", "go.mod", "go.sum"))):
        print("building the Collector; the first time takes some minutes", flush=True)
        build(["go", "build", "-p", "2", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, "."],
              cwd=source)
    return path


def zipkin():
    """Path of the Zipkin server's jar."""
    for tool in ("mvn", "java"):
        if not shutil.which(tool):
            raise Missing(f"{tool} is not installed: no Zipkin server")
    path = os.path.join(OUT, "zipkin.jar")
    if not os.path.exists(path):
        build(["mvn", "-q", "-B", MVN_COPY, f"-Dartifact={ZIPKIN}", f"-DoutputDirectory={OUT}",
               "-Dmdep.stripVersion=true"])
        os.rename(os.path.join(OUT, "zipkin-server-exec.jar"), path)
    return path


class Server:
    """A server of the test's own, with its log in a file; ends with the test."""

    def __init__(self, name, argv, env, directory, ports):
        self.name, self.log_path = name, os.path.join(directory, name + ".log")
        self.log = open(self.log_path, "wb")
        base = {"PATH": os.environ["PATH"], "HOME": directory, "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(argv, env={**base, **env}, cwd=directory, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + UP_TIMEOUT_S
        for port in ports:
            while not self.listens(port):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.close()
                    raise Broken(f"{name} does not start:\n{self.read_log()[-3000:]}")
                time.sleep(0.05)

    @staticmethod
    def listens(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def read_log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def close(self):
        """Ends it in order (what it still holds goes out), by force where that takes too long."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def run_collector(path, name, config, directory, ports, env):
    """`ports`: variable -> port on loopback that it listens on."""
    where = {variable: f"127.0.0.1:{port}" for variable, port in ports.items()}
    return Server(name, [path, "--config", config], {**where, **env}, directory, ports.values())


class Zipkin:
    def __init__(self, jar, directory):
        self.port = free_port()
        env = {"QUERY_PORT": str(self.port), "STORAGE_TYPE": "mem", "JAVA_TOOL_OPTIONS": "-Xmx256m"}
        self.server = Server("zipkin", ["java", "-jar", jar], env, directory, [self.port])
        self.endpoint = f"http://127.0.0.1:{self.port}/api/v2/spans"

        self.warm_up()

    def warm_up(self):
        """
        The first requests take a Java program longer than the end of a program waits (100 ms without
        progress): they are the test's own, not the shim's.
        """
        span = {"traceId": "1" * 32, "id": "2" * 16, "name": "warm", "timestamp": 1, "duration": 1,
                "localEndpoint": {"serviceName": "warm"}, "tags": {"a": "b"}}
        for _ in range(20):
            urllib.request.urlopen(urllib.request.Request(self.endpoint, json.dumps([span]).encode(),
                                                          {"Content-Type": "application/json"}), timeout=30).close()

    def trace(self, trace_id, spans, timeout=20):
        """The spans that it has of one trace, once there are as many."""
        deadline = time.monotonic() + timeout
        url = f"http://127.0.0.1:{self.port}/api/v2/trace/{trace_id}"
        while True:
            try:
                with urllib.request.urlopen(url, timeout=10) as answer:
                    found = json.load(answer)
            except urllib.error.HTTPError:
                found = []
            if len(found) >= spans or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def close(self):
        self.server.close()
