"""
CPython's own tests (libpython3.11-testsuite), a module a row, by its own runner. Tests that need
the network, much memory or a display are skipped by the runner itself (no -u).
"""
import glob
import os
import xml.etree.ElementTree as ElementTree

from harness import CACHE, FAIL, PASS, SKIP, Unavailable, suite
from sources import source

TESTS = "/usr/lib/python3.11/test"
# Left out of every run: a socket to the virtual machine's host waits for ever where none answers.
IGNORED = ("*VSOCK*",)


def installed():
    if not os.path.exists(os.path.join(TESTS, "test_socket.py")):
        raise Unavailable("no libpython3.11-testsuite (scripts/deps.sh transparency)")


def outcome(testcase):
    for child in testcase:
        if child.tag in ("failure", "error"):
            return FAIL
        if child.tag == "skipped":
            return SKIP
    return PASS


def results(run):
    """A test that has sub-tests comes once for each of them that fails: the worst counts."""
    tests = {}
    for path in glob.glob(os.path.join(run.tmp, "*.xml")):
        for testcase in ElementTree.parse(path).iter("testcase"):
            name = testcase.get("name").removeprefix("test.")
            if FAIL in (tests.get(name), outcome(testcase)):
                tests[name] = FAIL
            else:
                tests[name] = outcome(testcase)
    return tests


def module(name, *flags, **options):
    ignored = [word for pattern in IGNORED for word in ("-i", pattern)]
    suite(f"cpython_{name}", ["/usr/bin/python3.11", "-m", "test", "--junit-xml", "$TMP/out.xml", "-v", *ignored,
                              *flags, f"test_{name}"],
          results, **{"setup": installed, **options})


SHORT = ("epoll", "fork1", "httplib", "posix", "urllib2_localnet")
for name in ("socket", "ssl", "asyncio", "subprocess", "httplib", "urllib2", "selectors", "signal",
             "threading", "fork1", "os", "posix", "multiprocessing_fork", "io", "pty", "httpservers",
             "urllib2_localnet", "ftplib", "smtplib", "poplib", "imaplib", "epoll", "poll", "select",
             "popen", "resource", "faulthandler", "mmap", "tempfile", "pathlib", "shutil"):
    module(name, short=name in SHORT)
module("socketserver", "-u", "network")  # that of loopback, all the same


def only_in_the_source():
    """Debian's package leaves sqlite3's tests out."""
    beside = os.path.join(CACHE, "python3.11_tests")
    os.makedirs(beside, exist_ok=True)
    if not os.path.islink(os.path.join(beside, "test")):
        os.symlink(os.path.join(source("python3.11"), "Lib/test"), os.path.join(beside, "test"))


module("sqlite3", setup=only_in_the_source, env={"PYTHONPATH": os.path.join(CACHE, "python3.11_tests")})
