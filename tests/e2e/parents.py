#!/usr/bin/python3
"""
Counts, in spans that a sink received, how many have the right parent.

    parents.py SPANS.jsonl

Every request of http_load.c has an id in its URL, which whoever handles it
hands on: so a span's id must be that of its parent, and a trace holds one id.
With `traceparent` request N came from span N+1 of trace N+1 (hexadecimal).

right     the parent has the same id, or is the caller's span of that id
wrong     the parent has another id, or another kind than it must have
linked    a root with links to the spans that may be its parent
orphaned  a root without
The first span of a request has no parent of ours: it is right when it has the
caller's, or, without a caller, none; it is known by its path, /front.
"""
import json
import re
import sys

FRONT_PATH = "/front"
ID = re.compile(r"\bid=(\d+)")


def id_of(span):
    attributes = span["attributes"]
    m = ID.search(attributes.get("url.query", "") or attributes.get("url.full", ""))
    return int(m[1]) if m else None


def classify(spans):
    """{class: [spans]}"""
    known = {s["span_id"]: s for s in spans}
    out = {"right": [], "wrong": [], "linked": [], "orphaned": []}
    for span in spans:
        number = id_of(span)
        if number is None:
            continue
        parent = known.get(span["parent_span_id"])
        if parent is not None:
            # A server span's parent is a client span, and the other way round.
            fits = id_of(parent) == number and parent["kind"] != span["kind"] \
                and parent["trace_id"] == span["trace_id"]
            kind = "right" if fits else "wrong"
        elif span["parent_span_id"]:
            caller = (f"{number + 1:032x}", f"{number + 1:016x}")
            fits = (span["trace_id"], span["parent_span_id"]) == caller and is_front(span)
            kind = "right" if fits else "wrong"
        elif is_front(span):
            kind = "right"
        else:
            kind = "linked" if span["links"] else "orphaned"
        out[kind].append(span)
    return out


def is_front(span):
    return span["kind"] == "SERVER" and span["attributes"].get("url.path") == FRONT_PATH


def report(spans):
    """(counts, lines): counts by class; the lines tell where what is not right was made."""
    classes = classify(spans)
    counts = {k: len(v) for k, v in classes.items()}
    total = sum(counts.values()) or 1
    lines = [", ".join(f"{k} {n} ({100 * n / total:.3f} %)" for k, n in counts.items())]
    for kind in ("wrong", "linked", "orphaned"):
        by_place = {}
        for span in classes[kind]:
            place = (span["resource"].get("service.name"), span["kind"])
            by_place.setdefault(place, []).append(span)
        for place, some in by_place.items():
            lines.append(f"{kind}: {len(some)} {place[1]} spans of {place[0]}, e.g. id {id_of(some[0])}, "
                         f"span {some[0]['span_id']}, parent {some[0]['parent_span_id'] or 'none'}")
    return counts, lines


if __name__ == "__main__":
    with open(sys.argv[1]) as f:
        print("\n".join(report([json.loads(line) for line in f if line.strip()])[1]))
