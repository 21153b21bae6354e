"""
What describes the command: manual pages that lint and name every option, completion of bash, and all
of it installed.
"""
import os
import re
import subprocess

from harness import BUILD, ROOT, Failure, case

ASKED = {"preload": False, "golden": "none"}
COMMANDS = ("run", "check", "doctor", "recover")  # each has a page of its own
ALL = (*COMMANDS, "config", "export")


def output(*argv):
    return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout


def options_of_help(command):
    return set(re.findall(r"(?:^  |\[)(--[a-z-]+)", output(os.path.join(BUILD, "otelshim"), command, "--help"), re.M))


def options_of_manual(command):
    with open(os.path.join(ROOT, f"docs/man/otelshim-{command}.1")) as f:
        return {"-" + o for o in re.findall(r"(?:^\.It Fl|Op Fl|\| Fl) (-[a-z-]+)", f.read(), re.M)}


def manual_is_help(run):
    for command in COMMANDS:
        manual, told = options_of_manual(command), options_of_help(command)
        if manual != told:
            raise Failure(f"{command}: --help has {sorted(told - manual)} that the manual lacks, it {sorted(manual - told)}")
    with open(os.path.join(ROOT, "docs/man/otelshim.1")) as f:
        synopsis = f.read().split(".Sh DESCRIPTION")[0]
    commands = re.findall(r"^  ([a-z]+) +\S", output(os.path.join(BUILD, "otelshim"), "--help"), re.M)
    absent = [c for c in commands if f".Cm {c}\n" not in synopsis]
    if absent or not set(COMMANDS) < set(commands):
        raise Failure(f"otelshim.1's synopsis lacks {absent} of {commands}")
    if set(commands) != set(ALL):
        raise Failure(f"--help has the commands {commands}")
    if not len(options_of_help("run")) > 10:
        raise Failure(f"run --help lists {options_of_help('run')}")


case("cli_manual_pages_lint", ["sh", "-c", "mandoc -T lint -W warning $ROOT/docs/man/*.1 && mandoc -T utf8 $ROOT/docs/man/*.1 | "
                               "grep -c 'OTELSHIM'"], stdout=r"^\d+\n$", stderr="^$", needs=["mandoc"], **ASKED)
case("cli_manual_has_the_options_of_help", ["true"], check=manual_is_help, **ASKED)
for command in ALL:
    case(f"cli_{command}_has_help", ["$OTELSHIM", command, "--help"], stdout=f"^usage: otelshim {command}", stderr="^$", **ASKED)


# ---------------------------------------------------------------- completion
def complete(name, line, wanted, exact=False):
    """What bash offers at the end of `line`; `wanted` may be a command: every option of its --help."""
    words = line.split(" ")
    quoted = " ".join(f"'{w}'" for w in words)
    script = (f"PATH=$BUILD:$$PATH; . $ROOT/cli/completion.bash; complete -p otelshim >&2; COMP_WORDS=({quoted}); "
              f"COMP_CWORD={len(words) - 1}; _otelshim; printf '%s\\n' \"$${{COMPREPLY[@]}}\" | sort -u")

    def check(run):
        offered = run.bare.out.decode().split()
        all_of = options_of_help(wanted) | {"--help"} if isinstance(wanted, str) else set(wanted)
        if (offered != sorted(all_of)) if exact else not all_of <= set(offered):
            raise Failure(f"offered {offered[:40]}, must be {sorted(all_of)}")
    case(f"cli_completes_{name}", ["bash", "--norc", "-c", script], check=check, stderr="-F _otelshim otelshim", files={"file.txt": ""},
         **ASKED)


complete("commands", "otelshim ", [*ALL, "--help", "--version"], exact=True)
complete("a_command", "otelshim che", ["check"], exact=True)
for command in ALL:
    complete(f"every_option_of_{command}", f"otelshim {command} --", command, exact=True)
complete("options_of_run", "otelshim run --e", ["--endpoint", "--exporter", "--exclude", "--env"], exact=True)
complete("protocols", "otelshim run --protocol ", ["grpc", "http/protobuf", "http/json"], exact=True)
complete("samplers", "otelshim run --sampler traceid", ["traceidratio"], exact=True)
complete("instrumentations", "otelshim run --disable ", ["curl", "sqlite3", "dns", "process", "http", "manual"])
complete("files_of_an_option", "otelshim run --config fi", ["file.txt"])
complete("a_program", "otelshim run --service x sqlit", ["sqlite3"])
complete("a_program_behind_a_switch", "otelshim run --console -- sqlit", ["sqlite3"])
complete("arguments_of_the_program", "otelshim run --service=x cat fi", ["file.txt"], exact=True)
complete("programs_for_the_doctor", "otelshim doctor sqlit", ["sqlite3"])

# ---------------------------------------------------------------- installed
INSTALLED = ["bin/otelshim", "lib/otelshim/libotelshim-exporter.so", "lib/otelshim/libotelshim.so",
             "share/bash-completion/completions/otelshim",
             *[f"share/man/man1/otelshim{p}.1" for p in ("", "-check", "-doctor", "-recover", "-run")],
             "include/otelshim.h", "include/otelshim_exporter.h"]


def installed(run):
    there, left = run.bare.out.decode().split("--\n")
    missing = set(INSTALLED) - {line.removeprefix("./") for line in there.splitlines()}
    if missing or left:
        raise Failure(f"not installed: {sorted(missing)}; left behind: {left!r}")


case("cli_is_installed_and_uninstalled",
     ["sh", "-c", "make -s -C $ROOT BUILD=$BUILD PREFIX=$TMP/there install && cd there && find . -type f && echo -- && "
      "bin/otelshim run --strict true && cd .. && make -s -C $ROOT BUILD=$BUILD PREFIX=$TMP/there uninstall && find there -type f"],
     check=installed, sanitized=False, timeout=120, **ASKED)
