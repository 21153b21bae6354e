"""Plugins: the documented example, one of every mood, and objects that are none."""
import os
import struct
import tempfile

import otlp_json
import otlp_wire
from harness import BUILD, Failure, case, drive, expect, expect_between

PLUGINS = 32  # enum exporter_kind
MOODY = f"{BUILD}/programs/moody.so"


def moody(moods, spans=4, batch=1, **settings):
    """Spans that the plugin wrote, and the driver's result."""
    with tempfile.TemporaryDirectory() as directory:
        path = directory + "/taken"
        env = {"PLUGIN_MOODS": moods, "PLUGIN_FILE": path}
        result = drive("", exporters=PLUGINS, plugins=MOODY, env=env, spans=spans, batch=batch, **settings)
        lines = open(path, "rb").read().splitlines() if os.path.exists(path) else []
        return [s for line in lines for s in otlp_json.decode_traces(line)], result


@case
def the_example_plugin_gets_every_batch():
    with tempfile.TemporaryDirectory() as directory:
        path = directory + "/spans"
        result = drive("", exporters=PLUGINS, plugins=f"{BUILD}/programs/length_prefixed.so",
                       env={"SPANS_FILE": path}, spans=2000, attributes=6)
        expect("delivered", result["delivered"], 2000)
        data, spans = open(path, "rb").read(), []
        while data:
            (size,) = struct.unpack(">I", data[:4])
            spans += otlp_wire.decode_traces(data[4:4 + size])
            data = data[4 + size:]
        expect("distinct spans", len({s["span_id"] for s in spans}), 2000)


@case
def a_plugin_may_take_its_time():
    spans, result = moody("later")
    expect("delivered", result["delivered"], 4)
    expect("spans", len(spans), 4)
    expect_between("ms", result["ms"], 0, 1500)
    if "plugin of export_records, service export_records" not in result["log"]:
        raise Failure(f"the log says {result['log']!r}")


@case
def a_plugin_is_asked_again_or_not():
    spans, result = moody("retry ok drop ok", spans=3)
    expect("delivered", result["delivered"], 2)
    expect("rejected", result["rejected"], 1)
    if "moody refused a batch: a bad mood" not in result["log"]:
        raise Failure(f"the log says {result['log']!r}")


@case
def a_plugin_that_never_answers_is_given_up():
    spans, result = moody("never", spans=1, export_timeout_ms=500)
    expect("retries", result["retries"], 1)
    expect_between("ms", result["ms"], 490, 1500)
    if "canceled" not in result["log"]:
        raise Failure(f"the plugin was not told: {result['log']!r}")


@case
def plugins_beside_each_other_have_every_span():
    with tempfile.TemporaryDirectory() as directory:
        both = f"{MOODY}, {BUILD}/programs/length_prefixed.so"
        env = {"PLUGIN_MOODS": "ok", "PLUGIN_FILE": directory + "/a", "SPANS_FILE": directory + "/b"}
        result = drive("", exporters=PLUGINS, plugins=both, env=env, spans=100)
        expect("delivered", [a["delivered"] for a in result["accounts"].values()], [100, 100])


@case
def what_is_no_plugin_is_said():
    for path, why in (("/no/such.so", "cannot be loaded"),
                      (f"{BUILD}/libotelshim-exporter.so", "has no otelshim_exporter_plugin"),
                      (f"{BUILD}/programs/length_prefixed.so", "does not start")):
        result = drive("", exporters=PLUGINS, plugins=path, spans=1)
        expect("open", result["open"], -1)
        if why not in result["log"]:
            raise Failure(f"the log says {result['log']!r}, not {why!r}")


@case
def a_plugin_must_be_allowed():
    result = drive("", exporters=PLUGINS, plugins=MOODY, allowed="another", spans=1)
    expect("open", result["open"], -1)
    if "OTEL_SHIM_ALLOWED_EXPORTERS does not name" not in result["log"]:
        raise Failure(f"the log says {result['log']!r}")
