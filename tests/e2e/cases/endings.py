"""Every way a process can end, with one operation before it (programs/endings.c)."""
import os

from harness import Failure, cannot_unshare, case

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
                  ("kill", -9)):
    ending(how, code, golden=None, lost=None, check=ended_in_time)

# A signal that the program sends itself is told as its end, but not one that it lives through.
for how, code, name in (("raise", -15, "SIGTERM"), ("kill_itself", -1, "SIGHUP"), ("kill_group", -2, "SIGINT")):
    ending(how, code, golden="endings_by_signal", vars={"TYPE": name})
for how, code in (("sigwait", 12), ("ignored", 13)):
    ending(how, code, **failing(code))


def lookup_alone(run):
    names = [s["name"] for s in run.spans]
    if names != ["dns.lookup"]:
        raise Failure(f"went out before the end: {names}")
    ended_in_time(run)


# Raised again by its handler: held up until that returns, so only what had ended goes out before.
ending("handler", -15, golden=None, lost=None, orphans=True, check=lookup_alone)



def ends_later(run):
    codes = [s["attributes"].get("process.exit.code") for s in run.spans if s["name"] == "endings"]
    if codes != [97]:
        raise Failure(f"told as its end: {codes}")


# The first process of a container lives through it.
case("ends_by_no_signal_of_its_own_as_the_first_process", ["unshare", "-pf", "sh", "-c", f"LD_PRELOAD=$$PRELOAD exec {PROGRAM} raise"],
     exit=97, preload=False, shim_env={"PRELOAD": "$SHIM"}, golden=None, check=ends_later, skip=lambda: cannot_unshare("-pf"))

# Who has caught a signal, cleaned up, and then ends by it after all.
KILLS_ITSELF = {"golden": "lookup_ended_by_signal", "env": {"OTEL_SHIM_PROCESS_SPAN": "always"}}
case("ends_by_signal_python", ["$PYTHON", "-c", "import os, signal, socket, time\nsocket.getaddrinfo('localhost', 1, socket.AF_INET)\n"
                               "os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)"],
     exit=-2, stderr="KeyboardInterrupt", vars={"PROGRAM": os.path.basename(os.path.realpath("/usr/bin/python3")), "TYPE": "SIGINT"}, **KILLS_ITSELF)
case("ends_by_signal_ruby", ["ruby", "-rsocket", "-e", "Addrinfo.getaddrinfo('localhost', 1, :INET)\nProcess.kill('TERM', $$$$)\nsleep 5"],
     exit=-15, vars={"PROGRAM": os.path.basename(os.path.realpath("/usr/bin/ruby")), "TYPE": "SIGTERM"}, **KILLS_ITSELF)
case("ends_by_signal_perl", ["perl", "-MSocket", "-e", "Socket::getaddrinfo('localhost', 1, {family => AF_INET}); kill 'HUP', $$$$; sleep 5"],
     exit=-1, vars={"PROGRAM": "perl", "TYPE": "SIGHUP"}, **KILLS_ITSELF)

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
