#!/usr/bin/python3
"""
Programs of an exporter process (OTEL_SHIM_EXPORTER=process) while something fails: exporter_faults.py FAULT. Not traced
itself; its programs are, under LD_PRELOAD=$SPOOL_PRELOAD (none in the bare run, in which nothing fails). Ends
when the spool ($OTEL_SHIM_SPOOL_DIR) is empty, or will not be.
"""
import os
import resource
import signal
import subprocess
import sys
import time

SHIM = os.environ.get("SPOOL_PRELOAD", "")
SPOOL = os.environ.get("OTEL_SHIM_SPOOL_DIR", "/none")
ENV = dict(os.environ, LD_PRELOAD=SHIM)
WAIT_S = 10.0


def load(label, threads, statements):
    return subprocess.Popen([os.environ["PROGRAMS"] + "/spool_load", f"counts.{label}", label, str(threads), str(statements)], env=ENV)


def names(suffix):
    return [n for n in os.listdir(SPOOL) if n.endswith(suffix)] if os.path.isdir(SPOOL) else []


def until(holds):
    """What `holds` gives as soon as it is something; None: not in time."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.01)
    return None


def exporter():
    """The number of the exporter process that has our spool: its bell names it."""
    for name in names(".bell"):
        with open(os.path.join(SPOOL, name), "rb") as f:
            owner = int.from_bytes(f.read(20)[16:], sys.byteorder) & 0x3fffffff
        if owner:
            return owner
    return None


def spool_is_sent():
    return not names(".spool")


def cannot_write():
    """The exporter's files may not be written to where the rings lie: what it has sent it cannot acknowledge."""
    programs = [load("p0", 2, 2000), load("p1", 1, 3000)]
    if SHIM:
        resource.prlimit(until(exporter), resource.RLIMIT_FSIZE, (32768, 32768))
    for p in programs:
        p.wait()
    if SHIM:
        until(spool_is_sent)
    print([p.returncode for p in programs])


FAULTS = {f.__name__: f for f in (cannot_write,)}
FAULTS[sys.argv[1]]()
