"""
Protobuf wire format to plain values, for OTLP traces only.

Written from the field tables of the OTLP specification and sharing nothing
with the exporter, so that one cannot inherit the other's mistakes. Strict:
what a lenient receiver would skip (unknown fields, wrong wire types, repeated
singular fields, bad UTF-8, missing required values) raises WireError, because
a test that accepts it would accept a broken encoder.
"""
import struct

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class WireError(Exception):
    pass


def varint(data, pos):
    value = shift = 0
    while True:
        if pos >= len(data):
            raise WireError("varint runs past the end")
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise WireError("varint longer than 10 bytes")
    if value >= 1 << 64:
        raise WireError("varint over 64 bits")
    return value, pos


def fields(data):
    """Yields (number, wire type, value) of one message."""
    pos = 0
    while pos < len(data):
        tag, pos = varint(data, pos)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise WireError("field number 0")
        if wire == VARINT:
            value, pos = varint(data, pos)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
            if pos + size > len(data):
                raise WireError(f"field {number} runs past the end")
            value = data[pos:pos + size]
            pos += size
        elif wire == BYTES:
            size, pos = varint(data, pos)
            if pos + size > len(data):
                raise WireError(f"field {number} runs past the end")
            value = data[pos:pos + size]
            pos += size
        else:
            raise WireError(f"field {number} has wire type {wire}")
        yield number, wire, value


def text(raw):
    try:
        return raw.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise WireError(f"string is not UTF-8: {error}") from None


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


# Field types: wire type, and how its bytes become a value.
STRING = (BYTES, text)
RAW = (BYTES, bytes)
INT64 = (VARINT, signed)
INT32 = (VARINT, signed)
UINT32 = (VARINT, lambda v: v)
BOOL = (VARINT, bool)
ENUM = (VARINT, lambda v: v)
FIX64 = (FIXED64, lambda b: struct.unpack("<Q", b)[0])
FIX32 = (FIXED32, lambda b: struct.unpack("<I", b)[0])
DOUBLE = (FIXED64, lambda b: struct.unpack("<d", b)[0])


def message(table):
    return (BYTES, lambda raw: decode(raw, table))


def decode(raw, table):
    """
    One message as a dict. `table`: number -> (name, type, repeated). Absent
    repeated fields are empty lists, absent singular ones are missing.
    """
    out = {name: [] for name, _, repeated in table.values() if repeated}
    for number, wire, value in fields(raw):
        if number not in table:
            raise WireError(f"unknown field {number} beside {sorted(n for n, _, _ in table.values())}")
        name, (expected, convert), repeated = table[number]
        if wire != expected:
            raise WireError(f"{name}: wire type {wire}, must be {expected}")
        if repeated:
            out[name].append(convert(value))
        elif name in out:
            raise WireError(f"{name} stands twice")
        else:
            out[name] = convert(value)
    return out


def one(name, kind):
    return (name, kind, False)


def many(name, kind):
    return (name, kind, True)


ANY_VALUE = {}
KEY_VALUE = {1: one("key", STRING), 2: one("value", message(ANY_VALUE))}
ANY_VALUE.update({
    1: one("string", STRING), 2: one("bool", BOOL), 3: one("int", INT64), 4: one("double", DOUBLE),
    5: one("array", message({1: many("values", message(ANY_VALUE))})),
    6: one("kvlist", message({1: many("values", message(KEY_VALUE))})),
    7: one("bytes", RAW),
})
SCOPE = {1: one("name", STRING), 2: one("version", STRING),
         3: many("attributes", message(KEY_VALUE)), 4: one("dropped_attributes", UINT32)}
RESOURCE = {1: many("attributes", message(KEY_VALUE)), 2: one("dropped_attributes", UINT32)}
EVENT = {1: one("time", FIX64), 2: one("name", STRING),
         3: many("attributes", message(KEY_VALUE)), 4: one("dropped_attributes", UINT32)}
LINK = {1: one("trace_id", RAW), 2: one("span_id", RAW), 3: one("trace_state", STRING),
        4: many("attributes", message(KEY_VALUE)), 5: one("dropped_attributes", UINT32),
        6: one("flags", FIX32)}
STATUS = {2: one("message", STRING), 3: one("code", ENUM)}
SPAN = {
    1: one("trace_id", RAW), 2: one("span_id", RAW), 3: one("trace_state", STRING),
    4: one("parent_span_id", RAW), 5: one("name", STRING), 6: one("kind", ENUM),
    7: one("start", FIX64), 8: one("end", FIX64),
    9: many("attributes", message(KEY_VALUE)), 10: one("dropped_attributes", UINT32),
    11: many("events", message(EVENT)), 12: one("dropped_events", UINT32),
    13: many("links", message(LINK)), 14: one("dropped_links", UINT32),
    15: one("status", message(STATUS)), 16: one("flags", FIX32),
}
SCOPE_SPANS = {1: one("scope", message(SCOPE)), 2: many("spans", message(SPAN)),
               3: one("schema_url", STRING)}
