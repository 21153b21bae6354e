"""What works."""
from harness import Failure, account, case, collector, drive, expect, expect_between


@case
def delivers_every_span_over_one_connection():
    with collector() as (sink, url):
        result = drive(url, spans=20000, attributes=6)
        account(result, sink, 20000)
        ids = {s["span_id"] for s in sink.spans}
        expect("distinct spans", len(ids), 20000)
        expect("connections, the first one a look whether somebody listens", sink.accepted, 2)
        expect_between("requests", len(sink.requests), 39, 60)


@case
def sends_what_the_specification_asks_for():
    with collector() as (sink, url):
        drive(url, headers=["api-key:s3cret", "x-empty:", "Content-Type:text/plain",
                            "bad:in\r\njected: 1"])
        headers = sink.requests[0]["headers"]
        expect("User-Agent", headers["User-Agent"], "OTel-OTLP-Exporter-C/0.1.0")
        expect("Content-Type", headers["Content-Type"], "application/x-protobuf")
        expect("api-key", headers["api-key"], "s3cret")
        expect("x-empty", headers["x-empty"], "")
        for name in ("bad", "jected", "Expect", "traceparent"):
            if name in headers:
                raise Failure(f"header {name} was sent")


@case
def a_partial_batch_is_sent_when_it_is_old_enough():
    with collector() as (sink, url):
        result = drive(url, spans=3, delay_ms=1500, flush_at_ms=100000)
        account(result, sink, 3)
        expect_between("ms", result["ms"], 1490, 2600)
        expect("requests", len(sink.requests), 1)


@case
def a_full_batch_is_sent_at_once():
    with collector() as (sink, url):
        result = drive(url, spans=1024, delay_ms=60000, flush_at_ms=100000)
        account(result, sink, 1024)
        expect("requests", [r["spans"] for r in sink.requests], [512, 512])
        expect_between("ms", result["ms"], 0, 1500)


@case
def a_flush_sends_all_batches_that_wait():
    with collector() as (sink, url):
        result = drive(url, spans=1300, delay_ms=60000, flush_once=1)
        account(result, sink, 1300)
        expect("requests", [r["spans"] for r in sink.requests], [512, 512, 276])
