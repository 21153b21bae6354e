"""
Zipkin's JSON (version 2) to plain spans, strictly, and what such a span must be for one
that OTLP told (the mapping of the OpenTelemetry specification).
"""
import json
import math

from otlp_wire import WireError

PATH = "/api/v2/spans"
MEMBERS = {"traceId", "id", "parentId", "name", "kind", "timestamp", "duration", "localEndpoint",
           "remoteEndpoint", "annotations", "tags"}


def need(condition, what):
    if not condition:
        raise WireError(what)


def decode(raw):
    try:
        spans = json.loads(raw.decode("utf-8", "strict"))
    except ValueError as error:
        raise WireError(f"no JSON: {error}") from None
    need(isinstance(spans, list) and spans, "no list of spans")
    for span in spans:
        need(not set(span) - MEMBERS, f"unknown members {set(span) - MEMBERS}")
        need(len(span["traceId"]) == 32 and len(span["id"]) == 16, f"ids {span}")
        need(span.get("kind") in (None, "CLIENT", "SERVER", "PRODUCER", "CONSUMER"), f"kind {span}")
        need(type(span["timestamp"]) is int and type(span["duration"]) is int, f"times {span}")
        need(span["duration"] > 0, "a duration of nothing")
        need(all(isinstance(v, str) for v in span["tags"].values()), f"tags {span['tags']}")
    return spans


def tag(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.loads(json.dumps(value))
    return f"{value:.17g}" if isinstance(value, float) else str(value)


def annotation(event):
    """Its name alone, or an object of its attributes."""
    values = {k: "-Infinity" if v == -math.inf else v for k, v in event["attributes"].items()}
    return {event["name"]: values} if values else event["name"]


def of_otlp(span):
    """The Zipkin span that a plain OTLP span (otlp_wire.py) must become."""
    tags = {"otel.scope.name": span["scope"], "otel.scope.version": span["scope_version"]}
    tags |= {k: tag(v) for k, v in span["attributes"].items()}
    for what in ("attributes", "events", "links"):
        if span[f"dropped_{what}"]:
            tags[f"otel.dropped_{what}_count"] = str(span[f"dropped_{what}"])
    if span["status"] == "Ok":
        tags["otel.status_code"] = "OK"
    if span["status"] == "Error":
        tags |= {"otel.status_code": "ERROR", "error": span["status_message"]}
    out = {"traceId": span["trace_id"], "id": span["span_id"], "name": span["name"],
           "timestamp": span["start"] // 1000, "duration": max(1, (span["end"] - span["start"] + 500) // 1000),
           "localEndpoint": {"serviceName": span["resource"]["service.name"]}, "tags": tags}
    if span["parent_span_id"]:
        out["parentId"] = span["parent_span_id"]
    if span["kind"] != "INTERNAL":
        out["kind"] = span["kind"]
    if span["kind"] in ("CLIENT", "PRODUCER") and "server.address" in span["attributes"]:
        out["remoteEndpoint"] = {"serviceName": span["attributes"]["server.address"]}
    if span["events"]:
        out["annotations"] = [{"timestamp": e["time"] // 1000, "value": annotation(e)} for e in span["events"]]
    return out


def comparable(span):
    """Lists in tags and attributes of annotations are JSON, whose blanks may differ."""
    tags = {k: json.loads(v) if v[:1] == "[" else v for k, v in span["tags"].items()}
    out = span | {"tags": tags}
    if "annotations" in out:
        out["annotations"] = [a | {"value": json.loads(a["value"]) if a["value"][:1] == "{" else a["value"]}
                              for a in out["annotations"]]
    return out
