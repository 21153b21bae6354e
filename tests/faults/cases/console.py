"""The console: slow readers, terminals, lines of JSON."""
import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import tempfile
import termios
import threading
import time

from harness import Failure, account, case, collector, drive, expect, expect_between, expect_short_runs


@case
def the_console_never_blocks_on_a_full_pipe():
    reader, writer = os.pipe()
    try:
        result = drive("", exporters=2, console=writer, pass_fds=(writer,), spans=3000, give_up_ms=500)
        expect_short_runs(result, 200000)
        if result["delivered"] + result["pending"] != 3000 or result["pending"] == 0:
            raise Failure(f"delivered {result['delivered']}, pending {result['pending']}")
        expect_between("bytes in the pipe", len(os.read(reader, 1 << 20)), 50000, 65536)
    finally:
        os.close(reader)
        os.close(writer)


@case
def the_console_writes_all_to_a_slow_reader():
    reader, writer = os.pipe()
    got = []

    def read():
        while chunk := os.read(reader, 3000):
            got.append(chunk)
            time.sleep(0.002)
    thread = threading.Thread(target=read)
    thread.start()
    result = drive("", exporters=2, console=writer, pass_fds=(writer,), spans=2000,
                   attributes=6)
    os.close(writer)
    thread.join()
    os.close(reader)
    text = b"".join(got).decode()
    expect("delivered", result["delivered"], 2000)
    expect("lines", text.count("GET  200  http://"), 2000)


@case
def a_console_that_is_gone_is_counted():
    reader, writer = os.pipe()
    os.close(reader)
    result = drive("", exporters=2, console=writer, pass_fds=(writer,), spans=3)
    os.close(writer)
    expect("rejected", result["rejected"], 3)


def on_terminal(env, columns):
    """What the console writes to a terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    drive("", exporters=2, console=slave, pass_fds=(slave,), spans=2, attributes=6, env=env)
    os.close(slave)
    text = b""
    with contextlib.suppress(OSError):  # EIO: the other side is closed
        while chunk := os.read(master, 65536):
            text += chunk
    os.close(master)
    return text.decode().replace("\r\n", "\n")


@case
def a_terminal_gets_colours_and_lines_of_its_width():
    for columns in (60, 80, 120, 200):
        text = on_terminal({"TERM": "xterm"}, columns)
        if "\x1b[1m" not in text:
            raise Failure("no colours")
        lines = re.sub("\x1b\\[[0-9;]*m", "", text).splitlines()
        expect("lines", len(lines), 3)
        expect(f"cells of {columns}", max(len(line) for line in lines[1:]), columns)
    if "\x1b" in on_terminal({"TERM": "xterm", "NO_COLOR": "1"}, 80):
        raise Failure("colours in spite of NO_COLOR")
    if "\x1b" in on_terminal({"TERM": "dumb"}, 80):
        raise Failure("colours on a dumb terminal")


@case
def json_lines_are_json():
    with tempfile.TemporaryFile() as out:
        result = drive("", exporters=2, json=1, console=out.fileno(), pass_fds=(out.fileno(),),
                       spans=50, attributes=6)
        out.seek(0)
        spans = [json.loads(line) for line in out]
        expect("delivered", result["delivered"], 50)
        expect("lines", len(spans), 50)
        expect("traceId", spans[7]["traceId"], "ab" * 16)
        expect("spanId", spans[7]["spanId"], "0000000000000008")
        expect("attributes", len(spans[7]["attributes"]), 6)


@case
def both_exporters_have_every_span_once():
    with collector() as (sink, url), tempfile.TemporaryFile() as out:
        result = drive(url, exporters=3, json=1, console=out.fileno(), pass_fds=(out.fileno(),),
                       spans=5000)
        out.seek(0)
        expect("received", sink.received, 5000)
        expect("lines", sum(1 for _ in out), 5000)
        account(result, sink, 5000, to="otlp")
        account(result, None, 5000, to="console")
