#!/usr/bin/python3
"""
Kills a program that makes spans, again and again, and lets somebody else send what it left:

    spool_kill.py KILLS THREADS LEAST_MS MOST_MS [COMMAND …]

Under LD_PRELOAD=$SPOOL_PRELOAD (none in the bare run, which has no COMMAND either). What had ended by then is added to the
file `ended`, a line `LABEL THREAD COUNT` each. Then COMMAND is run, until the spool
($OTEL_SHIM_SPOOL_DIR) is empty, 20 times at most.
"""
import os
import random
import signal
import struct
import subprocess
import sys
import time

LEAST_WITH_SPANS_MS = 100  # killed later than that: counted from the first span that has ended
PROGRAM = os.path.join(os.environ["PROGRAMS"], "spool_load")


def spool():
    try:
        return os.listdir(os.environ.get("OTEL_SHIM_SPOOL_DIR", "/none"))
    except FileNotFoundError:
        return []


def has_begun():
    try:
        with open("counts", "rb") as f:
            return any(f.read())
    except FileNotFoundError:
        return False


def main():
    kills, threads, least, most = map(int, sys.argv[1:5])
    rng = random.Random(int(os.environ.get("SEED", "1")))
    env = dict(os.environ, LD_PRELOAD=os.environ.get("SPOOL_PRELOAD", ""))
    with open("ended", "w") as ended:
        for k in range(kills):
            label = f"k{k}"
            process = subprocess.Popen([PROGRAM, "counts", label, str(threads)], env=env)
            while least >= LEAST_WITH_SPANS_MS and process.poll() is None and not has_begun():
                time.sleep(0.005)
            time.sleep(rng.uniform(least, most) / 1000)
            process.send_signal(signal.SIGKILL)
            if process.wait() != -signal.SIGKILL:
                sys.exit(f"{label} ended with {process.returncode}")
            if os.path.exists("counts"):
                with open("counts", "rb") as f:
                    counts = struct.unpack("64Q", f.read().ljust(512, b"\0"))  # killed before it had its size
                os.unlink("counts")
                for t, n in enumerate(counts[:threads]):
                    print(label, t, n, file=ended)
    for _ in range(20):
        if not sys.argv[5:] or not env["LD_PRELOAD"]:
            break
        subprocess.run([a.replace("%", "next") for a in sys.argv[5:]], env=env, check=True)
        if not spool():
            break
    print("done")


main()