RESOURCE_SPANS = {1: one("resource", message(RESOURCE)),
                  2: many("scope_spans", message(SCOPE_SPANS)), 3: one("schema_url", STRING)}
REQUEST = {1: many("resource_spans", message(RESOURCE_SPANS))}

KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
CODES = {0: "Unset", 1: "Ok", 2: "Error"}
FLAGS_KNOWN = 0x3FF
FLAG_HAS_IS_REMOTE = 0x100


def plain_value(value):
    """AnyValue to a Python value; exactly one member of the oneof must be set."""
    present = [k for k in value]
    if len(present) != 1:
        raise WireError(f"AnyValue with {present or 'nothing'} set")
    kind = present[0]
    if kind == "array":
        return [plain_value(v) for v in value["array"]["values"]]
    if kind == "kvlist":
        return plain_attributes(value["kvlist"]["values"])
    if kind == "bytes":
        return {"bytes": value["bytes"].hex()}
    return value[kind]


def plain_attributes(pairs):
    out = {}
    for pair in pairs:
        key = pair.get("key", "")
        if not key:
            raise WireError("attribute without a key")
        if key in out:
            raise WireError(f"attribute {key} stands twice")
        if "value" not in pair:
            raise WireError(f"attribute {key} without a value")
        out[key] = plain_value(pair["value"])
    return out


def identifier(raw, size, what):
    if len(raw) != size or not any(raw):
        raise WireError(f"{what} {raw.hex() or 'missing'}")
    return raw.hex()


def plain_flags(flags, what):
    if flags & ~FLAGS_KNOWN:
        raise WireError(f"{what}: reserved bits in flags {flags:#x}")
    if not flags & FLAG_HAS_IS_REMOTE:
        raise WireError(f"{what}: flags {flags:#x} do not say whether the context is remote")
    return flags


def plain_link(link):
    return {"trace_id": identifier(link.get("trace_id", b""), 16, "link's trace id"),
            "span_id": identifier(link.get("span_id", b""), 8, "link's span id"),
            "trace_state": link.get("trace_state", ""), "attributes": plain_attributes(link["attributes"]),
            "flags": plain_flags(link.get("flags", 0), "link")}


def plain_event(event):
    if not event.get("name") or not event.get("time"):
        raise WireError("event without name or time")
    return {"name": event["name"], "time": event["time"],
            "attributes": plain_attributes(event["attributes"]),
            "dropped_attributes": event.get("dropped_attributes", 0)}


def plain_span(span):
    name = span.get("name", "")
    if not name:
        raise WireError("span without a name")
    if span.get("kind") not in KINDS:
        raise WireError(f"{name}: kind {span.get('kind')}")
    start, end = span.get("start", 0), span.get("end", 0)
    if not start or end < start:
        raise WireError(f"{name}: starts at {start}, ends at {end}")
    status = span.get("status", {})
    code = status.get("code", 0)
    if code not in CODES:
        raise WireError(f"{name}: status code {code}")
    if status.get("message") and code != 2:
        raise WireError(f"{name}: a status message without an error")
    parent = span.get("parent_span_id", b"")
    return {
        "trace_id": identifier(span.get("trace_id", b""), 16, f"{name}: trace id"),
        "span_id": identifier(span.get("span_id", b""), 8, f"{name}: span id"),
        "parent_span_id": identifier(parent, 8, f"{name}: parent id") if parent else "",
        "trace_state": span.get("trace_state", ""), "flags": plain_flags(span.get("flags", 0), name),
        "name": name, "kind": KINDS[span["kind"]], "start": start, "end": end,
        "attributes": plain_attributes(span["attributes"]),
        "dropped_attributes": span.get("dropped_attributes", 0),
        "events": [plain_event(e) for e in span["events"]],
        "dropped_events": span.get("dropped_events", 0),
        "links": [plain_link(l) for l in span["links"]],
        "dropped_links": span.get("dropped_links", 0),
        "status": CODES[code], "status_message": status.get("message", ""),
    }


def decode_traces(raw):
    """The spans of one ExportTraceServiceRequest, each with its resource and scope."""
    return plain_traces(decode(raw, REQUEST))


def plain_traces(request):
    out = []
    for rs in request["resource_spans"]:
        if "resource" not in rs:
            raise WireError("ResourceSpans without a resource")
        resource = plain_attributes(rs["resource"]["attributes"])
        if not rs["scope_spans"]:
            raise WireError("ResourceSpans without spans")
        for ss in rs["scope_spans"]:
            scope = ss.get("scope", {})
            if not scope.get("name"):
                raise WireError("ScopeSpans without a scope name")
            if not ss["spans"]:
                raise WireError("ScopeSpans without spans")
            for span in ss["spans"]:
                out.append({"resource": resource, "resource_schema_url": rs.get("schema_url", ""),
                            "scope": scope["name"], "scope_version": scope.get("version", ""),
                            "scope_schema_url": ss.get("schema_url", ""), **plain_span(span)})
    if not out:
        raise WireError("a request without spans")
    return out
