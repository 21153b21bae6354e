"""
The same spans by every way at once: what the Collector has by an OTLP protocol, what the otlp_file
exporter wrote and what a Zipkin server has are equal after decoding.
"""
import os
import re
from collections import namedtuple

import otlp_json
import protocols
import tools
import zipkin_json
from tools import Broken

Case = namedtuple("Case", "name body")


def by_id(spans):
    return {(s["trace_id"], s["span_id"]): s for s in spans}


def in_file(path):
    spans = []
    with open(path, "rb") as f:
        for line in f:
            spans += otlp_json.decode_traces(line)
    return spans


def compare(wanted, got, what):
    if set(wanted) != set(got):
        raise Broken(f"{what}: {len(got)} spans, the Collector has {len(wanted)}")
    for key, span in wanted.items():
        differ = [name for name in span if span[name] != got[key].get(name)]
        if differ:
            raise Broken(f"{what}: {span['name']} differs in " +
                         "; ".join(f"{n}: {got[key].get(n)!r}, the Collector has {span[n]!r}" for n in differ))


def spans_are_equal(protocol):
    def body(directory):
        backend, path = protocols.Backend(directory), os.path.join(directory, "spans.jsonl")
        os.close(os.open(path, os.O_CREAT, 0o666))
        os.chmod(path, 0o666)  # nginx's worker is another user
        try:
            spans, _ = protocols.scene(directory, protocol, "otlp,otlp_file", backend, OTEL_SHIM_FILE_PATH=path)
        finally:
            backend.close()
        compare(by_id(spans), by_id(in_file(path)), "otlp_file")
    return body


def zipkin_server_has_the_same(directory):
    jar, backend = tools.zipkin(), protocols.Backend(directory)
    server = None
    try:
        server = tools.Zipkin(jar, directory)
        spans, _ = protocols.scene(directory, "http/protobuf", "otlp,zipkin", backend,
                                   OTEL_EXPORTER_ZIPKIN_ENDPOINT=server.endpoint)
        traces = {s["trace_id"] for s in spans}
        found = [z for t in traces for z in server.trace(t, sum(s["trace_id"] == t for s in spans))]
    finally:
        if server:
            server.close()
        backend.close()
    zipkin_has(spans, found)


def zipkin_has(spans, found):
    """Holds what a Zipkin server found against the spans that a Collector received."""
    wanted = sorted((seen_by_server(zipkin_json.of_otlp(s)) for s in spans), key=lambda z: z["id"])
    got = sorted((seen_by_server(z) for z in found), key=lambda z: z["id"])
    if len(wanted) != len(got):
        raise Broken(f"Zipkin has {len(got)} spans, the Collector {len(wanted)}")
    for a, b in zip(wanted, got):
        if a != b:
            raise Broken(f"Zipkin has {b}\nmust be    {a}")


def seen_by_server(span):
    """A Zipkin server keeps names of spans and services in small letters, and no shared order of members."""
    out = dict(zipkin_json.comparable(span))
    out["name"] = out["name"].lower()
    for end in ("localEndpoint", "remoteEndpoint"):
        if end in out and "serviceName" in out[end]:
            out[end] = {**out[end], "serviceName": out[end]["serviceName"].lower()}
    return out


CASES = [Case("equal_by_" + re.sub(r"\W", "_", p) + "_and_file", spans_are_equal(p)) for p in protocols.ENDINGS]
CASES.append(Case("equal_by_http_protobuf_and_zipkin", zipkin_server_has_the_same))
