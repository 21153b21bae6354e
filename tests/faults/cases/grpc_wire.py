"""gRPC against servers that break HTTP/2, or use the rarer parts of it."""
import base64
import socket
import struct
import time

from grpc_sink import retry_info
from h2_server import DATA, END_STREAM, PING, RST_STREAM, h2_server
from harness import Failure, account, case, drive, expect, expect_between, expect_short_runs, raw_server, servers

GRPC = 2
REFUSED, CANCEL, CALM, INTERNAL = 7, 8, 11, 2  # HTTP/2 error codes


def call(url, **settings):
    return drive(url, protocol=GRPC, **settings)


@case
def grpc_refused_is_tried_again_and_given_up():
    url = f"http://127.0.0.1:{servers.closed_port()}/x/Export"
    result = call(url, spans=3, export_timeout_ms=2000)
    account(result, None, 3, dropped=3)
    expect_between("rss kB: libcurl is not even loaded", result["rss_kb"], 0, 6000)


@case
def grpc_server_that_does_not_accept_costs_the_attempt_timeout():
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x/Export"
        result = call(url, spans=3, timeout_ms=300, export_timeout_ms=900)
        account(result, None, 3, dropped=3)
        expect_between("ms", result["ms"], 290, 1800)
        expect_short_runs(result, 100000)


@case
def grpc_garbage_instead_of_http2_is_tried_again_and_given_up():
    for answer in (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", b"\xff" * 5000, b""):
        with raw_server(lambda c, a=answer: (c.sendall(a), c.close())) as url:
            result = call(url, spans=2, export_timeout_ms=1000)
            account(result, None, 2, dropped=2)


@case
def grpc_connection_reset_in_the_middle_of_an_answer_is_tried_again():
    def script(c):
        if c.number:
            return c.answer()
        c.headers([(":status", "200"), ("content-type", "application/grpc")])
        c.send(DATA, 0, b"\0\0\0\0\x05half")
        return c.reset()
    with h2_server(script) as (server, url):
        expect("delivered", call(url, spans=3)["delivered"], 3)
        expect("connections", server.connections, 2)


@case
def grpc_streams_that_are_reset_are_tried_again_or_not():
    for code, again in ((REFUSED, True), (CANCEL, True), (INTERNAL, False), (CALM, False)):
        def script(c, code=code):
            return c.answer() if c.number else c.send(RST_STREAM, 0, struct.pack(">I", code))
        with h2_server(script) as (server, url):
            result = call(url, spans=3)
            expect(f"delivered after a reset with {code}", result["delivered"], 3 if again else 0)
            expect(f"rejected after a reset with {code}", result["rejected"], 0 if again else 3)


@case
def grpc_goaway_before_the_call_moves_it_to_a_new_connection():
    def script(c):
        return c.answer() if c.number else c.goaway(0)
    with h2_server(script) as (server, url):
        expect("delivered", call(url, spans=3)["delivered"], 3)
        expect("connections", server.connections, 2)


@case
def grpc_goaway_after_the_answer_costs_nothing():
    def script(c):
        with c.at_once():  # or the next call would be under way when it comes
            c.answer()
            c.goaway(c.stream)
    with h2_server(script) as (server, url):
        result = call(url, spans=4, batch=1)
        account(result, None, 4)
        expect("calls", server.calls, 4)
        expect_between("ms: no wait between attempts", result["ms"], 0, 700)


@case
def grpc_connection_closed_while_idle_is_made_anew_at_once():
    def script(c):
        c.answer()
        if c.number == 0:
            time.sleep(0.05)
            c.close()
    with h2_server(script) as (server, url):
        result = call(url, spans=2, burst=1, pause_ms=300, delay_ms=1, flush_at_ms=100)
        account(result, None, 2)
        expect("connections", server.connections, 2)
        expect_between("ms: no wait between attempts", result["ms"], 300, 900)


@case
def grpc_old_connection_that_dies_under_a_call_is_replaced_once():
    def script(c):
        return c.reset() if c.number == 1 else c.answer()
    with h2_server(script) as (server, url):
        result = call(url, spans=2, burst=1, pause_ms=100, delay_ms=1, flush_at_ms=60000)
        account(result, None, 2)
        expect("calls", server.calls, 3)
        expect_between("ms: no wait between attempts", result["ms"], 100, 700)


@case
def grpc_trailers_only_answers_are_understood():
    details = base64.b64encode(retry_info(14, 300)).decode().rstrip("=")

    def script(c):
        if c.number == 0:
            return c.headers([(":status", "200"), ("grpc-status", "14"), ("grpc-message", "soon%21"),
                              ("grpc-status-details-bin", details)], end=True)
        return c.headers([(":status", "200"), ("grpc-status", "3"), ("grpc-message", "no%0anever%2")], end=True)
    with h2_server(script) as (server, url):
        result = call(url, spans=2)
        expect("rejected", result["rejected"], 2)
        expect_between("ms, a RetryInfo waited for", result["ms"], 290, 900)
        if "gRPC status 3 INVALID_ARGUMENT: no never%2" not in result["log"]:
            raise Failure(f"the log says {result['log']!r}")


@case
def grpc_http_statuses_stand_in_for_a_missing_grpc_status():
    for status, again in (("503", True), ("429", True), ("404", False), ("401", False), ("307", False), ("200", False)):
        def script(c, status=status):
            return c.answer() if c.number else c.headers([(":status", status)], end=True)
        with h2_server(script) as (server, url):
            result = call(url, spans=2)
            expect(f"delivered after {status}", result["delivered"], 2 if again else 0)
            expect(f"rejected after {status}", result["rejected"], 0 if again else 2)


@case
def grpc_pings_are_answered():
    def script(c):
        c.send(PING, 0, b"12345678", stream=0)
        time.sleep(0.1)
        c.answer()
    with h2_server(script) as (server, url):
        account(call(url, spans=2), None, 2)
        expect("answers to pings", server.pings, 1)


@case
def grpc_answer_without_an_end_is_cut_off():
    def script(c):
        c.headers([(":status", "200"), ("content-type", "application/grpc")])
        while True:
            c.send(DATA, 0, b"\0" * 16384)
    with h2_server(script) as (server, url):
        result = call(url, spans=2, export_timeout_ms=1000)
        account(result, None, 2, dropped=2)
        expect_between("rss kB", result["rss_kb"], 0, 32000)


@case
def grpc_answer_that_is_compressed_is_taken_but_not_read():
    with h2_server(lambda c: c.answer(body=b"\x01\0\0\0\x03abc")) as (server, url):
        account(call(url, spans=2), None, 2)


@case
def grpc_data_after_the_end_of_a_call_harms_nobody():
    def script(c):
        c.answer()
        c.send(DATA, END_STREAM, b"more")
    with h2_server(script) as (server, url):
        account(call(url, spans=3, batch=1), None, 3)
