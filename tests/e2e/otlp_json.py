"""
OTLP/JSON to the same plain values as otlp_wire.py, from the specification's tables.
Strict: what a lenient receiver would skip (unknown members, numbers for 64-bit
integers, names of enums, upper-case hex, members twice) raises WireError.
"""
import base64
import json

import otlp_wire
from otlp_wire import WireError


def need(condition, what):
    if not condition:
        raise WireError(what)


def unique(pairs):
    keys = [k for k, _ in pairs]
    need(len(keys) == len(set(keys)), f"a member stands twice: {keys}")
    return dict(pairs)


def text(value):
    need(isinstance(value, str), f"{value!r} is no text")
    value.encode("utf-8")  # a lone surrogate raises
    return value


def number(low, high):
    def convert(value):
        need(type(value) is int and low <= value <= high, f"{value!r} is no number in range")
        return value
    return convert


def decimal(low, high):
    def convert(value):
        need(isinstance(value, str) and str(int(value)) == value and low <= int(value) <= high,
             f"{value!r} is no 64-bit number as text")
        return int(value)
    return convert


def identifier(size):
    def convert(value):
        need(isinstance(value, str) and len(value) == 2 * size and value == value.lower(), f"id {value!r}")
        return bytes.fromhex(value)
    return convert


def real(value):
    if isinstance(value, str):
        need(value in ("NaN", "Infinity", "-Infinity"), f"double {value!r}")
        return float(value.replace("Infinity", "inf"))
    need(type(value) in (int, float), f"double {value!r}")
    return float(value)


def boolean(value):
    need(type(value) is bool, f"bool {value!r}")
    return value


def listed(convert):
    def all_of(value):
        need(isinstance(value, list), f"{value!r} is no list")
        return [convert(v) for v in value]
    return all_of


def message(table):
    """`table`: JSON name -> (name of otlp_wire.py, conversion)."""
    def convert(value):
        need(isinstance(value, dict), f"{value!r} is no object")
        out = {}
        for key, member in value.items():
            need(key in table, f"unknown member {key} beside {sorted(table)}")
            name, into = table[key]
            out[name] = into(member)
        for name in LISTS & {name for name, _ in table.values()}:
            out.setdefault(name, [])
        return out
    return convert


LISTS = {"attributes", "events", "links", "resource_spans", "scope_spans", "spans", "values"}
U32 = number(0, (1 << 32) - 1)
U64 = decimal(0, (1 << 64) - 1)
any_value_table = {}
ANY = message(any_value_table)
KEY_VALUE = message({"key": ("key", text), "value": ("value", ANY)})
any_value_table.update({
    "stringValue": ("string", text), "boolValue": ("bool", boolean),
    "intValue": ("int", decimal(-(1 << 63), (1 << 63) - 1)), "doubleValue": ("double", real),
    "arrayValue": ("array", message({"values": ("values", listed(ANY))})),
    "kvlistValue": ("kvlist", message({"values": ("values", listed(KEY_VALUE))})),
    "bytesValue": ("bytes", lambda v: base64.b64decode(v, validate=True)),
})
ATTRIBUTES = ("attributes", listed(KEY_VALUE))
DROPPED = ("dropped_attributes", U32)
SPAN = {
    "traceId": ("trace_id", identifier(16)), "spanId": ("span_id", identifier(8)),
    "traceState": ("trace_state", text), "parentSpanId": ("parent_span_id", identifier(8)),
    "flags": ("flags", U32), "name": ("name", text), "kind": ("kind", number(1, 5)),
    "startTimeUnixNano": ("start", U64), "endTimeUnixNano": ("end", U64), "attributes": ATTRIBUTES,
    "droppedAttributesCount": DROPPED,
    "events": ("events", listed(message({
        "timeUnixNano": ("time", U64), "name": ("name", text), "attributes": ATTRIBUTES,
        "droppedAttributesCount": DROPPED}))),
    "droppedEventsCount": ("dropped_events", U32),
    "links": ("links", listed(message({
        "traceId": ("trace_id", identifier(16)), "spanId": ("span_id", identifier(8)),
        "traceState": ("trace_state", text), "attributes": ATTRIBUTES, "droppedAttributesCount": DROPPED,
        "flags": ("flags", U32)}))),
    "droppedLinksCount": ("dropped_links", U32),
    "status": ("status", message({"message": ("message", text), "code": ("code", number(1, 2))})),
}
REQUEST = message({"resourceSpans": ("resource_spans", listed(message({
    "resource": ("resource", message({"attributes": ATTRIBUTES, "droppedAttributesCount": DROPPED})),
    "scopeSpans": ("scope_spans", listed(message({
        "scope": ("scope", message({"name": ("name", text), "version": ("version", text),
                                    "attributes": ATTRIBUTES})),
        "spans": ("spans", listed(message(SPAN))), "schemaUrl": ("schema_url", text)}))),
    "schemaUrl": ("schema_url", text)})))})


def decode_traces(raw):
    """The spans of one request, as otlp_wire.decode_traces has them."""
    try:
        request = json.loads(raw.decode("utf-8", "strict"), object_pairs_hook=unique)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise WireError(f"no JSON: {error}") from None
    try:
        return otlp_wire.plain_traces(REQUEST(request))
    except (ValueError, KeyError) as error:
        raise WireError(f"{type(error).__name__}: {error}") from None
