"""
Compares received spans with a golden forest (format: tests/README.md).

A golden file is written by hand from the conventions. It names every span and
every attribute: what it does not name must not be there. Times and ids never
stand in it; check_spans() holds them to the rules that are true of any trace.
"""
import difflib
import json
import os
import re
import string

ATTRIBUTE_MATCHERS = {"type", "min", "max", "regex", "any_of", "optional", "unordered"}
SPAN_FIELDS = {"name", "kind", "scope", "status", "status_message", "attributes", "events", "children",
               "links", "count", "remote_parent", "trace_state", "note"}
TYPES = {"int": int, "double": float, "string": str, "bool": bool, "array": list}
MISSING = object()
# A child may be told to have started this much before its parent: two threads'
# clock reads are not ordered, and libcurl's phase times are whole microseconds.
CLOCK_SLACK_NS = 2_000


class GoldenError(Exception):
    """The golden file itself is wrong."""


def load(path, variables):
    with open(path) as f:
        return expected(json.load(f), variables, path)


def expected(forest, variables, where):
    """An expected forest with its variables put in; `where` it stands is for complaints."""
    if not isinstance(forest, list):
        raise GoldenError(f"{where}: a golden file is a list of root spans")
    forest = expand(forest, variables)
    for span in forest:
        check_form(span, where)
    return forest


def expand(value, variables):
    """$NAME inside strings; a string that is only "$NAME" takes the variable's own type."""
    if isinstance(value, dict):
        return {k: expand(v, variables) for k, v in value.items()}
    if isinstance(value, list):
        return [expand(v, variables) for v in value]
    if isinstance(value, str) and "$" in value:
        if value[1:] in variables and value[0] == "$":
            return variables[value[1:]]
        return string.Template(value).safe_substitute({k: str(v) for k, v in variables.items()})
    return value


def check_form(span, path):
    unknown = set(span) - SPAN_FIELDS
    if unknown:
        raise GoldenError(f"{path}: unknown {sorted(unknown)} in span {span.get('name')}")
    for needed in ("name", "kind", "scope", "attributes"):
        if needed not in span:
            raise GoldenError(f"{path}: span {span.get('name')} has no {needed}")
    for key, value in span["attributes"].items():
        if isinstance(value, dict) and (not value or set(value) - ATTRIBUTE_MATCHERS):
            raise GoldenError(f"{path}: {key}: matcher {value}")
    for child in span.get("children", ()):
        check_form(child, path)


# ---------------------------------------------------------------- one value

def value_matches(expected, got, span):
    if isinstance(expected, dict):
        return matcher_matches(expected, got, span)
    if got is MISSING:
        return False
    if expected == "$PID":
        own = span["resource"].get("process.pid")
        return type(got) is int and got > 0 and (own is None or got == own)
    if expected == "$PPID":
        return type(got) is int and got > 0
    if isinstance(expected, list):
        return isinstance(got, list) and len(got) == len(expected) and all(
            value_matches(e, g, span) for e, g in zip(expected, got))
    return type(expected) is type(got) and expected == got


def matcher_matches(matcher, got, span):
    if got is MISSING:
        return bool(matcher.get("optional"))
    if "any_of" in matcher and not any(value_matches(e, got, span) for e in matcher["any_of"]):
        return False
    if "regex" in matcher and not (isinstance(got, str) and re.fullmatch(matcher["regex"], got, re.S)):
        return False
    if "type" in matcher and type(got) is not TYPES[matcher["type"]]:
        return False
    if "min" in matcher or "max" in matcher:
        size = len(got) if isinstance(got, (list, str)) else got
        if not matcher.get("min", size) <= size <= matcher.get("max", size):
            return False
    if "unordered" in matcher and not (isinstance(got, list)
                                       and sorted(got) == sorted(matcher["unordered"])):
        return False
    return True


def event_names_match(expected, got):
    """A name that ends in `?` may be absent; the order is the golden file's."""
    at = 0
    for name in expected:
        if at < len(got) and got[at] == name.rstrip("?"):
            at += 1
        elif not name.endswith("?"):
            return False
    return at == len(got)


# ---------------------------------------------------------------- one span

