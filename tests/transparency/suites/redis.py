"""
redis's own tests, run with Debian's redis: servers that fork for their snapshots, replicas, clusters,
Lua, crash reports; the driver and its clients are Tcl. Left out, for their time: tests tagged slow, and
those of data types and of replication that wait for timeouts or for megabytes. Of the
commands that the driver starts by the thousand (cat, ps, grep) only redis's own are traced.
"""
import os
import re

from harness import FAIL, PASS, SKIP, suite
from sources import built

COMMANDS = ("redis-server", "redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb", "redis-sentinel")
QUICK = ("auth", "info-command", "protocol", "pubsub", "quit")
UNITS = ("acl acl-v2 aofrw client-eviction cluster cluster/links cluster/misc cluster-scripting expire functions info "
         "introspection introspection-2 keyspace latency-monitor lazyfree limits multi networking obuf-limits "
         "oom-score-adj other pause printver pubsubshard querybuf replybufsize scan scripting shutdown slowlog "
         "tracking type/hash type/incr type/list-2 type/set type/string violations wait").split()
INTEGRATION = ("aof aof-multi-part convert-ziplist-hash-on-load convert-zipmap-hash-on-load failover logging "
               "psync2-reg rdb redis-benchmark redis-cli replication-2 replication-3 shutdown").split()
WORST = (PASS, SKIP, FAIL)
# The driver listens at one of the 32 ports below its first one and does not see that another driver does.
FIRST_PORT = 21111 + os.getpid() % 100 * 32


def directory():
    return built("redis", *(["ln", "-sf", f"/usr/bin/{name}", f"src/{name}"] for name in COMMANDS))


def results(run):
    """`[ok]: NAME (5 ms)`, `[err]: NAME in FILE`; a name that comes more than once is as good as its worst."""
    tests = {}
    for line in run.out.splitlines():
        said = re.match(r"\[(ok|err|skip|ignore|exception|timeout)\]: (.*?)(?: \(\d+ ms\)| in tests/\S+)?$", line)
        if said:
            result = {"ok": PASS, "skip": SKIP, "ignore": SKIP}.get(said[1], FAIL)
            # some names tell ports, times and seeds
            name = re.sub(r"\d{4,}", "N", said[2])
            tests[name] = max(tests.get(name, PASS), result, key=WORST.index)
    return tests


def units(name, files, least, **options):
    named = [word for file in files for word in ("--single", file)]
    suite(name, ["./runtest", "--clients", "4", "--durable", "--tags", "-slow", "--baseport", str(FIRST_PORT), *named], results, setup=directory,
          least=least, env={"OTEL_SHIM_INCLUDE_EXECUTABLES": "redis-*,tclsh*"}, **options)


units("redis_quick", [f"unit/{name}" for name in QUICK], 50, short=True, timeout=200)
units("redis", [f"unit/{name}" for name in UNITS] + [f"integration/{name}" for name in INTEGRATION], 900,
      timeout=1500)
