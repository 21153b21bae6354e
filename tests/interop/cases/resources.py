"""
Resource attributes of every type that a configuration file can give, at the real receivers: the
Collector has them by every OTLP protocol, the otlp_file exporter wrote the same, and Zipkin has the
name of the service, the one thing of a resource in its mapping.
"""
import os
import re
from collections import namedtuple

import otlp_json
import protocols
import tools
from equality import zipkin_has
from tools import Broken
from traced import Traced, wait_for

Case = namedtuple("Case", "name body")
FILE = """
file_format: "1.0"
log_level: debug
propagator: {{composite: [tracecontext: ]}}
resource:
  attributes:
    - {{name: service.name, value: "typed shop"}}
    - {{name: text, value: 5}}
    - {{name: truth, value: true, type: bool}}
    - {{name: lie, value: false, type: bool}}
    - {{name: whole, value: -9223372036854775808, type: int}}
    - {{name: half, value: .5, type: double}}
    - {{name: zero, value: 0, type: double}}
    - {{name: zones, value: [eu-1, "b,c;d%=\\"", "", "ü €"], type: string_array}}
    - {{name: flags, value: [true, false, false], type: bool_array}}
    - {{name: numbers, value: [1, 9223372036854775807, -9223372036854775808, 0], type: int_array}}
    - {{name: reals, value: [0.1, -1e300, 2, 0], type: double_array}}
    - {{name: nothing, value: [], type: int_array}}
tracer_provider:
  processors:
    - batch: {{exporter: {{{otlp}}}}}
    - batch: {{exporter: {{otlp_file/development: {{output_stream: "file://{written}"}}}}}}
{zipkin}
"""
GIVEN = {"service.name": "typed shop", "text": "5", "truth": True, "lie": False, "whole": -(1 << 63), "half": 0.5,
         "zero": 0.0, "zones": ["eu-1", 'b,c;d%="', "", "ü €"], "flags": [True, False, False],
         "numbers": [1, (1 << 63) - 1, -(1 << 63), 0], "reals": [0.1, -1e300, 2.0, 0.0], "nothing": []}
EXPORTERS = {
    "http/protobuf": 'otlp_http: {{endpoint: "http://127.0.0.1:{port}/v1/traces"}}',
    "http/json": 'otlp_http: {{endpoint: "http://127.0.0.1:{port}/v1/traces", encoding: json}}',
    "grpc": 'otlp_grpc: {{endpoint: "http://127.0.0.1:{port}"}}',
}


def work(directory, protocol, backend, zipkin=""):
    """A shell and a command under the file: what the Collector has of them, what otlp_file wrote."""
    written, path = os.path.join(directory, "spans.jsonl"), os.path.join(directory, "otel.yaml")
    otlp = EXPORTERS[protocol].format(port=backend.ports[protocols.ENDINGS[protocol]])
    with open(path, "w") as f:
        f.write(FILE.format(otlp=otlp, written=written, zipkin=zipkin))
    traced = Traced(directory, OTEL_CONFIG_FILE=path, OTEL_SHIM_PROCESS_SPAN="always")
    traced.run("sh", "-c", "ls >out; :")
    made, delivered = traced.account()
    if not made == delivered > 1:
        raise Broken(f"the shim made {made} spans and delivered {delivered}")
    with open(written, "rb") as f:
        return wait_for(backend.traces, made), [s for line in f for s in otlp_json.decode_traces(line)]


def is_given(resource, who):
    """Equal in type, too: for Python, True is 1 and 2 is 2.0."""
    differ = [f"{key} is {resource.get(key)!r}, given {value!r}" for key, value in GIVEN.items()
              if repr(resource.get(key)) != repr(value)]
    if differ:
        raise Broken(f"{who}: " + "; ".join(differ))


def have_their_types(protocol):
    def body(directory):
        backend = protocols.Backend(directory)
        try:
            received, written = work(directory, protocol, backend)
        finally:
            backend.close()
        for span in received:
            is_given(span["resource"], "the Collector")
        have, wrote = ({s["span_id"]: repr(sorted(s["resource"].items())) for s in spans} for spans in (received, written))
        if have != wrote:
            raise Broken(f"the Collector has {have}\notlp_file wrote {wrote}")
    return body


def name_the_service_in_zipkin(directory):
    jar, backend, server = tools.zipkin(), protocols.Backend(directory), None
    try:
        server = tools.Zipkin(jar, directory)
        zipkin = f'    - batch: {{exporter: {{zipkin: {{endpoint: "{server.endpoint}"}}}}}}'
        spans, _ = work(directory, "http/protobuf", backend, zipkin)
        trace, = {s["trace_id"] for s in spans}
        found = server.trace(trace, len(spans))
    finally:
        if server:
            server.close()
        backend.close()
    zipkin_has(spans, found)
    names = {z["localEndpoint"]["serviceName"] for z in found}
    if names != {GIVEN["service.name"]}:
        raise Broken(f"Zipkin has the services {names}")


CASES = [Case("resource_types_by_" + re.sub(r"\W", "_", p) + "_and_file", have_their_types(p)) for p in EXPORTERS]
CASES.append(Case("resource_names_the_service_in_zipkin", name_the_service_in_zipkin))
