"""Every way a process can end, with one operation before it (programs/endings.c)."""
from harness import Failure, case

PROGRAM = "$PROGRAMS/endings"


def ending(how, code, **options):
    case(f"ends_by_{how}", [PROGRAM, how], exit=code, slack=1.0, timeout=10, **options)


def failing(code):
    return {"golden": "endings_failing", "vars": {"CODE": code, "TYPE": str(code)}}


ending("return", 3, **failing(3))
ending("exit", 4, **failing(4))
ending("_exit", 5, **failing(5))
ending("_Exit", 6, **failing(6))
ending("quick_exit", 7, **failing(7))
ending("pthread_exit", 0, golden="endings_ok")
ending("pthread_exit_thread", 0, golden="endings_ok_thread")


def ended_in_time(run):
    if run.shim.seconds > run.bare.seconds + 1:
        raise Failure("a thread of ours kept the process alive")


# No library call tells of these: what was recorded may be lost, the ending may not change.
for how, code in (("sys_exit", 8), ("raw_exit", 9), ("exit_group", 10), ("abort", -6), ("segv", -11),
                  ("term", -15), ("kill", -9)):
    ending(how, code, golden=None, lost=None, check=ended_in_time)

# exec: the old program's span ends, the new one is its child by TRACEPARENT.
ending("exec", 11, golden="endings_exec")

# A child made by clone(CLONE_VM) ends in its parent's memory: the parent goes on.
case("ends_in_a_child_that_shares_memory", ["$PROGRAMS/clone_vm"], golden="program_lookups",
     sanitized=False, vars={"PROGRAM": "clone_vm", "LOOKUPS": 2})
# One that has no thread-local variables either, as in Chromium's sandbox: every hook passes through.
OWN_TLS = {"golden": "program_lookups", "sanitized": False, "stdout": r"\bend\n$", "vars": {"PROGRAM": "own_tls", "LOOKUPS": 1}}
case("ends_in_a_child_without_tls", ["$PROGRAMS/own_tls", "plain"], **OWN_TLS)
case("ends_in_a_child_without_tls_when_off", ["$PROGRAMS/own_tls", "all"],
     **OWN_TLS | {"golden": None, "shim_env": {"OTEL_SDK_DISABLED": "true"}})
case("ends_in_a_child_without_tls_and_with_no_thread_of_ours", ["$PROGRAMS/own_tls", "all"],
     shim_env={"OTEL_SHIM_EXPORTER": "process", "OTEL_SHIM_EXPORTER_IDLE_TIMEOUT": "300", "OTEL_SHIM_SPOOL_DIR": "$TMP/spool"},
     **OWN_TLS)
