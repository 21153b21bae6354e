"""
Perl's core tests of processes, pipes, sockets, signals and threads, run by the system's perl:
each `ok N` of each file is a test.
"""
import os
import re
import shutil
import subprocess

from harness import CACHE, FAIL, PASS, SKIP, suite
from sources import source

# -T has to be on the command line, too.
EACH = r"""
for t; do
    echo "== $t"
    perl $(sed -n '1s/^#!.*perl  *\(-[wWtT]*\)\( .*\)*$/\1/p' "$t") "$t"
    echo "== exit $?"
done
"""
CORE = """io/closepid io/dup io/fs io/open io/openpid io/perlio_open io/pipe io/print io/read io/sem io/shm io/msg
    io/socket io/socketpair io/through op/alarm op/chdir op/die_exit op/exec op/exit op/fork op/getpid op/kill0
    op/magic op/sselect op/sleep op/stat op/sysio op/threads""".split()


def directory():
    """t/ beside a lib/ of the installed modules: tests take theirs from ../lib alone."""
    here = os.path.join(CACHE, "perl_tests")
    if not os.path.exists(here):
        new = here + ".part"
        shutil.rmtree(new, ignore_errors=True)
        os.makedirs(new + "/lib")
        found = subprocess.run(["perl", "-e", 'print join "\\n", reverse grep { -d } @INC'], capture_output=True,
                               text=True, check=True).stdout
        for place in found.splitlines():
            subprocess.run(["cp", "-asn", os.path.realpath(place) + "/.", new + "/lib/"], check=True)
        shutil.copytree(os.path.join(source("perl"), "t"), new + "/t")
        os.symlink("/usr/bin/perl", new + "/t/perl")
        os.rename(new, here)
    return os.path.join(here, "t")


def module_of(path):
    """The module's directory, with what its tests find there when it comes from CPAN and was built."""
    def ready():
        here = os.path.join(source("perl"), path)
        if not os.path.exists(os.path.join(here, "t/test.pl")):
            for part in ("lib", "arch"):
                os.makedirs(os.path.join(here, "blib", part), exist_ok=True)
            shutil.copy(os.path.join(source("perl"), "t/test.pl"), os.path.join(here, "t"))
        return here
    return ready


def results(run):
    tests, name = {}, ""
    for line in run.out.splitlines():
        if line.startswith("== exit "):
            tests[f"{name} exit"] = f"{PASS if line == '== exit 0' else FAIL}: {line[3:]}"
        elif line.startswith("== "):
            name = line[3:]
        elif line.startswith("1..0"):
            tests[name] = SKIP
        else:
            said = re.match(r"(not )?ok (\d+)(.*)", line)
            if said:
                not_asked = re.search(r"# (skip|todo)", said[3], re.I)
                tests[f"{name} {said[2]}"] = SKIP if not_asked else FAIL if said[1] else PASS
    return tests


def tap(name, files, setup, least):
    suite(f"perl_{name}", ["sh", "-c", EACH, "each", *files], results, setup=setup, least=least)


tap("core", [f"{name}.t" for name in CORE], directory, 1000)
tap("IO", [f"t/{name}.t" for name in ("IO", "io_dup", "io_linenum", "io_multihomed", "io_pipe", "io_poll", "io_sel",
                                      "io_sock", "io_sock_errstr", "io_udp", "io_unix", "cachepropagate-tcp",
                                      "cachepropagate-udp", "cachepropagate-unix")], module_of("dist/IO"), 100)
tap("POSIX", ["t/sigaction.t", "t/sigset.t", "t/termios.t", "t/waitpid.t", "t/wrappers.t"],
    module_of("ext/POSIX"), 100)
tap("IPC", ["t/IPC-Open2.t", "t/IPC-Open3.t"], module_of("ext/IPC-Open3"), 20)
tap("Socket", ["t/Socket.t", "t/getaddrinfo.t", "t/getnameinfo.t", "t/socketpair.t"], module_of("cpan/Socket"), 50)
tap("threads", [f"t/{name}.t" for name in ("basic", "end", "err", "exit", "free", "join", "kill", "libc", "list",
                                           "problems", "state", "thread")], module_of("dist/threads"), 150)
