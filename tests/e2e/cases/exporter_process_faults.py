"""An exporter process whose files, limits and programs fail (tests/e2e/exporter_faults.py says how)."""
import os
import re

from exporter_case import PROCESS, exporters, expect
from harness import case

COUNTED = re.compile(r"^select \? as (p\d)_(\d)_(\d+)$")


def statements(run):
    """Label -> thread and number of each statement that arrived."""
    found = {}
    for s in run.spans:
        m = COUNTED.match(s["attributes"].get("db.query.text", ""))
        if m:
            found.setdefault(m[1], set()).add((int(m[2]), int(m[3])))
    return found


def all_came(numbers, twice):
    def check(run):
        found, again = {label: len(s) for label, s in statements(run).items()}, sum(run.twice.values())
        run.notes.append(f"arrived {found}, {again} twice, dropped {run.reasons}")
        expect(found == numbers, f"statements that arrived: {found}, must be {numbers}")
        expect(again <= twice, f"{again} came twice")
        expect(len(exporters(run)) == 1, f"exporter processes: {exporters(run)}")
        left = os.listdir(os.path.join(run.tmp, "spool"))
        expect(not left, f"left in the spool: {left}")
    return check


def fault(name, check, **options):
    case("exporter_process_" + name, ["$HERE/exporter_faults.py", name], golden=None, preload=False, lost=None, orphans=True,
         twice=True, run_ids=1000, env={"PROGRAMS": "$PROGRAMS"}, sanitized=False, timeout=60, slack=30.0, check=check,
         shim_env=PROCESS | {"OTEL_SHIM_SPOOL_DIR": "$TMP/spool", "SPOOL_PRELOAD": "$SHIM"}, expect_drops=True, **options)


# Nothing is lost but what found no room while nobody read: the rings hold all of these.
fault("cannot_write", all_came({"p0": 4000, "p1": 3000}, 1024), log=[r"spool file of process \d+ cannot be written to \(File too large\)"] * 2)