def span_differences(expected, got):
    """Lines of what differs between one expected span and one received, children apart."""
    out = []
    for field, default in (("name", None), ("kind", None), ("scope", None), ("status", "Unset"),
                           ("status_message", ""), ("trace_state", "")):
        want = expected.get(field, default)
        if not value_matches(want, got[field], got):
            out.append(f"{field}: expected {want!r}, got {got[field]!r}")
    attributes = expected["attributes"]
    for key, want in attributes.items():
        have = got["attributes"].get(key, MISSING)
        if not value_matches(want, have, got):
            shown = "nothing" if have is MISSING else repr(have)
            out.append(f"{key}: expected {want!r}, got {shown}")
    for key in got["attributes"]:
        if key not in attributes:
            out.append(f"{key}: unexpected, {got['attributes'][key]!r}")
    names = [e["name"] for e in got["events"]]
    if not event_names_match(expected.get("events", []), names):
        out.append(f"events: expected {expected.get('events', [])}, got {names}")
    if expected.get("links", 0) != len(got["links"]):
        out.append(f"links: expected {expected.get('links', 0)}, got {len(got['links'])}")
    remote = expected.get("remote_parent", "")
    have = got["parent_span_id"] if got["remote_parent"] else ""
    if not (re.fullmatch(remote, have) if remote else not have):
        out.append(f"remote_parent: expected {remote or 'none'}, got {have or 'none'}")
    return out


def subtree_matches(expected, got, parallel):
    return not span_differences(expected, got) and \
        not pair_up(expected.get("children", []), got["children"], parallel)[1]


def repeated(expected):
    for span in expected:
        for _ in range(span.get("count", 1)):
            yield span


def pair_up(expected, got, parallel):
    """
    Pairs siblings: in the order of their starts, or (parallel) any way that fits.
    Returns (pairs, left over): each pair is (expected or None, got or None).
    """
    expected, got = list(repeated(expected)), list(got)
    pairs, odd = [], False
    if parallel:
        rest = list(got)
        unmatched = []
        for want in expected:
            hit = next((g for g in rest if subtree_matches(want, g, True)), None)
            if hit is None:
                unmatched.append(want)
            else:
                rest.remove(hit)
                pairs.append((want, hit))
        odd = bool(unmatched or rest)
        while unmatched or rest:
            want = unmatched.pop(0) if unmatched else None
            same = next((g for g in rest if want and g["name"] == want["name"]), None)
            have = same or (rest[0] if rest else None)
            if have is not None:
                rest.remove(have)
            pairs.append((want, have))
    else:
        for index in range(max(len(expected), len(got))):
            want = expected[index] if index < len(expected) else None
            have = got[index] if index < len(got) else None
            pairs.append((want, have))
            odd = odd or want is None or have is None or not subtree_matches(want, have, False)
    return pairs, odd


# ---------------------------------------------------------------- the forest

def build_forest(spans):
    """Received spans as roots with children, each list in the order of starts."""
    known = {s["span_id"]: s for s in spans}
    roots = []
    for span in spans:
        span["children"] = []
        span["remote_parent"] = False
    for span in sorted(spans, key=lambda s: (s["start"], s["span_id"])):
        parent = known.get(span["parent_span_id"])
        if parent is None:
            span["remote_parent"] = bool(span["parent_span_id"])
            roots.append(span)
        else:
            parent["children"].append(span)
    return roots


def describe(span, indent=0):
    """A received tree as text, one fact a line, so that two of them can be diffed."""
    pad = "  " * indent
    yield f"{pad}{span['name']} {span['kind']} {span['scope']} {span['status']}"
    for key in sorted(span["attributes"]):
        yield f"{pad}    {key} = {span['attributes'][key]!r}"
    if span["events"]:
        yield f"{pad}    events {[e['name'] for e in span['events']]}"
    if span["links"]:
        yield f"{pad}    links {len(span['links'])}"
    if span["status_message"]:
        yield f"{pad}    message {span['status_message']!r}"
    if span["remote_parent"]:
        yield f"{pad}    remote_parent {span['parent_span_id']}"
    for child in span["children"]:
        yield from describe(child, indent + 1)


def describe_expected(expected, got, parallel, indent=0):
    """The golden tree as text; what fits is shown with the received value."""
    pad = "  " * indent
    status = expected.get("status", "Unset")
    yield f"{pad}{expected['name']} {expected['kind']} {expected['scope']} {status}"
    have = got["attributes"] if got else {}
    for key in sorted(expected["attributes"]):
        want = expected["attributes"][key]
        value = have.get(key, MISSING)
        fits = got is not None and value_matches(want, value, got)
        if fits and value is MISSING:
            continue
        yield f"{pad}    {key} = {(value if fits else want)!r}"
    names = [e["name"] for e in got["events"]] if got else []
    wanted = expected.get("events", [])
    if wanted:
        yield f"{pad}    events {names if event_names_match(wanted, names) else wanted}"
    if expected.get("links"):
        yield f"{pad}    links {expected['links']}"
    if expected.get("status_message"):
        yield f"{pad}    message {expected['status_message']!r}"
    if expected.get("remote_parent"):
        yield f"{pad}    remote_parent {expected['remote_parent']}"
    pairs, _ = pair_up(expected.get("children", []), got["children"] if got else [], parallel)
    for want, have_child in pairs:
        if want is not None:
            yield from describe_expected(want, have_child, parallel, indent + 1)


