"""Programs that start programs: one connected trace, and the programs as they are bare."""
import os

from harness import Failure, case

SPAWN_ALL = "$PROGRAMS/spawn_all"


def one_trace(at_least):
    def check(run):
        roots = [s["name"] for s in run.spans if not s["parent_span_id"]]
        if len(roots) != 1 or len({s["trace_id"] for s in run.spans}) != 1:
            raise Failure(f"not one trace: roots {roots}")
        if len(run.spans) < at_least:
            raise Failure(f"{len(run.spans)} spans, at least {at_least} expected")
    return check


# ---------------------------------------------------------------- every function of the C library
case("exec_by_each_function", [SPAWN_ALL, "exec"], stdout="execve own(.|\n)*vforked own", golden="process_exec")
for name in ("execve", "execv", "execvp", "execvpe", "execl", "execle", "execlp", "fexecve", "execveat"):
    # A program that did nothing is replaced by another that does nothing.
    case(f"becomes_another_by_{name}", [SPAWN_ALL, "exec", name], exit=7, stdout=name, golden="none")
case("spawn_and_wait", [SPAWN_ALL, "wait"], golden="process_wait", early_children=True)
case("system_in_all_situations", [SPAWN_ALL, "system"], golden="process_system", parallel=True)
case("popen_in_all_situations", [SPAWN_ALL, "popen"], golden="process_popen", parallel=True)
case("environments_at_the_limit", [SPAWN_ALL, "large"], golden=None, check=one_trace(20), early_children=True)
for mode in ("exec", "wait", "system", "popen", "large"):
    case(f"process_disabled_{mode}", [SPAWN_ALL, mode], golden="none",
         shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "process"})
    case(f"process_disabled_sdk_{mode}", [SPAWN_ALL, mode], golden="none", shim_env={"OTEL_SDK_DISABLED": "true"})

# ---------------------------------------------------------------- many at once
STORM = "$PROGRAMS/spawn_storm"


def all_told(children, traces=1):
    """Every started child has an exit code; one trace, or one for each child."""
    def check(run):
        if traces == 1:
            one_trace(children)(run)
        elif len({s["trace_id"] for s in run.spans}) != traces:
            raise Failure(f"not {traces} traces")
        started = [s for s in run.spans if s["kind"] == "CLIENT"]
        without = [s for s in started if "process.exit.code" not in s["attributes"]]
        if len(started) != children or without:
            raise Failure(f"{len(started)} of {children} children told, {len(without)} without exit code")
    return check


# 289 programs that each load the exporter: 2.5 s on two idle cores.
case("threads_start_programs", [STORM, "threads"], stdout="right 144 of 144", golden=None, check=all_told(144),
     parallel=True, slack=10)
# The children tell nothing: forty of them at once on two cores are more than a collector
# in Python answers within the stall that an exit waits.
case("a_signal_handler_reaps", [STORM, "handler"], stdout="started 40, reaped 40", golden=None, check=all_told(40, traces=40),
     parallel=True, shim_env={"OTEL_SHIM_PROCESS_SPAN": "never"})


def none_lost(run):
    """More children than the table holds: all told, those without room at once."""
    told = [s for s in run.spans if s["kind"] == "CLIENT" and s["name"] == "true"]
    ended = [s for s in told if "process.exit.code" in s["attributes"]]
    if len(told) != 1100 or len(ended) != 1024:
        raise Failure(f"{len(told)} children told, {len(ended)} with an exit code")


case("more_children_than_are_remembered", [STORM, "many", "1100"], stdout="started 1100, waited for 1100",
     golden=None, check=none_lost, shim_env={"OTEL_SHIM_FOLLOW_CHILDREN": "false"})

# ---------------------------------------------------------------- shells
case("pipeline_is_one_trace", ["bash", "-c", "seq 3 | sort -r | head -1; (sh -c 'ls / >/dev/null; exit 3'); exit 0"],
     stdout="3", golden="process_pipeline", parallel=True)
case("pipeline_under_a_hanging_collector", ["bash", "-c", "seq 3 | sort -r | head -1"], stdout="3", golden=None,
     sink="hang", expect_drops=True, log_any=["."])
# Three of four fail: whichever two xargs has reaped before it exits, one of them did (docs/LIMITS.md).
case("xargs_in_parallel", ["xargs", "-P", "2", "-n", "1", "sh", "-c", "test $0 -gt 3"], stdin="1\n2\n3\n4\n", exit=123,
     golden="process_xargs", parallel=True)
case("cleared_environment_is_followed", ["sh", "-c", "env -i /bin/sh -c 'ls / >/dev/null; exit 5'; exit 0"],
     golden="process_env_cleared")
case("cleared_environment_is_left_alone_when_told", ["sh", "-c", "env -i /bin/sh -c 'ls / >/dev/null; exit 5'; exit 0"],
     golden="process_not_followed", shim_env={"OTEL_SHIM_FOLLOW_CHILDREN": "false"})
