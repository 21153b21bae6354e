"""
What cannot be seen, by real programs of each kind: `otelshim run` says so in one line and runs
them as they are; with --strict it refuses. And its options are the variables they stand for.
"""
from harness import case
from kinds import (ASKS_32, BITS_32, NOBODY, capable, compiled, executable_script, needs_root, of_another_user, of_this_user,
                   script_of_static)

RUN = {"preload": False, "bare_env": {"OTEL_SDK_DISABLED": "true"}, "golden": "none"}
ASKS = ('#include <stdio.h>\n#include <stdlib.h>\n'
        'int main(void) { puts(getenv("LD_PRELOAD") ? "LD_PRELOAD set" : "LD_PRELOAD unset"); return 0; }\n')


def unseen(name, why, said="without telemetry", argv=("./hello",), stdout="^hello$", **options):
    """Run all the same, and refused."""
    case(f"cli_run_{name}_is_run_and_told_of", ["$OTELSHIM", "run", *argv], stdout=stdout,
         stderr=rf"(?s)^otelshim: [^\n]*{why}[^\n]*{said}[^\n]*\n$$", **RUN, **options)
    case(f"cli_run_{name}_is_refused_when_strict", ["$OTELSHIM", "run", "--strict", "--", *argv], exit=125,
         stdout="^$", stderr=rf"(?s)^otelshim: \S+: not run \(--strict\): [^\n]*{why}[^\n]*; [^\n]+\n$$", **RUN, **options)


unseen("a_static_program", "statically linked: no loader", **compiled("gcc", "-static"))
unseen("a_static_pie", r"statically linked \(static-PIE\)", **compiled("gcc", "-static-pie"))
unseen("a_musl_program", "musl", **compiled("musl-gcc"))
unseen("a_32_bit_program", "it is a 32-bit program: a loader takes objects of its own kind only", stdout="^LD_PRELOAD unset$",
       **compiled(*BITS_32, source=ASKS_32))
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
    "OTEL_SHIM_PROFILE": (["--profile=dev"], "dev"),
    "OTEL_SHIM_RUN_ID": (["--run-id", "night-7"], "night-7"),
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
