"""
Tests of the harness itself: a test tool that cannot fail proves nothing, so
each rule is shown to catch what it is there for. The decoder gets bytes put
together by hand; whole cases run tests/e2e/sender.py instead of a traced one.
"""
import os
import shutil
import tempfile

import golden
import harness
import otlp_wire
import sender
from otlp_wire import WireError, decode_traces

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def refuses(raw, what):
    try:
        decode_traces(raw)
    except WireError as error:
        assert what in str(error), f"says {error!s}, not {what!r}"
        return
    raise AssertionError(f"accepted, though {what}")


def one(**changes):
    args = {"span_id": sender.ONE, "parent": b"", "name": "x", "start": 1, "end": 2, **changes}
    extra_attributes = args.pop("attributes", ())
    return sender.request(sender.span(args.pop("span_id"), args.pop("parent"), args.pop("name"),
                                      args.pop("start"), args.pop("end"), *extra_attributes, **args))


@test
def harness_decodes_a_request_made_by_hand():
    spans = decode_traces(sender.request(*sender.spans("")))
    assert [s["name"] for s in spans] == ["parent", "child"]
    assert spans[1]["attributes"] == {"who": "child", "n": -5, "otelshim.run_id": "run"}
    assert spans[1]["parent_span_id"] == "0000000000000001"
    assert spans[0]["events"] == [{"name": "half", "time": sender.NOW + 500, "attributes": {}, "dropped_attributes": 0}]
    assert spans[0]["kind"] == "INTERNAL" and spans[0]["resource"]["service.name"] == "sender"


@test
def harness_refuses_what_a_lenient_decoder_would_skip():
    good = one()
    refuses(good + sender.block(9, b"x"), "unknown field")
    refuses(good[:-3], "past the end")
    refuses(one(extra=sender.number(12, 3) + sender.number(12, 3)), "stands twice")
    refuses(one(extra=sender.number(5, 3)), "wire type")
    refuses(one(name=b"\xc3\x28"), "UTF-8")
    refuses(one(name=b"\xed\xa0\x80"), "UTF-8")
    refuses(one(name=""), "without a name")
    refuses(one(start=5, end=4), "starts at")
    refuses(one(kind=0), "kind")
    refuses(one(flags=1), "remote")
    refuses(one(flags=0x1101), "reserved")
    refuses(one(span_id=b"\0" * 8), "span id")
    refuses(one(span_id=b"\1" * 7), "span id")
    refuses(one(attributes=[sender.text("a", "1"), sender.text("a", "2")]), "stands twice")
    refuses(one(attributes=[sender.block(1, "a")]), "without a value")
    refuses(one(attributes=[sender.block(1, "a") + sender.block(2, b"")]), "AnyValue")
    refuses(one(extra=sender.block(15, sender.block(2, "why"))), "without an error")
    refuses(b"", "without spans")


@test
def harness_decodes_every_kind_of_value():
    def value(raw):
        return otlp_wire.plain_value(otlp_wire.decode(raw, otlp_wire.ANY_VALUE))
    assert value(sender.block(1, "")) == ""
    assert value(sender.number(2, 1)) is True
    assert value(sender.number(3, (1 << 64) - 1)) == -1
    assert value(sender.fixed64(4, 0x3FF8000000000000)) == 1.5
    assert value(sender.block(5, sender.block(1, sender.number(3, 7)))) == [7]


@test
def harness_matches_values_by_type_and_rule():
    span = {"resource": {"process.pid": 7}}

    def fits(want, got):
        return golden.value_matches(want, got, span)
    assert fits(1, 1) and not fits(1, "1") and not fits(1, True) and not fits(1, 1.0)
    assert fits({"type": "int", "min": 0}, 3) and not fits({"type": "int", "min": 0}, -3)
    assert fits({"regex": "a+"}, "aa") and not fits({"regex": "a+"}, "aab")
    assert fits({"optional": True, "type": "int"}, golden.MISSING) and not fits({"type": "int"}, golden.MISSING)
    assert not fits({"optional": True, "type": "int"}, "x")
    assert fits(["a", {"regex": "b."}], ["a", "bc"]) and not fits(["a"], ["a", "b"])
    assert fits("$PID", 7) and not fits("$PID", 8)
    assert golden.event_names_match(["a", "b?", "c"], ["a", "c"])
    assert not golden.event_names_match(["a", "b"], ["b", "a"])


GOLDEN = [{"name": "parent", "kind": "INTERNAL", "scope": "otelshim.test", "attributes": {}, "events": ["half"],
           "children": [{"name": "child", "kind": "CLIENT", "scope": "otelshim.test",
                         "attributes": {"who": "child", "n": {"type": "int", "max": 0}}}]}]


def run_sender(spoil, behaviour="ok"):
    """A whole case in a forked process, as the runner does it. Returns its failure or ''."""
    directory = tempfile.mkdtemp(prefix="otelshim-selftest-")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        failure = ""
        try:
            harness.LEFTOVER_TIMEOUT_S = 1
            the_case = harness.Case("self", ["/usr/bin/python3", "$HERE/sender.py", "words", spoil],
                                    golden=None, preload=False, sink=behaviour, stdout="words")
            run = harness.Run(the_case, directory, {})
            the_case.check = lambda r: check_forest(r)
            harness.perform(run)
        except harness.Failure as error:
            failure = str(error)
        except BaseException as error:  # noqa: B902  (the parent must hear of everything)
            failure = f"{type(error).__name__}: {error}"
        with os.fdopen(writer, "w") as out:
            out.write(failure)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as f:
        failure = f.read()
    os.waitpid(pid, 0)
    shutil.rmtree(directory, ignore_errors=True)
    return failure


def check_forest(run):
    lines = golden.compare(GOLDEN, run.roots, False)
    if lines:
        raise harness.Failure("\n".join(lines))


@test
def harness_passes_a_correct_program():
    failure = run_sender("")
    assert not failure, failure


@test
def harness_catches_each_single_fault():
    for spoil, words in {"stdout": "stdout differs", "exit": "under the shim: exit 3", "value": "who",
                         "attribute": "more = 'unexpected'", "no-event": "events", "run": "run ids", "no-run": "run ids", "orphan": "was not received",
                         "early": "before its parent", "lost": "made 2 is not received 1",
                         "header": "Content-Type", "warning": "unexpected in our log",
                         "daemon": "left running"}.items():
        failure = run_sender(spoil)
        assert words in failure, f"{spoil}: says {failure!r}, not {words!r}"


@test
def harness_counts_refused_spans_as_not_received():
    failure = run_sender("", "status:400")
    assert "Error" in failure or "exit 1" in failure, failure


def run():
    passed = failed = 0
    for function in TESTS:
        try:
            function()
            passed += 1
            print(f"ok   {function.__name__}")
        except AssertionError as error:
            failed += 1
            print(f"FAIL {function.__name__}: {error}")
    return passed, failed


if __name__ == "__main__":
    print("%d passed, %d failed" % run())
