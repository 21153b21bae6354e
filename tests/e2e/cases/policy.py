"""
Policy: exporters that are allowed, what must be set before a process tells anything, which
programs are traced where all are preloaded, and profiles.
"""
import re

from harness import Failure, case

LOOKUP = ["$PROGRAMS/exit_in_flight"]
TREE = {"golden": "program_lookups", "vars": {"PROGRAM": "exit_in_flight", "LOOKUPS": 1}}
NOTHING = {"golden": "none", "lost": None}

# ---------------------------------------------------------------- exporters
case("policy_an_exporter_that_is_allowed", LOOKUP, shim_env={"OTEL_SHIM_ALLOWED_EXPORTERS": "console, OTLP"}, **TREE)
case("policy_an_exporter_that_is_not", LOOKUP, shim_env={"OTEL_SHIM_ALLOWED_EXPORTERS": "console"}, **NOTHING,
     log=["OTEL_SHIM_ALLOWED_EXPORTERS does not name otlp; it is not used"])

# ---------------------------------------------------------------- requirements
NAME, PLACE = {"OTEL_SHIM_REQUIRE_SERVICE_NAME": "true"}, {"OTEL_SHIM_REQUIRE_ENVIRONMENT": "true"}
case("policy_service_name_is_missing", LOOKUP, shim_env=NAME, **NOTHING,
     log=["OTEL_SHIM_REQUIRE_SERVICE_NAME: there is neither .*; telemetry is off"])
case("policy_service_name_is_there", LOOKUP, shim_env={**NAME, "OTEL_SERVICE_NAME": "shop"}, **TREE)
case("policy_service_name_is_an_attribute", LOOKUP, shim_env={**NAME, "OTEL_RESOURCE_ATTRIBUTES": "service.name=a"}, **TREE)
case("policy_environment_is_missing", LOOKUP, shim_env=PLACE, **NOTHING,
     log=["OTEL_SHIM_REQUIRE_ENVIRONMENT: there is neither .*; telemetry is off"])
case("policy_environment_is_there", LOOKUP, shim_env={**PLACE, "DEPLOYMENT_ENVIRONMENT": "test"}, **TREE)
case("policy_environment_is_an_attribute", LOOKUP, **TREE,
     shim_env={**PLACE, "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"})


# ---------------------------------------------------------------- executables
def processes_are(*names):
    def check(run):
        got = {s["attributes"]["process.executable.name"] for s in run.spans if s["scope"] == "otelshim.process"}
        if got != set(names):
            raise Failure(f"process spans of {got}, not {set(names)}")
        if len({s["trace_id"] for s in run.spans}) != 1:
            raise Failure("not one trace")
    return check


# The shell is not traced, so curl has no parent but what came in; what clears its environment is followed all the same.
SCRIPT = ["bash", "-c", "curl -s $WEB/hello; env -i $PROGRAMS/exit_in_flight | cat"]
CAME_IN = {"TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
FEW = {"golden": None, "parallel": True, "needs": ["curl", "bash"]}


def executables(name, env, *expected, **options):
    case(f"policy_executables_{name}", SCRIPT, shim_env={**CAME_IN, "OTEL_SHIM_PROCESS_SPAN": "always", **env},
         check=processes_are(*expected), **FEW, **options)


ALL = ("bash", "cat", "curl", "env", "exit_in_flight")
executables("all", {}, *ALL)
executables("included", {"OTEL_SHIM_INCLUDE_EXECUTABLES": "exit_*,curl"}, "curl", "exit_in_flight")
executables("included_by_path", {"OTEL_SHIM_INCLUDE_EXECUTABLES": "$PROGRAMS/*"}, "exit_in_flight", injects=False)
executables("excluded", {"OTEL_SHIM_EXCLUDE_EXECUTABLES": "bash, ca?,/usr/bin/env"}, "curl", "exit_in_flight")
executables("excluded_beats_included",
            {"OTEL_SHIM_INCLUDE_EXECUTABLES": "c*", "OTEL_SHIM_EXCLUDE_EXECUTABLES": "cat"}, "curl")

# A program that is left out makes no span of any kind, whatever it calls.
case("policy_excluded_program_is_left_alone", LOOKUP, shim_env={"OTEL_SHIM_EXCLUDE_EXECUTABLES": "exit_in_flight"},
     **NOTHING)


# By the name of a link, too: Debian's python3 is python3.11.
case("policy_excluded_by_the_name_of_a_link", ["python3", "-c", "import socket; socket.getaddrinfo('localhost', 1)"],
     shim_env={"OTEL_SHIM_EXCLUDE_EXECUTABLES": "python3"}, golden="none", lost=None, needs=["python3"])


# What it starts has the parent that it has itself, or none; never one that nobody tells of.
def parents_are(parent):
    def check(run):
        roots = [s for s in run.spans if s["scope"] == "otelshim.process"]
        wrong = [s["parent_span_id"] for s in roots if s["parent_span_id"] != parent]
        if not roots or wrong:
            raise Failure(f"{len(roots)} processes, of which parents are {wrong}, not {parent!r}")
    return check


SCRIPTS = ("import os, subprocess as s, sys; curl = ['curl', '-s', '$WEB/hello']; os.system(' '.join(curl)); s.run(curl); "
           "sys.stdout.write(os.popen(' '.join(curl)).read()); "
           "os.waitpid(os.posix_spawnp('curl', curl, os.environ), 0); sys.stdout.flush(); os.execvp('curl', curl)")
for name, env, parent in (("of_a_caller", CAME_IN, "b7ad6b7169203331"), ("of_nobody", {}, "")):
    case(f"policy_excluded_program_starts_children_{name}", ["python3", "-c", SCRIPTS], check=parents_are(parent),
         shim_env={"OTEL_SHIM_EXCLUDE_EXECUTABLES": "python3*,sh,dash", **env}, **FEW)


# ---------------------------------------------------------------- profiles
def received(low, high):
    def check(run):
        if not low <= len(run.spans) <= high:
            raise Failure(f"{len(run.spans)} spans, not {low} to {high}")
    return check


MANY = ["$PROGRAMS/server_calls", "listen", "0", "200"]
PROD = {"OTEL_SHIM_PROFILE": "prod"}
case("policy_profile_prod_samples", MANY, golden=None, shim_env=PROD, check=received(2, 60))
case("policy_profile_sets_only_what_is_not_set", MANY, golden=None, check=received(200, 200),
     shim_env={**PROD, "OTEL_TRACES_SAMPLER": "traceidratio"})
case("policy_profile_ci_tells_of_every_process", ["true"], golden="true_alone", shim_env={"OTEL_SHIM_PROFILE": "ci"})


def refusal_on_stderr(run):
    """Without the profile it is silent: silent_without_a_collector."""
    if (run.shim.code, run.shim.out) != (run.bare.code, run.bare.out):
        raise Failure(f"differs: {run.shim.code} {run.shim.out!r}")
    if not re.fullmatch(rb"(otelshim\[\d+\]: [^\n]*\n)+", run.shim.err) or b"refused" not in run.shim.err:
        raise Failure(f"stderr: {run.shim.err!r}")


case("policy_profile_dev_shows_what_fails", LOOKUP, golden=None, lost=None, sink="refused", compare=False,
     shim_env={"OTEL_SHIM_PROFILE": "dev", "OTEL_SHIM_LOG_FILE": None, "OTEL_LOG_LEVEL": None}, check=refusal_on_stderr)
case("policy_profile_unknown", LOOKUP, shim_env={"OTEL_SHIM_PROFILE": "lab"}, **TREE,
     log=['OTEL_SHIM_PROFILE="lab" is not known; using none'])