case("a_parent_from_outside", ["true"], golden="process_parent_came_in",
     env={"TRACEPARENT": "00-0123456789abcdef0123456789abcdef-1111111111111112-01"})
case("a_parent_chosen_by_a_script_stays",
     ["sh", "-c", "TRACEPARENT=00-0123456789abcdef0123456789abcdef-1111111111111112-01 sh -c 'echo $TRACEPARENT'"],
     stdout="-1111111111111112-", golden="process_parent_chosen")
case("not_sampled_outside_is_not_sampled_here", ["sh", "-c", "ls / >/dev/null; exit 0"], golden="none",
     env={"TRACEPARENT": "00-0123456789abcdef0123456789abcdef-1111111111111112-00"})

# ---------------------------------------------------------------- other languages, other tools
PERL = ('system("true"); print $?>>8; system(": ; exit 2"); print $?>>8; print `: ; exit 3`, $?>>8; '
        'open(F,"-|","cat","/dev/null"); close F; $|=1; print "\\n"; exec "sh","-c","exit 4"')
case("perl_starts_programs", ["perl", "-e", PERL], exit=4, stdout="023", golden="process_perl", needs=["perl"])
case("make_runs_recipes", ["make"], exit=2, golden="process_make", needs=["make"], files={
    "Makefile": "all: a b c\na:\n\t@/bin/true; exit 0\nb:\n\t@/bin/true\nc:\n\t@exit 3\n"})
GIT = "git init -q . && git commit -q --allow-empty -m one && git gc -q && git log --oneline | wc -l"
IDENTITY = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
case("git_is_one_trace", ["sh", "-c", GIT], stdout="1", golden=None, check=one_trace(8), needs=["git"], env=IDENTITY)
PYTHON = """
import multiprocessing, os, subprocess

def say(*words):
    print(*words, flush=True)

def child():
    say(subprocess.run(["true"]).returncode)

say(subprocess.run(["echo", "vfork"]).returncode)
say(subprocess.run(["echo", "fork"], preexec_fn=lambda: None).returncode)
say(subprocess.run("exit 3", shell=True).returncode)
say(os.system("exit 4"))
say(os.popen("exit 5").close())
for script in ("exit 6", "kill -KILL $$$$"):
    say(os.waitpid(os.posix_spawnp("sh", ["sh", "-c", script], os.environ), 0)[1])
try:
    os.posix_spawn("/nope", ["x"], {})
except OSError as e:
    say(e)
say(subprocess.run(["/bin/sh", "-c", "true; /bin/true; exit 0"], env={}).returncode)
process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join()
say(process.exitcode)
"""
case("python_starts_programs", ["$PYTHON", "start.py"], files={"start.py": PYTHON}, stdout="No such file",
     golden="process_python")

# Where our object is not to be found, no loader is asked for it: it would complain on stderr.
CHROOT = """
mkdir -p root/bin root/lib64 root/lib/x86_64-linux-gnu
cp /bin/dash root/bin/sh; cp /bin/echo root/bin
cp /lib64/ld-linux-x86-64.so.2 root/lib64; cp /lib/x86_64-linux-gnu/libc.so.6 root/lib/x86_64-linux-gnu
exec perl -e 'chroot "root" or die; chdir "/"; $|=1; system("/bin/echo", "inside");
              system("/bin/echo a; /bin/echo b"); exec "/bin/echo", "replaced"'
"""
case("a_root_directory_without_us", ["bash", "chroot.sh"], files={"chroot.sh": CHROOT}, stdout="inside\na\nb\nreplaced",
     golden=None, lost=None, log_any=["."], needs=["perl"],
     skip=lambda: None if os.getuid() == 0 else "needs root")

# ---------------------------------------------------------------- programs that are no command lines
for how in ("listen", "accept", "accept4"):
    case(f"server_by_{how}", ["$PROGRAMS/server_calls", how, "0", "2"], golden="process_server")
    case(f"server_by_{how}_after_work", ["$PROGRAMS/server_calls", how, "1", "2"], golden="process_server_late")
case("unix_listener_is_no_server", ["$PROGRAMS/server_calls", "unix_listen", "1", "2"], golden="program_lookups",
     vars={"PROGRAM": "server_calls", "LOOKUPS": 3})
case("server_with_a_span_for_ever", ["$PROGRAMS/server_calls", "listen", "1", "2"], golden="program_lookups",
     vars={"PROGRAM": "server_calls", "LOOKUPS": 3}, shim_env={"OTEL_SHIM_PROCESS_SPAN": "always"})
case("a_thousand_calls_are_too_many", ["$PROGRAMS/server_calls", "none", "1001", "0"], golden="process_thousand")
case("no_process_span_when_told", ["$PROGRAMS/server_calls", "none", "2", "0"], golden="process_never",
     shim_env={"OTEL_SHIM_PROCESS_SPAN": "never"})
case("a_process_span_of_nothing_when_told", ["true"], golden="process_always",
     shim_env={"OTEL_SHIM_PROCESS_SPAN": "always"})
