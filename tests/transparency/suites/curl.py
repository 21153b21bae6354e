"""
curl's own tests of the command, run with Debian's curl and libcurl; the servers are theirs. They hold every
byte that curl sends against what its authors expect: so it adds no header of ours here (OTEL_PROPAGATORS),
which e2e/cases/http_bytes.py looks at. Left out: tests of libcurl's functions, which want programs linked
against curl's own build, and those of SSH.
"""
import functools
import os
import pwd
import re

from harness import FAIL, PASS, suite
from sources import built

STEPS = [["./configure", "-q", "--without-ssl", "--without-zlib", "--without-brotli", "--without-zstd",
          "--without-libpsl", "--disable-ldap", "--disable-shared", "--disable-manual",
          "--disable-dependency-tracking"],
         ["make", "-s", "-j2", "-C", "tests/server"], ["make", "-s", "-C", "tests/certs"],
         ["ln", "-sf", "/usr/bin/curl", "src/curl"]]


def directory():
    return os.path.join(built("curl", *STEPS), "tests")


def listed(name):
    """The same, with a file of the row's tests beside runtests.pl."""
    with open(os.path.join(directory(), name), "w") as f:
        f.write(" ".join(map(str, numbers(*ROWS[name][:2]))))
    return directory()


def results(run):
    """`PASS: 19 - attempt connect to non-listening socket`; what cannot run here has no line."""
    return {number: {"PASS": PASS, "FAIL": FAIL}[result]
            for result, number in re.findall(r"^(PASS|FAIL): (\d+) - ", run.out, re.M)}


WEB = {"http", "https", "http-ipv6", "http-unix", "http-proxy", "https-proxy", "socks4", "socks5", "socks5unix", "none",
       "file"}
OTHERS = {"ftp", "ftps", "ftp-ipv6", "smtp", "imap", "pop3", "mqtt", "tftp", "gopher", "gophers", "telnet", "dict"}
# name -> servers, numbers, how many must pass bare; the web's are two rows, as a row is to take minutes
ROWS = {"curl_web": (WEB, range(300), 180), "curl_web_more": (WEB, range(300, 10000), 400),
        "curl_others": (OTHERS, range(10000), 300)}


def numbers(servers, among):
    """Tests of the command that need these servers only; those that need both kinds are with the others."""
    data = os.path.join(directory(), "data")
    found = []
    for name in os.listdir(data):
        number = re.fullmatch(r"test(\d+)", name)
        with open(os.path.join(data, name), errors="replace") as f:
            text = f.read()
        needs = {word for part in re.findall(r"<server>(.*?)</server>", text, re.S) for word in part.split()}
        if number and int(number[1]) in among and needs <= WEB | OTHERS and \
                bool(needs & OTHERS) == (servers is OTHERS) and not re.search(r"<tool>|unittest|Debug\b", text):
            found.append(int(number[1]))
    return sorted(found)


# Tests that set http_proxy or all_proxy: proxies of the exporter, too (docs/LIMITS.md).
BY_PROXY = "the exporter's requests go through the proxy that the test sets, whose log it compares"
KNOWN = {number: BY_PROXY for number in ("63", "1255", "1256", "1257", "1265")}

USER = pwd.getpwuid(os.getuid()).pw_name  # runtests.pl ends at the first test that names it, where there is none
for name, (_, _, least) in ROWS.items():
    # sh: which tests there are is known when the sources are there
    suite(name, ["sh", "-c", 'exec perl -I. runtests.pl -a -n -am $(cat "$1")', "each", name], results,
          setup=functools.partial(listed, name), least=least, timeout=1500, known=KNOWN,
          env={"srcdir": ".", "USER": USER, "OTEL_PROPAGATORS": "none"})
