#!/usr/bin/python3
"""
Programs of an exporter process (OTEL_SHIM_EXPORTER=process) while something fails: exporter_faults.py FAULT. Not traced
itself; its programs are, under LD_PRELOAD=$SPOOL_PRELOAD (none in the bare run, in which nothing fails). Ends
when the spool ($OTEL_SHIM_SPOOL_DIR) is empty, or will not be.
"""
import ctypes
import errno
import os
import random
import resource
import struct
import subprocess
import sys
import time

SHIM = os.environ.get("SPOOL_PRELOAD", "")
SPOOL = os.environ.get("OTEL_SHIM_SPOOL_DIR", "/none")
ENV = dict(os.environ, LD_PRELOAD=SHIM)
WAIT_S = 10.0


def load(label, threads, statements):
    return subprocess.Popen([os.environ["PROGRAMS"] + "/spool_load", f"counts.{label}", label, str(threads), str(statements)], env=ENV)


def statement(**options):
    subprocess.run(["sqlite3", ":memory:", "select 1"], env=ENV, check=True, stdout=subprocess.DEVNULL, **options)


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


def is_idle():
    """The exporter sleeps with nothing left to do."""
    for name in names(".bell"):
        with open(os.path.join(SPOOL, name), "rb") as f:
            words = [int.from_bytes(f.read(4), sys.byteorder) for _ in range(5)]
        if words[2] == 0 and words[4]:
            return True
    return False


HEADER, RING, RING_HEADER = 32768, 4096 + 262144, 4096


def strange_ring(rng, kind):
    """Head, tail, and what lies in the ring."""
    words = {"far": (1 << 31, 0), "behind": (64, 128), "odd": (1003, 3), "full": (262144, 0),
             "any": (rng.getrandbits(32), rng.getrandbits(32))}[kind]
    sizes = rng.choice([0, 8, 24, 128, 262144, 0xffffffff])
    record = sizes.to_bytes(4, sys.byteorder) + bytes([rng.randrange(4), rng.randrange(256)]) + bytes(90)
    return words, record * (262144 // len(record))


def hostile():
    """Files with nonsense of processes that live, and one of another user, beside programs that work."""
    programs = [load("p0", 2, 3000), load("p1", 1, 2000)]
    if SHIM:
        rng = random.Random(7)
        files, owners = [], []
        path = os.path.join(SPOOL, until(lambda: exporter() and names(".spool"))[0])
        with open(path, "rb") as f:
            header = bytearray(f.read(HEADER))
        for kind in ("far", "behind", "odd", "full", "any", "other"):
            owners.append(subprocess.Popen(["sleep", "100"], env=dict(ENV, LD_PRELOAD="")))
            pid = owners[-1].pid
            path = os.path.join(SPOOL, f"{pid}-{rng.getrandbits(64):016x}-{path.rsplit('-', 1)[1]}")
            f = open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b", buffering=0)
            f.truncate(HEADER + 2 * RING)
            # Behind magic, format, numbers and version: the process, and when the file was made. Of the rest, up to who reads it.
            f.write(header[:56] + pid.to_bytes(4, sys.byteorder) + header[60:64] + bytes([255] * 7 + [0]) + header[72:172].ljust(4096 - 72, b"\0") +
                    header[4096:])
            if kind == "other" and os.getuid() == 0:
                os.chown(path, 12345, 12345)
            files.append(("any" if kind == "other" else kind, f))
        while any(p.poll() is None for p in programs):
            for kind, f in files:
                for ring in range(2):
                    (head, tail), text = strange_ring(rng, kind)
                    os.pwrite(f.fileno(), text, HEADER + ring * RING + RING_HEADER)
                    os.pwrite(f.fileno(), tail.to_bytes(4, sys.byteorder), HEADER + ring * RING + 64)
                    os.pwrite(f.fileno(), head.to_bytes(4, sys.byteorder), HEADER + ring * RING)
            statement()
        if not until(is_idle):
            sys.exit("the exporter does not come to rest")
        os.unlink(path)
        for p in owners:
            p.kill()
            p.wait()
        statement()
        until(spool_is_sent)
    print([p.wait() for p in programs])


LINK = """
import os, sqlite3, sys
name, link = sys.argv[1], int(sys.argv[2])
db = sqlite3.connect(":memory:")
for n in range(40):
    db.execute(f"select 1 as {name}_{link}_{n + 1}").fetchall()
if link:
    os.execv(sys.executable, [sys.executable, "-c", os.environ["LINK"], name, str(link - 1)])
"""


def exec_chains():
    """Processes that become another program again and again, each of which has a file of its own."""
    env = dict(ENV, LINK=LINK)
    chains = [subprocess.Popen(["/usr/bin/python3", "-c", LINK, f"p{n}", "9"], env=env) for n in range(4)]
    print([p.wait() for p in chains])
    if SHIM:
        until(spool_is_sent)


def may_not_connect():
    """In a child, before exec: a filter by which connect() fails, for all that it starts, too."""
    libc = ctypes.CDLL(None)
    rules = [(0x20, 0, 0, 0), (0x15, 0, 1, 42), (0x06, 0, 0, 0x50000 | errno.EACCES), (0x06, 0, 0, 0x7fff0000)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    program = struct.pack("H6xQ", len(rules), ctypes.addressof(text))
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, program) != 0:
        os._exit(99)


def confined():
    """The exporter process is of a program whose sandbox keeps it from the collector; another program works on."""
    statement(preexec_fn=may_not_connect)
    if SHIM:
        until(exporter)
    program = load("p0", 1, 30000)
    print(program.wait())
    if SHIM:
        until(spool_is_sent)


def has_right_of_way():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.nice(-5)
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def urgent():
    """A program with the right of way, bound to one processor, starts the exporter process: that one has nothing of it."""
    statement(preexec_fn=has_right_of_way)
    if SHIM:
        pid = until(exporter)
        found = os.getpriority(os.PRIO_PROCESS, pid), os.sched_getscheduler(pid), os.sched_getaffinity(pid)
        if found != (0, os.SCHED_OTHER, os.sched_getaffinity(0)):
            sys.exit(f"the exporter process has {found}")


FAULTS = {f.__name__: f for f in (cannot_write, hostile, exec_chains, confined, urgent)}
FAULTS[sys.argv[1]]()
