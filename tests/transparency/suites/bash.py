"""
bash's own tests, a script a test. Each script's output (what differs from what bash's authors
expect, and how) is compared, not only whether there is any.
"""
import hashlib
import os
import re

from harness import FAIL, PASS, suite
from sources import built

EACH = r"""
unset BASH_ENV; export -n SHELLOPTS
export PATH=.:$PATH THIS_SH=/bin/bash BUILD_DIR=.. BASH_TSTOUT=$TMPDIR/tstout
for x in run-*; do
    case $x in run-all|run-minimal|run-gprof) continue ;; esac
    case " $2 " in *" ${x#run-} "*) quick=yes ;; *) quick=no ;; esac
    [ $quick = $1 ] || continue
    sh $x > "$TMPDIR/$x.out" 2>&1
    echo "exit $?" >> "$TMPDIR/$x.out"
    rm -f "$BASH_TSTOUT"
done
"""


def directory():
    helpers = [["gcc", "-w", "-I.", "-Iinclude", "-include", "unistd.h", "-o", f"tests/{name}", f"support/{name}.c"]
               for name in ("recho", "zecho", "printenv", "xcase")]
    return os.path.join(built("bash", *helpers), "tests")


def results(run):
    """What a script says beside its warnings differs from what is expected; it names the run's directory, and a pid."""
    tests = {}
    for name in sorted(os.listdir(run.tmp)):
        if not (name.startswith("run-") and name.endswith(".out")):
            continue
        with open(os.path.join(run.tmp, name), errors="backslashreplace") as f:
            said = re.sub(r"process group \(\d+\)", "process group (PID)", f.read().replace(run.tmp, "TMP"))
        differs = re.search(r"^[<>]", said, re.M) or not said.endswith("exit 0\n")
        tests[name[:-4]] = f"{FAIL if differs else PASS}: {hashlib.sha1(said.encode()).hexdigest()[:8]}"
    return tests


# Two rows. Scripts that start few commands are a part of make test; there a command that does something is a
# span. The others start some thousand commands, each of which would have an exporter of its own and end 0.1 s
# later with a hanging collector: 7 times the bare run's time. So their commands are no spans; hooks act as ever.
# (nameref is quick, but races with a coprocess of its own: two results, bare as well.)
QUICK = ("casemod comsub-eof cond errors exportfunc getopts herestr lastpipe mapfile parser posixpipe set-x "
         "shopt invert")
for name, quick, least, timeout in (("bash_quick", "yes", 12, 120), ("bash", "no", 45, 1200)):
    suite(name, ["/bin/bash", "-c", EACH, "each", quick, QUICK], results, setup=directory, least=least,
          timeout=timeout, env={"OTEL_SHIM_PROCESS_SPAN": "auto" if quick == "yes" else "never"},
          short=quick == "yes", spans=quick == "yes")
