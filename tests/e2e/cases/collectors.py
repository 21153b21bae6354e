"""
C5: whatever the collector does, the program's output, status and time do not
change. The program makes two spans (its own and one lookup) and exits.
"""
import os
import re

from harness import Failure, case

PROGRAM = ["$PROGRAMS/exit_in_flight"]
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "10"}


def accounts_add_up(run):
    if run.made != 2:
        raise Failure(f"made {run.made} spans, must be 2")
    if run.made != run.delivered + run.dropped:
        raise Failure(f"made {run.made}, delivered {run.delivered}, dropped {run.dropped}")


def collector(name, behaviour, delivered, sleep_us="0", slack=1.0, check=accounts_add_up, env=None, **options):
    """`delivered`: whether the spans count as delivered, None: either way."""
    def checks(run):
        check(run)
        if delivered is not None and run.delivered != (2 if delivered else 0):
            raise Failure(f"delivered {run.delivered}")
    options.setdefault("log_any", [] if delivered else ["."])
    case(f"collector_{name}", PROGRAM + [sleep_us], sink=behaviour, golden=None, slack=slack, check=checks,
         lost=None, expect_drops=not delivered, shim_env=env or {}, **options)


collector("answers", "ok", True)
collector("answers_over_tls", "ok", True, sink_tls=True)
collector("answers_in_json", "ok", True, sink_protocol="http/json")
collector("answers_to_gzip", "ok", True, env={"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"})
collector("answers_by_grpc", "ok", True, sink_protocol="grpc")
collector("answers_by_grpc_over_tls", "ok", True, sink_protocol="grpc", sink_tls=True)
collector("answers_by_grpc_to_gzip", "ok", True, sink_protocol="grpc",
          env={"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"})
ABSENT = {"log": [r"export attempt 1 failed: .*refused; next one in \d+ ms \(otelshim check --connect says more\)"], "log_any": []}
HANGS = {"log": ["no answer from where spans go: the program does not wait for it"], "log_any": []}
collector("is_absent_for_grpc", "refused", False, slack=0.5, sink_protocol="grpc", **ABSENT)
collector("hangs_in_grpc", "hang", False, slack=0.6, sink_protocol="grpc", **HANGS)
collector("refuses_by_grpc", "status:3", False, sink_protocol="grpc")
collector("is_overloaded_in_grpc", "retry:14:20000", False, sink_protocol="grpc")
collector("is_slow", "slow:50", True)
collector("is_absent", "refused", False, slack=0.5, **ABSENT)
collector("hangs", "hang", False, slack=0.6, **HANGS)
collector("resets", "reset", False)
collector("closes", "close", False)
collector("sends_garbage", "garbage", None)
collector("never_ends_its_answer", "flood", None, slack=2.5)
collector("answers_with_10_mb", "large:10000000", None)
# Certificates that are not to be trusted: nothing is sent, and nobody waits for it.
for protocol in ("http/protobuf", "grpc"):
    collector(f"is_not_trusted_by_{protocol[:4]}", "ok", False, sink_tls=True, sink_protocol=protocol,
              env={"OTEL_EXPORTER_OTLP_CERTIFICATE": "/etc/ssl/certs/ca-certificates.crt"})
collector("redirects", "redirect", False)
collector("refuses_for_good", "status:400", False)
collector("is_forbidden", "status:403", False)
collector("has_an_error", "status:500", False)
collector("is_overloaded", "status:503:30", False)
collector("is_overloaded_until_a_date", "status:429:Wed, 21 Oct 2099 07:28:00 GMT", False)
collector("sends_a_bad_retry_after", "status:503:soon", False)


def one_rejected(run):
    accounts_add_up(run)
    if run.reasons.get("rejected") != 1 or run.delivered != 1:
        raise Failure(f"delivered {run.delivered}, dropped for {run.reasons}")


collector("rejects_one_of_two", "partial:1", None, check=one_rejected, log_any=["rejected"],
          orphans=True)

# A program that lives on gets its spans through when the collector recovers.
collector("recovers_after_503", "status:503:1;ok", True, sleep_us="2500000", env=QUICK, slack=2.0, log_any=["503"])
collector("recovers_after_a_reset", "reset;ok", True, sleep_us="3500000", env=QUICK, slack=2.0, log_any=["."])
collector("recovers_after_closing", "close;ok", True, sleep_us="3500000", env=QUICK, slack=2.0, log_any=["."])

# Exits at every stage of the export.
for microseconds in (100, 1000, 3000, 10000, 50000):
    collector(f"is_slow_and_the_program_exits_after_{microseconds}_us", "slow:50", True, sleep_us=str(microseconds),
              env={"OTEL_BSP_SCHEDULE_DELAY": "1"})
    collector(f"hangs_and_the_program_exits_after_{microseconds}_us", "hang", False, sleep_us=str(microseconds),
              env={"OTEL_BSP_SCHEDULE_DELAY": "1"}, slack=0.6)


# ---------------------------------------------------------------- a request of several pieces
# libcurl sends 64 KB at a time. The worker does not wait for anything between two of them while the collector takes them.
def sent_in_one_go(run):
    with open(os.path.join(run.tmp, "trace"), encoding="utf-8", errors="replace") as f:
        calls = [line.split(None, 1)[1] for line in f if re.match(r"\d+ +(sendto|poll|futex_waitv)\(", line)]
    pieces = [i for i, call in enumerate(calls) if re.search(r", 65536, MSG_NOSIGNAL, NULL, 0\) += 65536$", call)]
    waited = [calls[i + 1] for i in pieces if not re.match(r"poll\(.*, 0(\) += | <unfinished)", calls[i + 1])]
    if len(pieces) < 4 or waited:
        raise Failure(f"{len(pieces)} whole pieces, waited after {len(waited)} of them: {waited[:1]}")


case("collector_is_sent_the_pieces_of_a_request_in_one_go",
     ["sh", "-c", "strace -f -qq -e trace=sendto,poll,futex_waitv -o trace env LD_PRELOAD=$$PIECES_PRELOAD $PYTHON work.py"],
     files={"work.py": "import sqlite3\n"
                       "c = sqlite3.connect(':memory:')\n"
                       "for _ in range(1100):\n"
                       "    c.execute('select 1 as ' + 300 * 'x')\n"},
     golden=None, preload=False, shim_env={"PIECES_PRELOAD": "$SHIM"}, check=sent_in_one_go, needs=["strace"], slack=20.0, lost=None,
     expect_drops=True, sanitized=False)
