"""Answers that make no sense."""
import socket
import struct

from harness import Failure, account, case, collector, drive, expect, expect_between, raw_server


@case
def garbage_after_a_200_is_still_a_200():
    with collector("garbage") as (sink, url):
        result = drive(url, spans=2)
        account(result, sink, 2)
        if "no ExportTraceServiceResponse" not in result["log"]:
            raise Failure("the log says nothing")


@case
def an_endless_answer_is_cut_off():
    with collector("flood") as (sink, url):
        result = drive(url, spans=2)
        account(result, sink, 2)
        expect("requests", len(sink.requests), 1)
        expect_between("rss kB", result["rss_kb"], 0, 32000)


@case
def an_answer_of_10_mb_is_cut_off():
    """Each in a connection of its own: what is left of the answer is not waited for."""
    with collector("large:10000000") as (sink, url):
        result = drive(url, spans=3, batch=1)
        account(result, sink, 3)
        expect("requests", len(sink.requests), 3)
        expect("connections, and a look whether somebody listens", sink.accepted, 3 + 1)
        expect_between("rss kB", result["rss_kb"], 0, 32000)


@case
def an_answer_of_3_mb_is_read_and_the_connection_kept():
    with collector("large:3000000") as (sink, url):
        result = drive(url, spans=3, batch=1)
        account(result, sink, 3)
        expect("connections, and a look whether somebody listens", sink.accepted, 1 + 1)
        expect_between("rss kB", result["rss_kb"], 0, 32000)


@case
def an_answer_that_is_no_http_is_tried_again_and_given_up():
    with raw_server(lambda c: (c.sendall(b"\xff\x00garbage\r\n\r\n" * 50), c.close())) as url:
        result = drive(url, spans=2, export_timeout_ms=1000)
        account(result, None, 2, dropped=2)


@case
def an_answer_that_stops_in_the_middle_is_tried_again():
    def half(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        connection.close()
    with raw_server(half) as url:
        result = drive(url, spans=2, export_timeout_ms=1000)
        account(result, None, 2, dropped=2)


@case
def a_reset_in_the_middle_of_an_answer_is_tried_again():
    def half(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    with raw_server(half) as url:
        result = drive(url, spans=2, export_timeout_ms=1000)
        account(result, None, 2, dropped=2)
        expect("dropped after attempts", result["retries"], 2)
        expect("the log tells of the reset", "reset" in result["log"].lower(), True)


@case
def an_endless_header_is_cut_off():
    def flood(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for i in range(100000):
            connection.sendall(b"X-%d: " % i + b"y" * 8000 + b"\r\n")
    with raw_server(flood) as url:
        result = drive(url, spans=2, timeout_ms=2000, export_timeout_ms=1000)
        account(result, None, 2, dropped=2)
        expect_between("rss kB", result["rss_kb"], 0, 40000)


@case
def an_endpoint_that_is_no_url_is_said_once():
    for url in ("not a url", "http://user:hunter2@local host/?key=hunter2"):
        result = drive(url, spans=1)
        expect("open", result["open"], -1)
        if "the endpoint is no URL: spans are not exported" not in result["log"] or "hunter2" in result["log"]:
            raise Failure(f"the log says {result['log']!r}")
