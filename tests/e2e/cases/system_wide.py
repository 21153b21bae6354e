"""
/etc/ld.so.preload: every program of a machine, and so those that have more rights than whoever starts
them. The environment is that one's: it must not move such a program to do anything. What it starts is traced.
"""
import os
import re
import shutil
import tempfile

from harness import Failure, cannot_unshare, case, readable_by_all
from kinds import give_capability, needs_root

# An /etc of the case's own, in which the file is written under the shim only.
PRELOAD = """
mkdir over && mount -t tmpfs none over && mkdir over/up over/work &&
mount -t overlay overlay -o lowerdir=/etc,upperdir=over/up,workdir=over/work /etc || exit 9
[ -z "$$PRELOADED" ] || echo $$PRELOADED >/etc/ld.so.preload
"""
SCRIPT = PRELOAD + """
exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'umask 0
OTEL_SHIM_LOG_FILE=$TMP/by-it OTEL_TRACES_EXPORTER=otlp_file OTEL_SHIM_FILE_PATH=$TMP/spans-by-it $TMP/privileged; ls by-it spans-by-it; $TMP/plain'
"""


def cannot():
    if os.statvfs(tempfile.gettempdir()).f_flag & os.ST_NOSUID:
        return "the directory of temporary files is mounted nosuid"
    return needs_root() or cannot_unshare("-m")


def privileged(give_rights):
    def prepare(run):
        readable_by_all(run)
        os.chmod(run.tmp, 0o777)
        for name in ("plain", "privileged"):
            shutil.copy(run.fill("$PROGRAMS/exit_in_flight"), os.path.join(run.tmp, name))
        give_rights(os.path.join(run.tmp, "privileged"))
    return prepare


def only_the_plain_one(run):
    names = {s["attributes"]["process.executable.name"] for s in run.spans if s["scope"] == "otelshim.process"}
    looked_up = sum(s["scope"] == "otelshim.dns" for s in run.spans)
    if "plain" not in names or "privileged" in names or looked_up != 1:
        raise Failure(f"spans of {names}, {looked_up} names looked up")


def doctor_says(run):
    text = re.sub(r"\n {8,}(?=\S)", " ", run.shim.out.decode())
    for line in (r"  otelshim +\S+/libotelshim.so is in it, .*", "  rights +AT_SECURE is set: libotelshim.so, .* does nothing in it, .*",
                 r"  \d\. +Start it as the user that it changes to, .*", "exit 1"):
        if not re.search(f"^{line}$", text, re.M):
            raise Failure(f"no line {line!r} in\n{text}")


DOCTOR = PRELOAD + """
setpriv --reuid 65534 --regid 65534 --clear-groups $TMP/privileged 20000000 &
for n in $$(seq 100); do # bare it has none of ours
    grep -q privileged /proc/$$!/comm && grep -q libotelshim /proc/$$!/maps && break
    sleep 0.02
done
$OTELSHIM doctor $$!; echo exit $$?; kill $$!; wait $$! || true
"""
ALL = {"preload": False, "golden": None, "shim_env": {"PRELOADED": "$SHIM_FOR_ALL"}, "skip": cannot, "sanitized": False, "run_ids": 2}
RIGHTS = {"set_user_id": lambda path: os.chmod(path, 0o4755), "set_group_id": lambda path: os.chmod(path, 0o2755),
          "capabilities": give_capability}
for name, give_rights in RIGHTS.items():
    case(f"system_wide_{name}_is_left_alone", ["unshare", "-m", "sh", "-c", SCRIPT], stdout="lookup 0\nlookup 0",
         prepare=privileged(give_rights), check=only_the_plain_one, **ALL)
case("system_wide_doctor_says_so", ["unshare", "-m", "sh", "-c", DOCTOR], compare=False,
     prepare=privileged(RIGHTS["set_user_id"]), check=doctor_says, **ALL)
