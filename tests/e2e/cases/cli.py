"""
The command: `otelshim run` is a good wrapper, `otelshim config` tells the truth.
"""
import re

from harness import Failure, case

RUN = {"preload": False, "bare_env": {"OTEL_SDK_DISABLED": "true"}}
TREE = {"golden": "program_lookups", "vars": {"PROGRAM": "exit_in_flight", "LOOKUPS": 1}}
# What goes to the console does not arrive at the collector.
CONSOLE = {"preload": False, "golden": None, "lost": None, "compare": False, "injects": False,
           "bare_env": {"OTEL_SDK_DISABLED": "true"}}


def shell(text):
    return ["sh", "-c", text]


case("cli_run_sends_what_the_preload_sends", ["$OTELSHIM", "run", "--", "$PROGRAMS/exit_in_flight"], **RUN, **TREE)
case("cli_run_options_set_variables",
     shell("$OTELSHIM run --service=named --sampler traceidratio=1 --log-level debug --disable curl,sqlite3 "
           "--exclude=a,b --exporter otlp --endpoint \"$$COLLECTOR\" $PROGRAMS/exit_in_flight"), **RUN, **TREE,
     shim_env={"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:$CLOSED_PORT/",
               "OTEL_EXPORTER_OTLP_ENDPOINT": None, "COLLECTOR": "http://127.0.0.1:$SINK_PORT"},
     check=lambda run: expect(all(s["resource"]["service.name"] == "named" for s in run.spans), "service.name"))
case("cli_run_finds_an_installed_library",
     shell("mkdir -p bin lib/otelshim && cp $OTELSHIM bin && cp $BUILD/*.so lib/otelshim && "
           "bin/otelshim run $PROGRAMS/exit_in_flight"), **RUN, **TREE)
case("cli_run_preloads_in_front", shell("LD_PRELOAD=libm.so.6 $OTELSHIM run env | grep ^LD_PRELOAD"), golden="none",
     stdout="LD_PRELOAD=$SHIM:libm.so.6", **RUN)

ALONE = {"preload": False, "golden": "none"}
case("cli_knows_no_other_command", ["$OTELSHIM", "bogus"], exit=125, stderr="there is no command `bogus`\nusage: otelshim COMMAND", **ALONE)
case("cli_tells_its_version", ["$OTELSHIM", "--version"], stdout=r"^otelshim \d+\.\d+\.\d+\n$", **ALONE)
case("cli_recover_without_a_spool", shell("OTEL_SHIM_SPOOL_DIR=none exec $OTELSHIM recover"), exit=125,
     stderr="this configuration has no spool", **ALONE)
case("cli_console_without_room_for_a_file", ["$OTELSHIM", "run", "--console", "echo", "ran"], exit=125, stdout="^$",
     stderr="no temporary file in /no/such: No such file or directory; set TMPDIR", env={"TMPDIR": "/no/such"}, **ALONE)


def expect(holds, text):
    if not holds:
        raise Failure(text)


# ---------------------------------------------------------------- the tree of --console
def tree(*patterns, code=0, out=b""):
    def check(run):
        expect(run.shim.code == code, f"exit {run.shim.code}, must be {code}")
        expect(run.shim.out == out, f"stdout {run.shim.out!r}")
        text = run.shim.err.decode()
        expect(text.count("trace ") == 1, f"not one trace:\n{text}")
        for pattern in patterns:
            expect(re.search(pattern, text, re.M), f"no line {pattern!r} in\n{text}")
        run.received_nothing()
        leftover = [f for f in __import__("os").listdir(run.tmp) if f.startswith("otelshim-")]
        expect(not leftover, f"left behind: {leftover}")
    return check


case("cli_console_prints_one_tree_of_all_processes",
     ["$OTELSHIM", "run", "--console", "--", "sh", "-c", "$PROGRAMS/exit_in_flight >&2; sqlite3 :memory: 'select 7'; exit 3"],
     exit=3, **CONSOLE, check=tree(r"^\S*sh .*exit 3", r"^[├└]─ exit_in_flight .*exit 0", r"^[│ ] +[├└]─ dns\.lookup",
                                   r"^[├└]─ sqlite3 .*exit 0", r"^ +[├└]─ select .*select \?", code=3, out=b"7\n"))
case("cli_console_ends_by_the_programs_signal",
     ["$OTELSHIM", "run", "--console", "sh", "-c", "$PROGRAMS/exit_in_flight; kill -TERM $$$$"], exit=-15, **CONSOLE,
     check=lambda run: expect(run.shim.code == -15 and b"dns.lookup" in run.shim.err, f"{run.shim.code} {run.shim.err}"))
case("cli_console_hands_signals_on",
     shell("$OTELSHIM run --console sh -c 'trap \"echo term; exit 9\" TERM; echo up; while :; do sleep 0.05; done' > out & "
           "until grep -q up out; do sleep 0.05; done; kill -TERM $$!; wait $$!; echo $$? >> out"),
     outputs=["out"], golden=None, lost=None, injects=False, preload=False, bare_env={"OTEL_SDK_DISABLED": "true"},
     compare=False, check=lambda run: expect(run.shim.files["out"] == b"up\nterm\n9\n", f"{run.shim.files['out']!r}"))
case("cli_console_leaves_the_terminals_signals_to_the_program",
     shell("timeout -s INT 1 $OTELSHIM run --console sh -c 'trap \"echo int; exit 4\" INT; sleep 30'; echo $$?"), **CONSOLE,
     check=lambda run: expect(run.shim.out == b"int\n124\n", f"{run.shim.out!r}"))
case("cli_console_program_starts_with_our_signals",
     ["env", "--ignore-signal=HUP,CHLD", "--block-signal=USR1", "$OTELSHIM", "run", "--console",
      "grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"], preload=False, golden="none",
     bare_env={"OTEL_SDK_DISABLED": "true"}, stdout="SigBlk:\t0*200\nSigIgn:\t0*10001\n")

# ---------------------------------------------------------------- what cannot be run or seen
case("cli_program_not_found", ["$OTELSHIM", "run", "no-such-program"], exit=127, golden="none", **RUN,
     stderr="^otelshim: no-such-program: not found in PATH")
case("cli_file_not_executable", ["$OTELSHIM", "run", "--console", "./text"], exit=126, golden="none", **RUN,
     files={"text": "words"}, stderr="^otelshim: ./text: cannot be run: Permission denied")
case("cli_directory_is_no_program", ["$OTELSHIM", "run", "/tmp"], exit=126, golden="none", **RUN, stderr="Is a directory")
case("cli_unknown_option", ["$OTELSHIM", "run", "--bogus", "true"], exit=125, golden="none", **RUN, stderr="--bogus")
case("cli_no_program", ["$OTELSHIM", "run", "--console"], exit=125, golden="none", **RUN, stderr="no program given")
case("cli_static_program_is_run_and_told_of", ["$OTELSHIM", "run", "/sbin/ldconfig", "--version"], golden="none", **RUN,
     stdout="^ldconfig", stderr="^otelshim: /sbin/ldconfig: it is statically linked \(static-PIE\)")

# ---------------------------------------------------------------- the list of variables
case("cli_documentation_is_the_table_that_is_read",
     shell("$OTELSHIM config --markdown | diff - $ROOT/docs/CONFIGURATION.md && $OTELSHIM config --list | grep -c ^OTEL_"),
     golden="none", preload=False)
