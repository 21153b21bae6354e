#!/usr/bin/python3
"""
Stands in for a traced program in the harness's own tests: prints what the
first argument says, and, where an OTLP endpoint is set, sends two spans whose
bytes are put together here, field by field. Further arguments spoil one thing.
"""
import os
import struct
import sys
import urllib.request


def number(field, value):
    return varint(field << 3) + varint(value)


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def block(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def fixed64(field, value):
    return varint(field << 3 | 1) + struct.pack("<Q", value)


def fixed32(field, value):
    return varint(field << 3 | 5) + struct.pack("<I", value)


def text(key, value):
    return block(1, key) + block(2, block(1, value))


def integer(key, value):
    return block(1, key) + block(2, number(3, value & (1 << 64) - 1))


def span(span_id, parent, name, start, end, *attributes, kind=3, flags=0x101, extra=b""):
    out = block(1, bytes(range(1, 17))) + block(2, span_id)
    out += block(4, parent) if parent else b""
    out += block(5, name) + number(6, kind) + fixed64(7, start) + fixed64(8, end)
    out += b"".join(block(9, a) for a in attributes)
    return out + fixed32(16, flags) + extra


def request(*spans, version="0"):
    resource = block(1, text("service.name", "sender")) + block(1, text("telemetry.sdk.name", "otelshim")) \
        + block(1, text("telemetry.sdk.language", "c")) + block(1, text("telemetry.sdk.version", version)) \
        + block(1, text("deployment.environment.name", "test"))
    scope = block(1, "otelshim.test") + block(2, version)
    scope_spans = block(1, scope) + b"".join(block(2, s) for s in spans) \
        + block(3, "https://opentelemetry.io/schemas/1.44.0")
    return block(1, block(1, resource) + block(2, scope_spans))


ONE, TWO = b"\0\0\0\0\0\0\0\1", b"\0\0\0\0\0\0\0\2"
NOW = 1_700_000_000_000_000_000


def spans(spoil):
    event = block(11, fixed64(1, NOW + 500) + block(2, "half")) if spoil != "no-event" else b""
    child = [text("who", "other" if spoil == "value" else "child"), integer("n", -5)]
    if spoil == "attribute":
        child.append(text("more", "unexpected"))
    run = [] if spoil == "no-run" else [text("otelshim.run_id", "run")]
    child.append(text("otelshim.run_id", "another" if spoil == "run" else "run"))
    parent = b"\0\0\0\0\0\0\0\7" if spoil == "orphan" else ONE
    return [span(ONE, b"", "parent", NOW, NOW + 1000, *run, kind=1, extra=event),
            span(TWO, parent, "child", NOW - 10_000 if spoil == "early" else NOW + 10, NOW + 20, *child)]


def main():
    words, spoil = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    print(words, "traced" if endpoint and spoil == "stdout" else "")
    if not endpoint:
        return 0
    made = spans(spoil)
    body = request(*(made[:1] if spoil == "lost" else made))
    post = urllib.request.Request(endpoint + "/v1/traces", body, {
        "Content-Type": "text/plain" if spoil == "header" else "application/x-protobuf",
        "User-Agent": "OTel-OTLP-Exporter-Test/0"})
    urllib.request.urlopen(post).read()
    with open(os.environ["OTEL_SHIM_LOG_FILE"], "a") as log:
        if spoil == "warning":
            log.write(f"otelshim[{os.getpid()}]: warn: something\n")
        log.write(f"otelshim[{os.getpid()}]: debug: spans made={len(made)} "
                  f"delivered={len(made)} dropped=0\n")
    if spoil == "daemon" and os.fork() == 0:
        import time
        os.setsid()
        os.closerange(0, 3)
        time.sleep(600)
    return 3 if spoil == "exit" else 0


if __name__ == "__main__":
    sys.exit(main())
