"""
What cannot be seen, by real programs of each kind: `otelshim run` says so in one line and runs
them as they are; with --strict it refuses. And its options are the variables they stand for.
"""
import os
import shutil
import struct
import subprocess

from harness import Failure, case

RUN = {"preload": False, "bare_env": {"OTEL_SDK_DISABLED": "true"}, "golden": "none"}
NOBODY = 65534
HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
ASKS = ('#include <stdio.h>\n#include <stdlib.h>\n'
        'int main(void) { puts(getenv("LD_PRELOAD") ? "LD_PRELOAD set" : "LD_PRELOAD unset"); return 0; }\n')


def compiled(*command, source=HELLO):
    """The source by a compiler of the case's choice, to ./hello."""
    def prepare(run):
        made = subprocess.run([*command, "-xc", "-", "-o", "hello"], cwd=run.tmp, input=source, capture_output=True,
                              text=True)
        if made.returncode:
            raise Failure(f"{command}: {made.stderr}")
    return {"prepare": prepare, "needs": [command[0]]}


def executable_script(run):
    os.chmod(os.path.join(run.tmp, "script"), 0o755)


def copy_of(program, run):
    return shutil.copy(program, os.path.join(run.tmp, "hello"))


def of_another_user(run):
    """id(1) as another user's set-user-ID program."""
    path = copy_of("/usr/bin/id", run)
    os.chown(path, 1, 1)
    os.chmod(path, 0o4755)


def of_this_user(run):
    os.chmod(copy_of("/usr/bin/id", run), 0o4755)


def capable(run):
    """cat(1) that may bind low ports: CAP_NET_BIND_SERVICE in the form of the kernel's version 2."""
    os.setxattr(copy_of("/usr/bin/cat", run), "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))


def script_of_static(run):
    compiled("gcc", "-static")["prepare"](run)
    executable_script(run)


def needs_root():
    return None if os.getuid() == 0 else "needs root to make such a file"


def unseen(name, why, said="without telemetry", argv=("./hello",), stdout="^hello$", **options):
    """Run all the same, and refused."""
    case(f"cli_run_{name}_is_run_and_told_of", ["$OTELSHIM", "run", *argv], stdout=stdout,
         stderr=rf"(?s)^otelshim: [^\n]*{why}[^\n]*{said}[^\n]*\n$$", **RUN, **options)
    case(f"cli_run_{name}_is_refused_when_strict", ["$OTELSHIM", "run", "--strict", "--", *argv], exit=125,
         stdout="^$", stderr=rf"(?s)^otelshim: \S+: not run \(--strict\): [^\n]*{why}[^\n]*; [^\n]+\n$$", **RUN, **options)


unseen("a_static_program", "statically linked: no loader", **compiled("gcc", "-static"))
unseen("a_static_pie", r"statically linked \(static-PIE\)", **compiled("gcc", "-static-pie"))
unseen("a_musl_program", "musl", **compiled("musl-gcc"))
unseen("a_go_program", "it is a Go program", said="all the same", argv=["fzf", "--version"], stdout=r"^\d",
       needs=["fzf"])
unseen("a_set_user_id_program", "set-user-ID", stdout=r"euid=1\b", prepare=of_another_user, uid=NOBODY, skip=needs_root)
unseen("a_program_with_capabilities", "file capabilities", argv=["./hello", "/proc/self/comm"], prepare=capable,
       uid=NOBODY, skip=needs_root)
unseen("a_script_of_a_static_program", r"its interpreter [^\n]*/hello: it is statically linked", argv=["./script"],
       files={"script": "#!$TMP/hello\n"}, prepare=script_of_static)

# This user is who the file changes to: nothing is ignored, and nothing is said.
case("cli_run_a_set_user_id_program_of_the_same_user", ["$OTELSHIM", "run", "--strict", "./hello", "-u"],
     stdout="^0$", stderr="^$", prepare=of_this_user, skip=needs_root, **RUN)
# What a loader takes offence at does not stand in its environment.
case("cli_run_preloads_nothing_into_musl", ["$OTELSHIM", "run", "./hello"], stdout="^LD_PRELOAD unset$", **RUN,
     **compiled("musl-gcc", source=ASKS))
case("cli_run_preloads_for_the_children_of_a_static_program", ["$OTELSHIM", "run", "./hello"], stdout="^LD_PRELOAD set$",
     **RUN, **compiled("gcc", "-static", source=ASKS))
case("cli_run_strict_runs_a_script_that_can_be_seen", ["$OTELSHIM", "run", "--strict", "./script"], stdout="^seen$",
     stderr="^$", files={"script": "#!/bin/sh\necho seen\n"}, prepare=executable_script, **RUN)

# ---------------------------------------------------------------- options are variables
VARIABLES = {
    "OTEL_EXPORTER_OTLP_PROTOCOL": (["--protocol=http/protobuf"], "http/protobuf"),
    "OTEL_RESOURCE_ATTRIBUTES": (["--resource", "team=a,b=c"], "team=a,b=c"),
    "OTEL_PROPAGATORS": (["--propagators", "tracecontext"], "tracecontext"),
    "OTEL_TRACES_SAMPLER": (["--sampler=traceidratio=0.25"], "traceidratio"),
    "OTEL_TRACES_SAMPLER_ARG": ([], "0.25"),
    "OTEL_SHIM_EXCLUDED_URLS": (["--exclude", "a,b"], "a,b"),
    "OTEL_SHIM_HTTP_ROUTES": (["--routes=/user/{id}"], "/user/{id}"),
    "OTEL_SHIM_DISABLED_INSTRUMENTATIONS": (["--disable", "*"], "*"),
    "EXTRA": (["--env", "EXTRA=1=2"], "1=2"),
    "EMPTY": (["--env=EMPTY="], ""),
}
case("cli_run_options_are_variables",
     ["$OTELSHIM", "run", *[word for words, _ in VARIABLES.values() for word in words], "--", "printenv", *VARIABLES],
     stdout="(?s)^" + "\n".join(value.replace("*", r"\*").replace("{", r"\{") for _, value in VARIABLES.values()) + "\n$$",
     **RUN)
case("cli_run_options_beat_variables_of_traces",
     ["$OTELSHIM", "run", "--protocol=http/protobuf", "--", "printenv", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"], exit=1,
     stdout="^$", env={"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, **RUN)
case("cli_run_env_needs_a_name", ["$OTELSHIM", "run", "--env", "=1", "true"], exit=125, stderr="NAME=VALUE", **RUN)
case("cli_run_option_needs_its_value", ["$OTELSHIM", "run", "--service"], exit=125, stderr="--service lacks its NAME", **RUN)
