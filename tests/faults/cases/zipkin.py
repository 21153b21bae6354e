"""Zipkin: the mapping, and a server that fails."""
import zipkin_json
from harness import Failure, account, case, collector, drive, expect

ZIPKIN, OTLP = 4, 1  # enum exporter_kind
OPTIONS = {"path": zipkin_json.PATH, "content_type": "application/json", "decode_traces": zipkin_json.decode}


def rest(span):
    return {k: v for k, v in span.items() if k not in ("accepted", "request")}


@case
def zipkin_has_what_otlp_has():
    for rich in (0, 1):
        with collector() as (otlp, url), collector(**OPTIONS) as (sink, zipkin):
            result = drive(url, exporters=ZIPKIN | OTLP, zipkin=zipkin, spans=7, attributes=6, rich=rich,
                           fixed=1, service='shop "\u00fc"')
            account(result, otlp, 7, to="otlp")
            account(result, sink, 7, to="zipkin")
            order = [s["span_id"] for s in otlp.spans]
            got = sorted(sink.spans, key=lambda s: order.index(s["id"]))
            expect("spans", [zipkin_json.comparable(rest(s)) for s in got],
                   [zipkin_json.of_otlp(s) for s in otlp.spans])


@case
def zipkin_gets_many_spans_over_one_connection():
    with collector(**OPTIONS) as (sink, url):
        result = drive("", exporters=ZIPKIN, zipkin=url, spans=20000, attributes=6)
        account(result, sink, 20000)
        expect("connections, the first one a look whether somebody listens", sink.accepted, 2)


@case
def zipkin_that_fails_is_asked_again_while_otlp_goes_on():
    with collector() as (otlp, url), collector("status:503:1;ok", **OPTIONS) as (sink, zipkin):
        result = drive(url, exporters=ZIPKIN | OTLP, zipkin=zipkin, spans=3)
        account(result, otlp, 3, to="otlp")
        account(result, sink, 3, to="zipkin")
    with collector() as (otlp, url), collector("status:400", **OPTIONS) as (sink, zipkin):
        result = drive(url, exporters=ZIPKIN | OTLP, zipkin=zipkin, spans=3)
        account(result, otlp, 3, to="otlp")
        account(result, None, 3, dropped=3, to="zipkin")
        if "Zipkin refused a batch: status 400" not in result["log"]:
            raise Failure(f"the log says {result['log']!r}")
