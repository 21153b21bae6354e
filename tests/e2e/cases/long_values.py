"""
Lists as long as they can be. The kernel hands on 128 KB of one variable (a longer one, such as 1 MB,
starts no program), we read 64 KB of it; in that fit 32,768 mistakes. A line says so, or at most 33,
and the program starts and does what it did.
"""
import re

from harness import Failure, case

KERNELS, OURS = 131000, 65536  # bytes of a value
HEADERS = [f"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_{side}_{what}" for side in ("CLIENT", "SERVER") for what in ("REQUEST", "RESPONSE")]


def repeated(item, size):
    return (item * (size // len(item) + 1))[:size]


def told(lines):
    """So many lines of ours about the configuration, in the one process there is."""
    def check(run):
        said = [line for line in run.log_lines if re.match(r"otelshim\[\d+\]: config: ", line)]
        if len(said) != lines or any(len(line) > 512 for line in said):
            raise Failure(f"{len(said)} lines, {lines} expected: {said[:3]}")
    return check


def long(name, variable, value, lines, log=(), **options):
    case(f"long_{name}", ["curl", "-sS", "$WEB/hello"], stdout="hello", golden="curl/one", shim_env={variable: value},
         log=list(log), log_any=[variable, "others are not told"] if lines > 1 else [], check=told(lines), slack=1, **options)


for short, variable, per_list in (("urls", "OTEL_SHIM_EXCLUDED_URLS", "128 patterns"), ("routes", "OTEL_SHIM_HTTP_ROUTES", "128 routes"),
                                  *((f"headers_{h.split('HEADERS_')[1].lower()}", h, "128 patterns") for h in HEADERS),
                                  ("methods", "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "32 methods")):
    long(f"{short}_of_128_kb", variable, repeated("/nothing/{id},", KERNELS), 1, [f"{variable}: 131000 bytes are more than the 65536"])
    long(f"{short}_of_64_kb", variable, repeated("GET," if short == "methods" else "/nothing/[0-9]+,", OURS), 1, [f"{variable}: more than {per_list}; \\d+ are left out"])
    if short != "methods":
        long(f"{short}_full_of_mistakes", variable, repeated("(,", OURS), 33, ["more mistakes than 32; the others are not told"])
# Within all bounds, and as slow as 128 patterns can be.
long("urls_that_are_hard_to_decide", "OTEL_SHIM_EXCLUDED_URLS", ",".join("(?:h|ht|t+)*" * 38 + str(n) for n in range(128)), 0)


# What the kernel makes of 1 MB, with and without us.
BIG = """
import errno, os
try:
    os.execve("/bin/true", ["true"], {**os.environ, "OTEL_SHIM_EXCLUDED_URLS": "x," * (1 << 19)})
except OSError as e:
    print(errno.errorcode[e.errno])
"""
case("long_of_1_mb_starts_no_program", ["$PYTHON", "-c", BIG], stdout="E2BIG", golden="none",
     shim_env={"OTEL_SHIM_PROCESS_SPAN": "never"})
