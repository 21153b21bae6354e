"""Two exporters, one of which loses spans: each has an account of its own."""
import tempfile

from harness import account, case, collector, drive, expect, servers

OTLP, CONSOLE, ZIPKIN, FILE = 1, 2, 4, 8  # enum exporter_kind


def beside_console(url, **settings):
    """OTLP to `url`, and the console into a file: the result and the lines of that file."""
    with tempfile.TemporaryFile() as out:
        result = drive(url, exporters=OTLP | CONSOLE, json=1, console=out.fileno(), pass_fds=(out.fileno(),), **settings)
        out.seek(0)
        return result, sum(1 for _ in out)


@case
def one_of_two_refuses_connections():
    url = f"http://127.0.0.1:{servers.closed_port()}/v1/traces"
    result, lines = beside_console(url, spans=9, export_timeout_ms=1000)
    account(result, None, 9, to="console")
    account(result, None, 9, dropped=9, to="otlp")
    expect("reason", result["accounts"]["otlp"]["retries"], 9)
    expect("lines", lines, 9)


@case
def one_of_two_hangs():
    with collector("hang") as (_, url):
        result, lines = beside_console(url, spans=9, export_timeout_ms=600)
        account(result, None, 9, to="console")
        account(result, None, 9, dropped=9, to="otlp")
        expect("lines", lines, 9)


@case
def one_of_two_hangs_as_the_process_ends():
    with collector("hang") as (_, url):
        result, lines = beside_console(url, spans=9, give_up_ms=300)
        account(result, None, 9, to="console")
        account(result, None, 9, to="otlp")
        expect("lost by the end", result["accounts"]["otlp"]["exit"], 9)
        expect("lines", lines, 9)


@case
def one_of_two_takes_a_part():
    with collector("partial:4") as (sink, url):
        result, lines = beside_console(url, spans=10)
        account(result, None, 10, to="console")
        account(result, sink, 10, dropped=4, to="otlp")
        expect("lines", lines, 10)


@case
def each_of_two_loses_its_own():
    options = {"path": "/api/v2/spans", "content_type": "application/json"}
    with collector("status:400;ok") as (otlp, url), collector("status:503:0", **options) as (_, zipkin):
        result = drive(url, exporters=OTLP | ZIPKIN, zipkin=zipkin, spans=4, batch=2)
        account(result, otlp, 4, dropped=2, to="otlp")
        expect("reason", result["accounts"]["otlp"]["rejected"], 2)
        account(result, None, 4, dropped=4, to="zipkin")
        expect("reason", result["accounts"]["zipkin"]["retries"], 4)


@case
def one_of_two_cannot_be_opened():
    with collector() as (sink, url):
        result = drive(url, exporters=OTLP | CONSOLE, console=-1, spans=3)
        account(result, sink, 3, to="otlp")
        expect("usable", {name: a["usable"] for name, a in result["accounts"].items()}, {"otlp": 1, "console": 0})


@case
def a_file_that_may_grow_no_more_beside_a_collector():
    with collector() as (sink, url), tempfile.TemporaryDirectory() as directory:
        result = drive(url, exporters=OTLP | FILE, file=directory + "/spans", spans=600, limits={"FSIZE": 5000},
                       export_timeout_ms=1000)
        account(result, sink, 600, to="otlp")
        account(result, None, 600, dropped=600, to="otlp_file")