def compare(expected, roots, parallel):
    """Lines of a diff between the golden forest and the received one; none: equal."""
    pairs, odd = pair_up(expected, roots, parallel)
    if not odd:
        return []
    want = [line for e, g in pairs if e is not None for line in describe_expected(e, g, parallel)]
    have = [line for _, g in pairs if g is not None for line in describe(g)]
    lines = list(difflib.unified_diff(want, have, "expected", "received", lineterm="", n=4))
    # Fields that the text does not show (tracestate, sibling order).
    return lines or ["the order of siblings, or a field not shown here, differs:"] + \
        [d for e, g in pairs if e and g for d in span_differences(e, g)] + have


# ---------------------------------------------------------------- rules of any trace

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
DETECTED = {  # what detectors may say on this machine: a value, or a regular expression of the whole
    "os.type": "linux", "host.name": os.uname().nodename, "host.arch": "amd64", "host.id": "[0-9a-f]{32}",
    "process.executable.path": "/.+", "process.creation.time": r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "service.instance.id": UUID, "container.id": "[0-9a-f]{64}", "k8s.pod.uid": UUID.replace("4[", "[0-9a-f][", 1),
}


def check_resource(resource):
    for key, pattern in DETECTED.items():
        value = resource.get(key)
        if value is not None and value != pattern and not re.fullmatch(pattern, value):
            yield f"resource {key}={value!r}"
    # A title that the program has given itself (nginx) is not its name.
    if ": " in resource.get("process.executable.name", ""):
        yield f"process.executable.name={resource['process.executable.name']!r}"
    if resource.get("process.parent_pid", 1) < 0 or not resource.get("deployment.environment.name"):
        yield f"resource {resource}"


def check_spans(spans, secrets=(), early_children=False, sdk_parents=(), orphans=False):
    """What is true of every trace we may send, whatever the golden file says."""
    known = {}
    for span in spans:
        where = f"{span['name']} {span['span_id']}"
        if span["span_id"] in known:
            yield f"{where}: received twice"
        known[span["span_id"]] = span
        for key in ("service.name", "telemetry.sdk.name", "telemetry.sdk.language",
                    "telemetry.sdk.version"):
            if not span["resource"].get(key):
                yield f"{where}: the resource has no {key}"
        yield from (f"{where}: {problem}" for problem in check_resource(span["resource"]))
        if span["resource"].get("telemetry.sdk.name") != "otelshim":
            yield f"{where}: telemetry.sdk.name {span['resource'].get('telemetry.sdk.name')}"
        if not span["scope"].startswith("otelshim.") or not span["scope_version"]:
            yield f"{where}: scope {span['scope']} {span['scope_version']}"
        if not span["scope_schema_url"].startswith("https://opentelemetry.io/schemas/"):
            yield f"{where}: schema url {span['scope_schema_url']!r}"
        if (span["status"] == "Error") != ("error.type" in span["attributes"]):
            yield f"{where}: status {span['status']} with error.type " \
                  f"{span['attributes'].get('error.type')}"
        for event in span["events"]:
            if not span["start"] - CLOCK_SLACK_NS <= event["time"] <= span["end"] + CLOCK_SLACK_NS:
                yield f"{where}: event {event['name']} lies outside the span"
        text = json.dumps({k: v for k, v in span.items() if k not in ("children",)})
        for secret in secrets:
            if secret in text:
                yield f"{where}: the secret {secret!r} went out"
    for span in spans:
        parent = known.get(span["parent_span_id"])
        where = f"{span['name']} {span['span_id']}"
        remote = bool(span["flags"] & 0x200)
        if parent is None:
            if remote != bool(span["parent_span_id"]) and not orphans \
                    and span["parent_span_id"] not in sdk_parents:
                yield f"{where}: parent {span['parent_span_id'] or 'none'} was not received, " \
                      f"flags {span['flags']:#x}"
            continue
        if span["trace_id"] != parent["trace_id"]:
            yield f"{where}: not in its parent's trace"
        if not early_children and span["start"] + CLOCK_SLACK_NS < parent["start"]:
            yield f"{where}: starts {parent['start'] - span['start']} ns before its parent " \
                  f"{parent['name']}"
        crosses = span["resource"] != parent["resource"]
        talks_to_itself = span["kind"] == "SERVER" and parent["kind"] == "CLIENT"  # the header came over the wire
        if remote and not crosses and not talks_to_itself and span["resource"].get("process.pid") is not None:
            yield f"{where}: flags {span['flags']:#x} call a parent of the same process remote"
    roots = [s for s in spans if not s["parent_span_id"]]
    if len({s["trace_id"] for s in roots}) != len(roots):
        yield "two roots share a trace id"
