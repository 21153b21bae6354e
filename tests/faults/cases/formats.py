"""The wire formats: JSON, gzip, and that all of them say the same."""

import math

from harness import Failure, account, case, collector, drive, expect, expect_between

JSON = {"content_type": "application/json"}
PROTOBUF, HTTP_JSON = 0, 1  # enum otlp_protocol
GZIP = 1
RICH = {"spans": 7, "attributes": 6, "rich": 1, "fixed": 1, "pid": 42, "service": "shop\u00fc"}


def without_arrival(spans):
    """What a span says, less how it came."""
    return [{k: v for k, v in span.items() if k not in ("accepted", "request")} for span in spans]


def received(protocol, **settings):
    options = JSON if protocol == HTTP_JSON else {}
    with collector(**options) as (sink, url):
        account(drive(url, protocol=protocol, **RICH, **settings), sink, RICH["spans"])
        return without_arrival(sink.spans)


@case
def json_says_what_protobuf_says():
    wanted = received(PROTOBUF)
    span = wanted[3]
    expect("attributes of a rich span", len(span["attributes"]), 16)
    expect("its own event", span["events"][1], {
        "name": 'own "event"', "time": span["start"], "dropped_attributes": 3,
        "attributes": {"s": '\x01"\\\u00e4', "i": -1, "b": False, "0": 0.5, "1": -math.inf}})
    expect("its texts", span["attributes"]["user_agent.original"], "gr\u00fcn \U0001f98a \x01\x7f\\")
    expect("its status", span["status_message"], 'it "broke"')
    expect("by JSON", received(HTTP_JSON), wanted)
    expect("by JSON, compressed", received(HTTP_JSON, compression=GZIP), wanted)
    expect("by protobuf, compressed", received(PROTOBUF, compression=GZIP), wanted)


@case
def json_goes_out_as_json():
    with collector(**JSON) as (sink, url):
        result = drive(url, spans=3000, attributes=6, protocol=HTTP_JSON)
        account(result, sink, 3000)
        expect("Content-Type", sink.requests[0]["headers"]["Content-Type"], "application/json")


@case
def gzip_makes_small_requests_over_one_connection():
    sizes = {}
    for compression in (0, GZIP):
        with collector() as (sink, url):
            result = drive(url, spans=20000, attributes=6, compression=compression)
            account(result, sink, 20000)
            expect("distinct spans", len({s["span_id"] for s in sink.spans}), 20000)
            expect("connections, the first one a look whether somebody listens", sink.accepted, 2)
            encoding = sink.requests[0]["headers"].get("Content-Encoding")
            expect("Content-Encoding", encoding, "gzip" if compression else None)
            sizes[compression] = sum(int(r["headers"]["Content-Length"]) for r in sink.requests)
    expect_between("bytes of the compressed requests in percent", 100 * sizes[GZIP] // sizes[0], 1, 25)


@case
def a_compressed_batch_is_sent_again_as_it_was():
    with collector("status:503:0;reset;ok") as (sink, url):
        result = drive(url, spans=3, compression=GZIP)
        expect("delivered", result["delivered"], 3)
        lengths = [r["headers"]["Content-Length"] for r in sink.requests]
        expect("bytes of the requests", lengths, lengths[:1] * 3)


@case
def a_partial_success_in_json_is_understood():
    with collector("partial:4", **JSON) as (sink, url):
        result = drive(url, spans=10, protocol=HTTP_JSON)
        account(result, sink, 10, dropped=4)
        if "no room" not in result["log"]:
            raise Failure("the collector's words are not in the log")


@case
def garbage_in_place_of_json_is_said():
    with collector("garbage", **JSON) as (sink, url):
        result = drive(url, spans=2, protocol=HTTP_JSON)
        account(result, sink, 2)
        if "no ExportTraceServiceResponse" not in result["log"]:
            raise Failure("the log says nothing")
