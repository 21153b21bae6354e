"""OTLP in files and on stdout: lines, rotation, full disks, slow readers."""
import glob
import os
import subprocess
import tempfile
import threading
import time

import otlp_json
from harness import DRIVER, BUILD, Failure, account, case, collector, drive, expect, expect_between, expect_short_runs

FILE, STDOUT, OTLP = 8, 16, 1  # enum exporter_kind


def lines(*paths):
    """The spans of all lines, decoded."""
    spans = []
    for path in paths:
        with open(path, "rb") as f:
            spans += [span for line in f.read().splitlines() for span in otlp_json.decode_traces(line)]
    return spans


@case
def a_file_says_what_otlp_says():
    with collector() as (sink, url), tempfile.TemporaryDirectory() as directory:
        path = directory + "/spans.jsonl"
        result = drive(url, exporters=FILE | OTLP, file=path, spans=7, attributes=6, rich=1, fixed=1)
        account(result, sink, 7, to="otlp")
        account(result, None, 7, to="otlp_file")
        wanted = [{k: v for k, v in s.items() if k not in ("accepted", "request")} for s in sink.spans]
        expect("spans", lines(path), wanted)
        expect("mode", oct(os.stat(path).st_mode & 0o777), "0o600")


@case
def a_file_is_appended_to_and_rotated_by_size():
    with tempfile.TemporaryDirectory() as directory:
        path = directory + "/spans.jsonl"
        size = 0
        for run in range(4):
            expect("delivered", drive("", exporters=FILE, file=path, spans=300, file_bytes=150000)["delivered"], 300)
            size = max(size, os.stat(path).st_size)
        expect("files", sorted(os.listdir(directory)), ["spans.jsonl", "spans.jsonl.1"])
        expect_between("bytes of a file", size, 80000, 150000)
        expect_between("spans kept", len(lines(path, path + ".1")), 600, 600)


@case
def a_batch_larger_than_a_file_may_be_has_a_file_of_its_own():
    with tempfile.TemporaryDirectory() as directory:
        path = directory + "/spans.jsonl"
        result = drive("", exporters=FILE, file=path, spans=20, batch=10, file_bytes=1)
        expect("delivered", result["delivered"], 20)
        expect("spans in each", [len(lines(path)), len(lines(path + ".1"))], [10, 10])


@case
def processes_that_share_a_file_tear_no_line():
    with tempfile.TemporaryDirectory() as directory:
        path = directory + "/spans.jsonl"
        arguments = [DRIVER, f"object={BUILD}/libotelshim-exporter.so", "exporters=8", f"file={path}",
                     "spans=4000", "batch=50", "file_bytes=400000", "verbose=1"]
        running = [subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                   for _ in range(4)]
        for process in running:
            out, log = process.communicate(timeout=30)
            if "delivered=4000 " not in out or "cannot" in log:
                raise Failure(f"{out} {log}")
        spans = lines(*glob.glob(path + "*"))
        expect_between("spans in the last two files", len(spans), 100, 6000)
        for name in glob.glob(path + "*"):
            expect_between(f"bytes of {os.path.basename(name)}", os.stat(name).st_size, 1, 900000)


@case
def a_full_disk_is_tried_again_and_counted():
    with tempfile.TemporaryDirectory() as directory:
        path = directory + "/spans.jsonl"
        result = drive("", exporters=FILE, file=path, spans=600, limits={"FSIZE": 5000}, export_timeout_ms=1500)
        expect("dropped", result["retries"], 600)
        if "the file cannot be written" not in result["log"]:
            raise Failure(f"the log says {result['log']!r}")


@case
def a_file_that_cannot_be_opened_is_said_once():
    result = drive("", exporters=FILE, file="/no/such/folder/spans.jsonl", spans=1)
    expect("open", result["open"], -1)
    if "/no/such/folder/spans.jsonl cannot be written" not in result["log"]:
        raise Failure(f"the log says {result['log']!r}")


def read_slowly(reader, got):
    while chunk := os.read(reader, 5000):
        got.append(chunk)
        time.sleep(0.01)
    os.close(reader)


@case
def stdout_gets_lines_and_may_be_slow():
    for settings in ({"exporters": STDOUT}, {"exporters": FILE, "file": "-"}):
        reader, writer = os.pipe()
        got = []
        thread = threading.Thread(target=read_slowly, args=(reader, got))
        thread.start()
        result = drive("", stdout=writer, pass_fds=(writer,), spans=1000, **settings)
        os.close(writer)
        thread.join()
        text = b"".join(got)
        expect("delivered", result["delivered"], 1000)
        expect("ends with a newline", text[-1:], b"\n")
        expect("spans", sum(len(otlp_json.decode_traces(line)) for line in text.splitlines()), 1000)
        expect_short_runs(result, 100000)
