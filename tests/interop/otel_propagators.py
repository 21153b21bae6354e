"""
OpenTelemetry Python's own propagators, as a filter: a list of questions in JSON on stdin, the
answers on stdout. Runs in a virtual environment of its own (cases/propagators.py).

    {"inject": NAMES, "trace_id": HEX, "span_id": HEX, "sampled": BOOL, "baggage": {…}} -> headers
    {"extract": NAMES, "headers": {…}} -> the same keys, or null where there is no context
"""
import json
import sys

from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.aws import AwsXRayPropagator
from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

MADE_BY = {"tracecontext": TraceContextTextMapPropagator, "baggage": W3CBaggagePropagator, "b3": B3SingleFormat,
           "b3multi": B3MultiFormat, "jaeger": JaegerPropagator, "xray": AwsXRayPropagator}


def composite(names):
    return CompositePropagator([MADE_BY[name]() for name in names.split(",")])


def inject(question):
    span = trace.SpanContext(int(question["trace_id"], 16), int(question["span_id"], 16), True,
                             trace.TraceFlags(int(question["sampled"])))
    context = trace.set_span_in_context(trace.NonRecordingSpan(span), Context())
    for key, value in question.get("baggage", {}).items():
        context = baggage.set_baggage(key, value, context)
    headers = {}
    composite(question["inject"]).inject(headers, context)
    return headers


class CaseInsensitive:
    """A getter as frameworks have it."""

    def get(self, carrier, key):
        return [v for k, v in carrier.items() if k.lower() == key.lower()] or None

    def keys(self, carrier):
        return list(carrier)


def extract(question):
    context = composite(question["extract"]).extract(question["headers"], Context(), CaseInsensitive())
    span = trace.get_current_span(context).get_span_context()
    if not span.is_valid:
        return None
    return {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}",
            "sampled": bool(span.trace_flags.sampled), "baggage": dict(baggage.get_all(context))}


json.dump([inject(q) if "inject" in q else extract(q) for q in json.load(sys.stdin)], sys.stdout)
