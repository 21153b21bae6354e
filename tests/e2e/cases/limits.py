"""
Limits of spans and how ids are made. What a variable leaves out is counted on the span;
the limits are the exporter's, so each case looks at what a collector received.
"""
import time

from harness import Failure, case

CURL = ["curl", "-s", "$WEB/hello?" + "\u00e4\u20ac\U0001f600" * 30]
CONTEXT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def of(run, scope):
    spans = [s for s in run.spans if s["scope"] == f"otelshim.{scope}"]
    if not spans:
        raise Failure(f"no span of {scope}")
    return spans


def limited(name, env, check, argv=CURL, **options):
    case(f"limit_{name}", argv, shim_env=env, golden=None, check=check, **options)


def count_is(limit):
    def check(run):
        for s in of(run, "curl"):
            if len(s["attributes"]) != limit or s["dropped_attributes"] < 3:
                raise Failure(f"{len(s['attributes'])} attributes, {s['dropped_attributes']} dropped")
            if "http.request.method" not in s["attributes"]:
                raise Failure(f"the first ones are kept: {s['attributes']}")
    return check


limited("of_attributes", {"OTEL_ATTRIBUTE_COUNT_LIMIT": "4"}, count_is(4))
limited("of_span_attributes_beats_the_general_one",
        {"OTEL_ATTRIBUTE_COUNT_LIMIT": "1", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "5"}, count_is(5))


def url_is(chars):
    def check(run):
        url = of(run, "curl")[0]["attributes"]["url.full"]
        if len(url) != chars or not url.startswith("http://127.0.0.1:") or "\ufffd" in url:
            raise Failure(f"{len(url)} characters: {url!r}")
        if of(run, "curl")[0]["dropped_attributes"]:
            raise Failure("a value that is cut is not dropped")
    return check


# A cut counts characters and splits none.
limited("of_value_length", {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "40"}, url_is(40))
limited("of_span_value_length_beats_the_general_one",
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "10", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "41"}, url_is(41))


def lists_are_cut(run):
    for s in of(run, "dns"):
        if s["attributes"]["dns.answers"] != ["127"] or s["attributes"]["dns.question.name"] != "loc":
            raise Failure(f"{s['attributes']}")


limited("of_value_length_in_lists", {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "3"}, lists_are_cut,
        argv=["$PROGRAMS/exit_in_flight"])


def events_are(kept):
    def check(run):
        for s in of(run, "curl"):
            if len(s["events"]) != kept or s["dropped_events"] != 3 - kept:
                raise Failure(f"{len(s['events'])} events, {s['dropped_events']} dropped")
    return check


limited("of_events", {"OTEL_SPAN_EVENT_COUNT_LIMIT": "1"}, events_are(1))
limited("of_no_events", {"OTEL_SPAN_EVENT_COUNT_LIMIT": "0"}, events_are(0))


def links_are(kept):
    def check(run):
        for s in of(run, "dns"):
            if (len(s["links"]), s["dropped_links"]) != (kept, 1 - kept):
                raise Failure(f"{s['links']}, {s['dropped_links']} dropped")
    return check


for limit, kept in {"0": 0, "1": 1}.items():
    limited(f"of_{limit}_links", {"OTEL_SPAN_LINK_COUNT_LIMIT": limit, "TRACEPARENT": CONTEXT}, links_are(kept),
            argv=["$PROGRAMS/server_calls", "listen", "0", "2"])


# ---------------------------------------------------------------- ids
def ids_are(check_root):
    def check(run):
        for s in run.roots:
            if not s["flags"] & 2:
                raise Failure(f"flags {s['flags']:#x}: the random flag is missing")
            if not check_root(int(s["trace_id"][:8], 16)):
                raise Failure(f"trace id {s['trace_id']}")
    return check


def is_now(seconds):
    return abs(seconds - time.time()) < 120


IDS = {"argv": ["$PROGRAMS/server_calls", "listen", "0", "4"], "golden": None}
case("ids_random", check=ids_are(lambda n: not is_now(n)), **IDS)
case("ids_xray", check=ids_are(is_now), shim_env={"OTEL_SHIM_ID_GENERATOR": "xray"}, **IDS)
case("ids_xray_by_pythons_variable", check=ids_are(is_now), shim_env={"OTEL_PYTHON_ID_GENERATOR": "xray"}, **IDS)
case("ids_ours_beats_pythons_variable", check=ids_are(lambda n: not is_now(n)),
     shim_env={"OTEL_PYTHON_ID_GENERATOR": "xray", "OTEL_SHIM_ID_GENERATOR": "random"}, **IDS)


def flags_are(flags):
    def check(run):
        for s in run.spans:
            if s["flags"] & 0xff != flags:
                raise Failure(f"flags {s['flags']:#x}")
    return check


# A caller's random flag is handed on as it came.
for flags in (1, 3):
    case(f"ids_random_flag_of_a_caller_{flags}", ["$PROGRAMS/exit_in_flight"], golden=None, check=flags_are(flags),
         shim_env={"TRACEPARENT": CONTEXT[:-1] + str(flags)})


# ---------------------------------------------------------------- the run's id
def run_id_is(*expected):
    def check(run):
        if set(run.run_ids) != set(expected):
            raise Failure(f"run ids {set(run.run_ids)}, not {expected}")
    return check


def run_id_is_random(run):
    if any(len(r) != 32 or set(r) - set("0123456789abcdef") for r in run.run_ids):
        raise Failure(f"run ids {set(run.run_ids)}")


TREE = ["sh", "-c", "curl -s $WEB/hello; env -i curl -s $WEB/hello | cat; "
                    "python3 -c 'import subprocess as s; s.run([\"curl\", \"-s\", \"$WEB/hello\"], env={\"A\": \"1\"})'"]
RUN = {"golden": None, "parallel": True, "needs": ["curl", "python3"]}
case("run_id_is_one_for_all_processes", TREE, check=run_id_is_random, **RUN)
case("run_id_as_given", TREE, check=run_id_is("build 7/\u00e4"), shim_env={"OTEL_SHIM_RUN_ID": "build 7/\u00e4"}, **RUN)
case("run_id_none", TREE, run_ids=0, check=run_id_is(None), shim_env={"OTEL_SHIM_RUN_ID": "none"}, **RUN)
case("run_id_too_long", ["curl", "-s", "$WEB/hello"], check=run_id_is_random, golden="curl_hello",
     shim_env={"OTEL_SHIM_RUN_ID": "x" * 257}, log=["OTEL_SHIM_RUN_ID=.* is longer than 256 bytes; using a random one"])
# A program that begins a run of its own says so.
case("run_id_of_the_programs_own", ["sh", "-c", "curl -s $WEB/hello; OTEL_SHIM_RUN_ID=other curl -s $WEB/hello"],
     run_ids=2, check=run_id_is("first", "other"), shim_env={"OTEL_SHIM_RUN_ID": "first"}, **RUN)
