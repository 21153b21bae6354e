"""What cases of the exporter process share: its environment, and what its log says of it."""
import re

from harness import Failure

PROCESS = {"OTEL_SHIM_EXPORTER": "process", "OTEL_SHIM_EXPORTER_IDLE_TIMEOUT": "300", "OTEL_BSP_SCHEDULE_DELAY": "100"}
# In python: a statement by the language's own module, which makes a span.
STATEMENT = "import sqlite3; sqlite3.connect(':memory:').execute('select 1').fetchall()\n"


def expect(holds, text):
    if not holds:
        raise Failure(text)


def exporters(run):
    """The exporter processes that there were, by their number."""
    return [re.match(r"otelshim\[(\d+)\]", line)[1] for line in run.log_lines if line.endswith("exporter process begins")]


def one_at_a_time(run):
    """A second exporter process only after the first has ended: the machine may stop for longer than one waits for work."""
    turns = [m[1] for m in (re.search("exporter process (begins|ends)$", line) for line in run.log_lines) if m]
    expect(turns and turns in (["begins", "ends"], ["begins", "ends"] * 2), f"exporter processes: {turns}")
