"""
libevent's regression tests: event loops on epoll, poll and select, its own HTTP client and server,
DNS, TLS. Each test runs in a process of its own, forked by the program.
"""
import re

from harness import FAIL, PASS, SKIP, suite
from sources import built

AS_SHIPPED = ["AUTOMAKE=:", "ACLOCAL=:", "AUTOCONF=:", "AUTOHEADER=:"]  # nothing is generated anew
SAID = {"OK": PASS, "SKIPPED": SKIP, "DISABLED": SKIP}


def directory():
    return built("libevent", ["./configure", "-q", "--disable-shared", "--disable-samples"],
                 ["make", "-s", "-j2", *AS_SHIPPED])


def results(run):
    """`group/name: OK`, with a test's own words between, when it has any."""
    tests, name = {}, None
    for line in run.out.splitlines():
        begun = re.match(r"(\w+/[\w/]+): ", line)
        if begun:
            name = begun[1]
            tests[name] = FAIL
        ended = re.search(r"(?:^|: | )(OK|SKIPPED|DISABLED)$", line)
        if ended and name:
            tests[name] = SAID[ended[1]]
    return tests


suite("libevent", ["test/regress"], results, setup=directory, least=250, timeout=400)
