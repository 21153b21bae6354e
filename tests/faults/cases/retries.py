"""What passes again: attempts, waits, deadlines."""
import socket
import threading

from harness import Failure, Sink, account, case, collector, drive, expect, expect_between, expect_short_runs, servers


@case
def asks_again_after_503_no_sooner_than_retry_after():
    with collector("status:503:2;ok") as (sink, url):
        result = drive(url, spans=5, flush_at_ms=100)
        # The flush at 100 ms does not end the wait that the collector asked for.
        expect_between("ms", result["ms"], 1950, 3500)
        expect("requests", [r["behaviour"] for r in sink.requests], ["status:503:2", "ok"])
        expect("delivered", result["delivered"], 5)


@case
def each_retryable_status_is_tried_again():
    with collector("status:429:0;status:502:0;status:503:0;status:504:0;ok") as (sink, url):
        result = drive(url, spans=2)
        expect("delivered", result["delivered"], 2)
        expect("requests", len(sink.requests), 5)


@case
def gives_up_after_five_attempts():
    with collector("status:503:0") as (sink, url):
        result = drive(url, spans=2)
        account(result, None, 2, dropped=2)
        expect("requests", len(sink.requests), 5)
        expect("retries", result["retries"], 2)


@case
def backs_off_by_itself_between_attempts():
    with collector("status:503;ok") as (sink, url):
        result = drive(url, spans=2, delay_ms=1, flush_at_ms=60000)
        expect("delivered", result["delivered"], 2)
        expect_between("ms", result["ms"], 800, 1500)


@case
def a_flush_asks_a_failing_collector_once_more_not_in_a_loop():
    with collector("status:503") as (sink, url):
        result = drive(url, spans=2, give_up_ms=500)
        expect("requests", len(sink.requests), 2)
        expect("pending", result["pending"], 2)


@case
def a_wait_beyond_the_export_timeout_ends_the_batch():
    with collector("status:503:20") as (sink, url):
        result = drive(url, spans=2, export_timeout_ms=3000)
        account(result, None, 2, dropped=2)
        expect("requests", len(sink.requests), 1)
        expect_between("ms", result["ms"], 0, 1000)


@case
def a_reset_or_closed_connection_is_tried_again():
    for behaviour in ("reset", "close"):
        with collector(behaviour + ";ok") as (sink, url):
            result = drive(url, spans=3)
            expect(f"delivered after {behaviour}", result["delivered"], 3)


@case
def a_refused_connection_is_tried_again_and_given_up():
    url = f"http://127.0.0.1:{servers.closed_port()}/v1/traces"
    result = drive(url, spans=3, export_timeout_ms=2000)
    account(result, None, 3, dropped=3)
    if "connection refused" not in result["log"]:
        raise Failure("the log does not say why")


@case
def without_a_collector_libcurl_is_not_even_loaded():
    for host in ("127.0.0.1", "localhost"):
        url = f"http://{host}:{servers.closed_port()}/v1/traces"
        result = drive(url, spans=3, export_timeout_ms=1000)
        account(result, None, 3, dropped=3)
        expect_between("rss kB", result["rss_kb"], 0, 6000)


@case
def a_collector_that_comes_up_later_gets_the_spans():
    port = servers.free_port()
    late = []
    thread = threading.Timer(0.5, lambda: late.append(Sink("ok", port=port)))
    thread.start()
    result = drive(f"http://localhost:{port}/v1/traces", spans=3, flush_at_ms=60000, delay_ms=1)
    thread.join()
    late[0].close()
    account(result, late[0], 3)
    expect_between("ms", result["ms"], 700, 4000)


@case
def a_name_that_does_not_exist_is_no_crash():
    result = drive("http://no-such-host.invalid:4318/v1/traces", spans=3, export_timeout_ms=1000)
    account(result, None, 3, dropped=3)


@case
def a_hanging_collector_costs_the_attempt_timeout():
    with collector("hang") as (sink, url):
        result = drive(url, spans=3, timeout_ms=300, export_timeout_ms=900)
        account(result, None, 3, dropped=3)
        expect_between("ms", result["ms"], 290, 1800)
        expect_short_runs(result, 100000)


@case
def a_collector_that_does_not_accept_costs_the_attempt_timeout():
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/traces"
        result = drive(url, spans=3, timeout_ms=300, export_timeout_ms=900)
        account(result, None, 3, dropped=3)
        expect_between("ms", result["ms"], 290, 1800)
        expect_short_runs(result, 100000)


@case
def a_hanging_collector_does_not_stop_accepting_until_the_queue_is_full():
    with collector("hang") as (sink, url):
        result = drive(url, spans=5000, batch=512, queue=1000, timeout_ms=60000, give_up_ms=400)
        expect("accepted", result["accepted"], 1512)
        expect("pending", result["pending"], 1512)
