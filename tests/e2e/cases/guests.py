"""
A guest must not be noticed: descriptors, signals, threads, forks, limits.
The programs print what they see of themselves; it must be the same bare.
"""
import os

from harness import Failure, case

NOBODY = 54321  # no process of this machine runs as this user


def program(name, *args, case_name=None, lookups=1, **options):
    options.setdefault("golden", "program_lookups")
    options.setdefault("vars", {"PROGRAM": name, "LOOKUPS": lookups})
    case(case_name or name, [f"$PROGRAMS/{name}", *args], **options)


def needs_root():
    return None if os.getuid() == 0 else "needs root to become another user"


# ---------------------------------------------------------------- what it sees of itself
program("environment", case_name="sees_its_own_environment", stdout="blocked 0", golden="none")
program("descriptors", case_name="gets_the_same_descriptors", lookups=2, limits={"NOFILE": 64})
program("descriptors", case_name="gets_the_same_descriptors_of_16", lookups=2, limits={"NOFILE": 16})
program("descriptors", case_name="gets_the_same_descriptors_of_5", lookups=2, limits={"NOFILE": 5}, golden=None,
        lost=None, log_any=["."])
program("signals", case_name="keeps_its_signals_to_itself", lookups=40,
        stdout="alarms yes, nanosleep -1 1, write -1 1, pipes 1, users 2, strangers 0, sigwait 1, pending 0")
program("signals", case_name="keeps_its_signals_with_a_resetting_collector", sink="reset", golden=None, lost=None,
        shim_env={"OTEL_BSP_SCHEDULE_DELAY": "1"}, expect_drops=True, log_any=["."])
# The program is safe; whether its spans can be sent without libraries mixing is another matter.
program("exports_ssl", case_name="exports_ssl_names_of_its_own", golden=None, expect_drops=True, log_any=["."])
program("exports_ssl", case_name="exports_ssl_names_and_the_collector_speaks_tls", sink_tls=True, golden=None,
        expect_drops=True, log_any=["."])
program("threads", case_name="threads_come_and_go", lookups=24 * 5, parallel=True)

# ---------------------------------------------------------------- daemons and forks
case("daemon_finds_its_descriptors", ["$PROGRAMS/daemon", "$TMP/verdict"], stdout="started",
     outputs=["verdict"], golden="daemon", parallel=True)
case("daemon_after_a_traced_start", ["$PROGRAMS/daemon", "$TMP/verdict", "early"], stdout="started",
     outputs=["verdict"], golden="daemon_early", parallel=True)
case("daemon_with_a_refusing_collector", ["$PROGRAMS/daemon", "$TMP/verdict"], stdout="started",
     outputs=["verdict"], golden=None, sink="refused", expect_drops=True, log_any=["."],
     shim_env={"OTEL_BSP_SCHEDULE_DELAY": "1"})

