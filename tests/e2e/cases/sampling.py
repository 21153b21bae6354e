"""
Which spans are recorded: samplers and OTEL_SHIM_SAMPLING_RULES. What is not recorded leaves
nothing at the collector, and its traceparent says so downstream.
"""
from harness import Failure, case
from http_case import get, nginx, serve, served

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"
LOOKUPS = ["$PROGRAMS/server_calls", "listen", "0", "200"]


def rules(text, **env):
    return {"OTEL_SHIM_SAMPLING_RULES": text, **env}


# ---------------------------------------------------------------- samplers
def received(low, high):
    def check(run):
        if not low <= len(run.spans) <= high:
            raise Failure(f"{len(run.spans)} spans, not {low} to {high}")
    return check


def sampled(name, env, check, argv=LOOKUPS, **options):
    case(f"sampled_{name}", argv, shim_env={"OTEL_SHIM_PROCESS_SPAN": "never", **env}, golden=None, check=check, lost=None, **options)


sampled("all_by_default", {}, received(200, 200))
sampled("always_off", {"OTEL_TRACES_SAMPLER": "always_off"}, received(0, 0))
sampled("a_half", {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, received(60, 140))


def at_the_rate(run):
    # A second's tokens at once, then 20 a second, for as long as the program took.
    bound = 20 + 20 * (run.shim.elapsed + 0.2)
    if not 20 <= len(run.spans) <= bound:
        raise Failure(f"{len(run.spans)} spans in {run.shim.elapsed} s, not 20 to {bound}")


for word in ("rate_limited", "parentbased_rate_limited"):
    sampled(word, {"OTEL_TRACES_SAMPLER": word, "OTEL_TRACES_SAMPLER_ARG": "20"}, at_the_rate)
sampled("rate_limited_follows_its_parent", {"OTEL_TRACES_SAMPLER": "parentbased_rate_limited",
        "OTEL_TRACES_SAMPLER_ARG": "0.001", "TRACEPARENT": CALLER + "1"},
        received(50, 50), argv=["$PROGRAMS/server_calls", "none", "50", "0"])
# A caller that does not sample, or does, and what was chosen for such ones; the process's span is nobody's parent here.
BELOW = {"argv": ["$PROGRAMS/server_calls", "none", "50", "0"]}
sampled("below_a_parent", {"OTEL_SHIM_PARENT_SAMPLERS": "remote_parent_not_sampled=always_on", "TRACEPARENT": CALLER + "0"},
        received(50, 50), **BELOW)
sampled("below_no_such_parent", {"OTEL_SHIM_PARENT_SAMPLERS": "remote_parent_not_sampled=always_on", "TRACEPARENT": CALLER + "1",
                                 "OTEL_TRACES_SAMPLER": "parentbased_always_off"}, received(50, 50), **BELOW)
sampled("below_a_parent_that_counts_for_nothing", {"OTEL_SHIM_PARENT_SAMPLERS": "remote_parent_sampled=0", "TRACEPARENT": CALLER + "1"},
        received(0, 0), **BELOW)
sampled("rate_that_is_none", {"OTEL_TRACES_SAMPLER": "rate_limited", "OTEL_TRACES_SAMPLER_ARG": "0"},
        received(100, 200), log=["OTEL_TRACES_SAMPLER_ARG=\"0\" is not a number from 0.001"])

# ---------------------------------------------------------------- rules, servers
one, files = nginx("server { listen 127.0.0.1:$PORT1; location / { return 200 'ok'; } }")


def ok(path, **fields):
    return served("GET", path, 1, size=2, **fields)


serve("rules_drop_a_path_of_a_server", [one],
      [get(1, p) for p in ("/healthz", "/a", "/healthz?q", "/healthz/x", "/static/b")],
      [ok("/a"), ok("/healthz/x")], site=files,
      shim_env=rules("path=/healthz drop; path=/static/* drop"))
serve("rules_keep_some_and_drop_the_rest", [one], [get(1, "/pay/1"), get(1, "/a"), get(1, "/pay/2", method="HEAD")],
      [ok("/pay/1", route="/pay/{id}")], site=files,
      shim_env=rules("route=/pay/{id},method=GET keep; * drop", OTEL_SHIM_HTTP_ROUTES="/pay/{id}"))
serve("rules_by_url_and_host", [one], [get(1, "/a"), get(1, "/b"), get(1, "/c?drop=1")],
      [ok("/b")], site=files,
      shim_env=rules("url=http://127.0.0.1:*/c?drop=* drop; host=127.0.0.1,path=/a drop; host=other,path=/b drop"))


def with_caller(flag):
    return f"traceparent: {CALLER}{flag}\r\n"


# What is at the edge of the process is decided by the rule, whatever the caller has decided.
serve("rules_beat_the_callers_flag", [one],
      [get(1, "/keep", headers=with_caller("0")), get(1, "/drop", headers=with_caller("1")),
       get(1, "/other", headers=with_caller("0"))],
      [ok("/keep", parent="b7ad6b7169203331")], site=files, shim_env=rules("path=/keep keep; path=/drop drop"))


# ---------------------------------------------------------------- rules, clients
def scopes_are(*expected):
    def check(run):
        got = sorted(s["scope"].removeprefix("otelshim.") for s in run.spans)
        if got != sorted(expected):
            raise Failure(f"spans of {got}, not of {sorted(expected)}")
    return check


def rule(name, text, *scopes, argv=("curl", "-s", "$WEB/hello?a=b"), **options):
    case(f"rules_{name}", list(argv), shim_env=rules(text), golden=None, check=scopes_are(*scopes), **options)


rule("drop_a_url_of_curl", "url=http://127.0.0.1:*/hello?a=b drop", "process", injects=False)
rule("drop_a_path_of_curl", "path=/hello,method=GET,host=127.0.0.1 drop", "process", injects=False)
rule("of_another_path_of_curl", "path=/hell drop; method=POST drop; host=other drop", "curl", "process")
rule("drop_an_instrumentation", "instrumentation=dns drop", "process", argv=["$PROGRAMS/exit_in_flight"])
rule("drop_a_kind", "kind=client drop", "process", injects=False)
# Without a root there is nothing to be a child of: the trace is not recorded.
rule("drop_the_process_and_all_below_it", "instrumentation=process drop", injects=False)
rule("cannot_bring_back_what_is_below_a_dropped_span", "instrumentation=process drop; instrumentation=curl keep",
     injects=False)
rule("are_left_out_one_by_one", "colour=red drop; instrumentation=curl drop; x", "process", injects=False,
     log=["OTEL_SHIM_SAMPLING_RULES: \"colour=red drop\" names an attribute that is not known at a span's start; "
          "it and others are left out"])


def says_not_sampled(run):
    sent = [value for r in run.web.requests for name, value in r["headers"] if name.lower() == "traceparent"]
    if len(sent) != 1 or not sent[0].endswith("-02"):
        raise Failure(f"traceparent: {sent}")


case("rules_dropped_is_told_downstream", ["curl", "-s", "$WEB/hello"], golden=None, injects=False,
     shim_env=rules("instrumentation=curl drop"), check=says_not_sampled)

# ---------------------------------------------------------------- rate_limited: one token for a trace
# One in 1,000 s: whatever takes a second token, or the only one for nothing, loses a trace.
ONE = {"OTEL_TRACES_SAMPLER": "rate_limited", "OTEL_TRACES_SAMPLER_ARG": "0.001"}
sampled("rate_limited_has_whole_traces", {**ONE, "OTEL_SHIM_PROCESS_SPAN": "always"}, received(51, 51),
        argv=["$PROGRAMS/server_calls", "none", "50", "0"])
# Each of the first three is below a span of the program's own SDK; the fourth has the token.
OWN = ["-H", f"traceparent: {CALLER}1", "$WEB/hello"]
sampled("rate_limited_below_spans_of_an_sdk", ONE, received(4, 4), injects=False, orphans=True,
        sdk_parents=["b7ad6b7169203331"], argv=["curl", "-s", *OWN, *OWN[2:], *OWN[2:], "--next", "-s", "$WEB/hello"])


def one_after_health_checks(run):
    paths = [s["attributes"]["url.path"] for s in run.spans]
    if paths != ["/a"]:
        raise Failure(f"spans of {paths}")


serve("rate_limited_is_not_used_up_by_what_rules_drop", [one], [get(1, p) for p in ("/healthz", "/healthz", "/a", "/b")],
      None, site=files, check=one_after_health_checks, shim_env=rules("path=/healthz drop", **ONE))

# A caller of B3 that has not decided: its context is read several times for one request.
B3 = "b3: 0af7651916cd43dd8448eb211c80319c-b7ad6b716920333{}\r\n"
serve("rate_limited_decides_once_for_a_caller_that_does_not", [one],
      [get(1, f"/{n}", headers=B3.format(n)) for n in range(1, 5)], None, site=files, orphans=True,
      check=lambda run: received(3, 4)(run),  # four, where the machine stops for a third of a second: a new token
      shim_env={"OTEL_TRACES_SAMPLER": "parentbased_rate_limited", "OTEL_TRACES_SAMPLER_ARG": "3", "OTEL_PROPAGATORS": "b3"})
