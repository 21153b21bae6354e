"""What the resource says of a real program on this machine, and who chooses it."""
import os
import platform

from harness import Failure, case

PROGRAM = ["$PROGRAMS/exit_in_flight", "0"]
ALWAYS = {"service.name", "telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version",
          "deployment.environment.name"}
PROCESS = {"process.pid", "process.parent_pid", "process.executable.name", "process.executable.path",
           "process.creation.time"}
HOST = {"host.name", "host.arch"} | ({"host.id"} if os.path.exists("/etc/machine-id") else set())
WHERE = {"container.id", "k8s.pod.uid", "k8s.namespace.name", "k8s.pod.name"}


def resource_of(run):
    resources = [s["resource"] for s in run.spans]
    if not resources or any(r != resources[0] for r in resources):
        raise Failure(f"resources {resources}")
    return resources[0]


def keys(expected):
    def check(run):
        have = set(resource_of(run)) - WHERE
        if have != expected:
            raise Failure(f"resource has {sorted(have - expected)} too much, lacks {sorted(expected - have)}")
    return check


def resource(name, check, detectors=None, env=None):
    variables = {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": detectors} if detectors else {}
    case(f"resource_{name}", PROGRAM, golden=None, check=check, shim_env=variables | (env or {}))


def all_of_them(run):
    release = platform.freedesktop_os_release()
    have = resource_of(run)
    os_keys = {"os.type", "os.build_id"} | {key for name, key in (
        ("NAME", "os.name"), ("VERSION_ID", "os.version"), ("PRETTY_NAME", "os.description")) if name in release}
    keys(ALWAYS | PROCESS | HOST | os_keys | {"service.instance.id"})(run)
    for key, wanted in (("os.name", release.get("NAME")), ("os.description", release.get("PRETTY_NAME")),
                        ("process.executable.name", "exit_in_flight"),
                        ("process.executable.path", os.path.realpath(run.fill(PROGRAM[0]))),
                        ("deployment.environment.name", "development")):
        if have.get(key) != wanted:
            raise Failure(f"{key} is {have.get(key)!r}, not {wanted!r}")


resource("is_detected", all_of_them)
resource("detectors_none", keys(ALWAYS), "none")
resource("detectors_by_the_specification_s_words", keys(ALWAYS | HOST | {"service.instance.id"}),
         "host, service_instance,containerid")


def told_at_debug(expected):
    """A detector of other SDKs is no mistake: a debug line, and no other."""
    def check(run):
        keys(expected)(run)
        lines = [line for line in run.log_lines if "aws_ec2" in line]
        if len(lines) != 1 or not lines[0].endswith("debug: resource detector aws_ec2: not known here"):
            raise Failure(f"the log says {lines}")
    return check


resource("detectors_of_others", told_at_debug(ALWAYS | PROCESS), "aws_ec2,process,azure_vm")
resource("detectors_process", keys(ALWAYS | PROCESS), "process,k8s")


def facts(**expected):
    def check(run):
        have = resource_of(run)
        for key, value in expected.items():
            if have.get(key.replace("__", ".")) != value:
                raise Failure(f"{key} is {have.get(key.replace('__', '.'))!r}, not {value!r}")
    return check


resource("environment", facts(deployment__environment__name="staging"), env={"DEPLOYMENT_ENVIRONMENT": "staging"})
resource("environment_of_attributes_wins", facts(deployment__environment__name="prod"),
         env={"DEPLOYMENT_ENVIRONMENT": "staging", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod"})
resource("kubernetes_names", facts(k8s__pod__name="shop-1", k8s__node__name="n1", k8s__cluster__name="eu"),
         env={"K8S_POD_NAME": "shop-1", "K8S_NODE_NAME": "n1", "K8S_CLUSTER_NAME": "eu"})
resource("attributes_win", facts(os__name="mine", service__instance__id="00000000-0000-4000-8000-000000000001"),
         env={"OTEL_RESOURCE_ATTRIBUTES": "os.name=mine,service.instance.id=00000000-0000-4000-8000-000000000001"})