for sink in ("ok", "hang", "refused"):
    program("fork_storm", "200", "0", case_name=f"fork_storm_collector_{sink}", sink=sink, lookups=20,
            golden="program_lookups" if sink == "ok" else None, shim_env={"OTEL_BSP_SCHEDULE_DELAY": "1"},
            expect_drops=sink != "ok", log_any=[] if sink == "ok" else ["."], stdout="failed 0")
    program("fork_storm", "60", "3", case_name=f"fork_storm_traced_children_collector_{sink}", sink=sink,
            golden=None, shim_env={"OTEL_BSP_SCHEDULE_DELAY": "1"}, expect_drops=sink != "ok", slack=8.0,
            log_any=[] if sink == "ok" else ["."], stdout="failed 0", parallel=True,
            check=lambda run: made(run, 60 // 3 * 2 + 6 + 1))


def made(run, expected):
    if run.made != expected:
        raise Failure(f"made {run.made} spans, must be {expected}")


# ---------------------------------------------------------------- limits
LOOKUP = "exit_in_flight"
program(LOOKUP, case_name="file_size_limit_0", limits={"FSIZE": 0}, lost=None)
program(LOOKUP, case_name="file_size_limit_100_bytes", limits={"FSIZE": 100}, lost=None)
for megabytes in (16, 32, 64, 256):
    program(LOOKUP, case_name=f"address_space_limit_{megabytes}_mb", sanitized=False, limits={"AS": megabytes << 20}, golden=None,
            expect_drops=True, log_any=["."])
program("memory_locked", case_name="memory_locked_as_root", sanitized=False, lookups=5,
        skip=lambda: None if os.getuid() == 0 else "needs root")
program("memory_locked", case_name="memory_locked_within_a_limit", sanitized=False, uid=NOBODY, limits={"MEMLOCK": 8 << 20},
        golden=None, expect_drops=True, log_any=["."], skip=needs_root)
ALONE = NOBODY - 7  # a user of nobody else: the limit counts all processes of a user, other cases' too
program(LOOKUP, case_name="no_thread_can_start", uid=ALONE, limits={"NPROC": 1}, golden=None, expect_drops=True,
        log=["thread"], skip=needs_root,
        check=lambda run: made(run, 2) or run.received_nothing())
program(LOOKUP, case_name="unprivileged_user", uid=NOBODY, skip=needs_root)

# ---------------------------------------------------------------- our thread's descriptors
# What a library writes to stderr on our thread must not go into our file or to the collector.
STANDARD = """
import os, sqlite3, time
sqlite3.connect(':memory:').execute('select 1').fetchall()
until = time.monotonic() + 10
while 'libotelshim' in open('/proc/self/maps').read() and time.monotonic() < until:
    ours = [t for t in os.listdir('/proc/self/task') if open(f'/proc/self/task/{t}/comm').read() == 'otelshim\\n']
    links = [os.readlink(f'/proc/self/task/{t}/fd/{n}') for t in ours for n in range(3) if os.path.lexists(f'/proc/self/task/{t}/fd/{n}')]
    if links == ['/dev/null'] * 3:
        break
    time.sleep(0.01)
else:
    print('nobody there' if time.monotonic() < until else f'in the end {links}')
"""
case("thread_has_no_file_where_stderr_is", ["$PYTHON", "-c", STANDARD], golden=None, compare=False, check=lambda run: expect_output(
    run, b"nobody there\n", b""))


def expect_output(run, bare, shim):
    if (run.bare.out, run.shim.out, run.shim.err) != (bare, shim, b""):
        raise Failure(f"bare {run.bare.out!r}, under the shim {run.shim.out!r} {run.shim.err!r}")


# ---------------------------------------------------------------- our own log
program(LOOKUP, case_name="log_on_a_full_disk", shim_env={"OTEL_SHIM_LOG_FILE": "/dev/full"}, lost=None)
program(LOOKUP, case_name="log_in_a_missing_directory", shim_env={"OTEL_SHIM_LOG_FILE": "/nowhere/shim.log"},
        lost=None, golden=None, compare=False, check=lambda run: same_but_for_our_lines(run, 1))
program(LOOKUP, case_name="log_is_a_directory", shim_env={"OTEL_SHIM_LOG_FILE": "$TMP"}, lost=None, golden=None,
        compare=False, check=lambda run: same_but_for_our_lines(run, 1))
program(LOOKUP, case_name="silent_without_a_collector", sink="refused", golden=None, lost=None,
        shim_env={"OTEL_SHIM_LOG_FILE": None, "OTEL_LOG_LEVEL": None})
program(LOOKUP, case_name="silent_with_a_hanging_collector", sink="hang", golden=None, lost=None,
        shim_env={"OTEL_SHIM_LOG_FILE": None, "OTEL_LOG_LEVEL": None})


def same_but_for_our_lines(run, at_most):
    """stderr may hold that many lines of ours, and nothing else changes."""
    lines = run.shim.err.splitlines(keepends=True)
    ours = [l for l in lines if l.startswith(b"otelshim[")]
    rest = b"".join(l for l in lines if not l.startswith(b"otelshim["))
    if (run.shim.code, run.shim.out, rest) != (run.bare.code, run.bare.out, run.bare.err):
        raise Failure(f"differs: {run.shim.code} {run.shim.out!r} {rest!r}")
    if len(ours) > at_most:
        raise Failure(f"{len(ours)} lines of ours: {ours}")
