"""What the collector refuses for good."""
from harness import Failure, account, case, collector, drive, expect


@case
def a_partial_success_is_counted_and_never_sent_again():
    with collector("partial:4") as (sink, url):
        result = drive(url, spans=10)
        account(result, sink, 10, dropped=4)
        expect("requests", len(sink.requests), 1)
        expect("rejected", result["rejected"], 4)
        if "no room" not in result["log"]:
            raise Failure("the collector's words are not in the log")


@case
def partial_successes_are_a_warning_once():
    with collector("partial:1") as (sink, url):
        result = drive(url, spans=6, batch=2)
        account(result, sink, 6, dropped=3)
        lines = [line for line in result["log"].splitlines() if "no room" in line]
        expect("levels", [line[:6] for line in lines], ["log[2]", "log[4]", "log[4]"])


@case
def permanent_refusals_are_not_sent_again():
    # Not even where the answer says when.
    for status in ("400", "401", "404", "413", "413:1", "500", "500:1", "501"):
        with collector(f"status:{status}") as (sink, url):
            result = drive(url, spans=2)
            expect(f"rejected at {status}", result["rejected"], 2)
            expect(f"requests at {status}", len(sink.requests), 1)


@case
def a_redirect_is_not_followed():
    with collector("redirect") as (sink, url):
        result = drive(url, spans=2)
        expect("rejected", result["rejected"], 2)
        expect("requests", len(sink.requests), 1)
