"""
The alternatives, from their registries, at these versions, into BUILD/peers. What is not to be
had raises Missing with the reason; the benchmark tells it and goes on.
"""
import os
import shutil
import subprocess
import sys

PYTHON = ["opentelemetry-distro==0.66b1", "opentelemetry-instrumentation-sqlite3==0.66b1",
          "opentelemetry-instrumentation-urllib==0.66b1", "opentelemetry-instrumentation-wsgi==0.66b1",
          "opentelemetry-exporter-otlp-proto-http==1.45.1", "opentelemetry-sdk==1.45.1"]
NODE = ["@opentelemetry/api@1.9.0", "@opentelemetry/auto-instrumentations-node@0.80.0"]
JAVA = "io.opentelemetry.javaagent:opentelemetry-javaagent:2.26.1"
MVN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"


class Missing(Exception):
    """This one cannot be had here."""


def run(argv, **more):
    if not shutil.which(argv[0]):
        raise Missing(f"{argv[0]} is not installed")
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, check=False, **more)
    if done.returncode:
        raise Missing(f"{' '.join(argv[:4])} …: {done.stdout.strip()[-300:]}")


def once(directory, versions, make):
    """Made unless it is there in these versions."""
    mark = os.path.join(directory, "versions")
    try:
        with open(mark, encoding="utf-8") as f:
            if f.read() == str(versions):
                return directory
    except FileNotFoundError:
        pass
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    make()
    with open(mark, "w", encoding="utf-8") as f:
        f.write(str(versions))
    return directory


def python(out):
    """Path of `opentelemetry-instrument`."""
    path = os.path.join(out, "python")

    def make():
        run(["/usr/bin/python3", "-m", "venv", path])
        run([path + "/bin/pip", "install", "-q", "--disable-pip-version-check", *PYTHON])
    return once(path, PYTHON, make) + "/bin/opentelemetry-instrument"


def node(out):
    """Folder whose node_modules has it."""
    path = os.path.join(out, "node")
    return once(path, NODE, lambda: run(["npm", "install", "--silent", "--no-audit", "--no-fund",
                                         "--prefix", path, *NODE]))


def java(out):
    """Path of the agent's jar."""
    path = os.path.join(out, "java")

    def make():
        run(["mvn", "-q", "-B", MVN_COPY, f"-Dartifact={JAVA}", f"-DoutputDirectory={path}",
             "-Dmdep.stripVersion=true"])
    return once(path, JAVA, make) + "/opentelemetry-javaagent.jar"


if __name__ == "__main__":
    for one in (python, node, java):
        try:
            print(one(sys.argv[1]))
        except Missing as why:
            print(f"{one.__name__}: {why}")
