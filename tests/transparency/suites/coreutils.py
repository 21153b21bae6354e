"""
The coreutils' own tests, a script a test, run with Debian's commands. They run as whoever runs this; those
that want root, another user, file system or kernel skip themselves.
"""
import os
import re

from harness import CACHE, FAIL, PASS, SKIP, suite
from sources import built

STEPS = [["sh", "-c", "mkdir -p b/commands && cd b && ../configure -q --disable-dependency-tracking --without-openssl"],
         ["sh", "-c", r"printf 'include Makefile\nsources: $(BUILT_SOURCES)\n"
                      r"programs:\n\t@echo $(built_programs)\n' >b/more.mk"],
         ["make", "-s", "-C", "b", "-f", "more.mk", "sources"],
         ["make", "-s", "-j2", "-C", "b", "src/getlimits"],  # what tests ask for this machine's limits
         ["sh", "-c", "for name in $(make -s --no-print-directory -C b -f more.mk programs); do"
                      " ln -s /usr/bin/$(echo $name | sed s,^ginstall$,install,) b/commands/$name; done;"
                      " find b/commands -xtype l -delete; ls b/commands | xargs >b/programs;"
                      " ln -s ../src/getlimits b/commands"]]
# What the coreutils' makefile sets before it runs a test.
EACH = r"""
top=$1; shift
. $top/tests/lang-default
unset TERM
ln -s $top/b/commands src
export srcdir=$top top_srcdir=$top abs_srcdir=$top abs_top_srcdir=$top abs_top_builddir=$PWD
export built_programs="$(cat $top/b/programs)" CONFIG_HEADER=$top/b/lib/config.h host_os=linux-gnu fail=0
export host_triplet=x86_64-pc-linux-gnu CC=gcc AWK=mawk EGREP='grep -E' EXEEXT= MAKE=make PERL=perl SHELL=/bin/bash
export LOCALE_FR=none LOCALE_FR_UTF8=none VERSION=9.1 PACKAGE_VERSION=9.1 PATH=$PWD/src:$PATH
exec 9>&2
[ $# -gt 0 ] || set -- $(cat $top/b/tests.list)
for t; do
    export CU_TEST_NAME=coreutils,$(echo $t | tr / -)
    case $t in
    *.pl) perl -w -I$top/tests -MCuSkip -MCoreutils -M"CuTmpdir qw(${t##*/})" $top/tests/$t ;;
    *) /bin/bash $top/tests/$t ;;
    esac >"$TMPDIR/said" 2>&1 </dev/null
    echo "== $t $?"
    cat "$TMPDIR/said"
done
"""

# Left out for their time: they run a command some hundred times, on texts.
MANY = """misc/base64.pl misc/basenc.pl misc/date.pl misc/env-S.pl misc/ls-misc.pl misc/numfmt.pl misc/od-multiple-t.sh
    misc/usage_vs_getopt.sh pr/pr-tests.pl split/line-bytes.sh tail-2/inotify-race.sh tail-2/inotify-race2.sh""".split()
PROCESSES = """dd/nocache_eof.sh dd/stats.sh du/fd-leak.sh misc/cat-proc.sh misc/close-stdout.sh misc/csplit-io-err.sh
    misc/env-S-script.sh misc/env-null.sh misc/env-signal-handler.sh misc/env.sh misc/factor-parallel.sh
    misc/false-status.sh misc/head-write-error.sh misc/md5sum-parallel.sh misc/nice.sh misc/nice-fail.sh misc/nohup.sh
    misc/printenv.sh misc/seq-epipe.sh misc/shuf.sh misc/sleep.sh misc/sort-compress-hang.sh misc/sort-compress-proc.sh
    misc/sort-continue.sh misc/sort-exit-early.sh misc/sort-merge-fdlimit.sh misc/sort-spinlock-abuse.sh misc/stdbuf.sh
    misc/stty.sh misc/tee.sh misc/timeout-blocked.pl misc/timeout-group.sh misc/timeout-parameters.sh misc/timeout.sh
    misc/tty-eof.pl misc/tty.sh misc/wc-files0.sh misc/wc-parallel.sh misc/yes.sh mv/leak-fd.sh rm/isatty.sh
    split/filter.sh tail-2/F-vs-rename.sh tail-2/descriptor-vs-rename.sh tail-2/follow-stdin.sh tail-2/pid.sh
    tail-2/pipe-f.sh tail-2/pipe-f2.sh tail-2/retry.sh tail-2/wait.sh""".split()


def directory():
    """With the list of the suite's scripts, but for those above, in b/tests.list."""
    top = built("coreutils", *STEPS)
    with open(os.path.join(top, "tests/local.mk")) as f:
        scripts = re.findall(r"tests/(\S+\.(?:sh|pl))\b", re.search(r"^all_tests =(.*?)\n\n", f.read(),
                                                                  re.M | re.S)[1])
    with open(os.path.join(top, "b/tests.list"), "w") as f:
        f.write(" ".join(script for script in scripts if script not in MANY))


def results(run):
    said = re.findall(r"^== (\S+) (\d+)$", run.out, re.M)
    return {test: {"0": PASS, "77": SKIP}.get(status, f"{FAIL}: {status}") for test, status in said}


def scripts(name, which, least, **options):
    top = os.path.join(CACHE, "coreutils")
    suite(name, ["bash", "-c", EACH, "each", top, *which], results, setup=directory, least=least,
          timeout=1500, **options)


scripts("coreutils", [], 400, env={"OTEL_SHIM_PROCESS_SPAN": "never"}, spans=False)
# Two rows, as a row is to take minutes: with everything, each command has an exporter of its own.
for name, row, least in (("coreutils_processes", [t for t in PROCESSES if t < "misc/s"], 12),
                         ("coreutils_processes_more", [t for t in PROCESSES if t > "misc/s"], 20)):
    scripts(name, row, least, known={
        "misc/env-null.sh": "two commands have two TRACEPARENT in their environments, which it compares",
        "misc/printenv.sh": "as env-null.sh"})
