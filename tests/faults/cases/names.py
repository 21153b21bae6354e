"""Names: resolvers that know, do not know, or are silent."""
import contextlib
import os
import socket
import subprocess
import tempfile
import threading

from harness import Failure, Skipped, account, case, collector, drive, expect, expect_between, expect_short_runs


@case
def localhost_needs_no_resolver():
    with collector() as (sink, url):
        result = drive(url.replace("127.0.0.1", "localhost"), spans=1)
        account(result, sink, 1)


@case
def a_name_is_found_in_etc_hosts():
    name = socket.gethostname()
    hosts = open("/etc/hosts").read().split()
    if name not in hosts:
        raise Skipped(f"{name} is not in /etc/hosts")
    with collector() as (sink, url):
        result = drive(url.replace("127.0.0.1", name), spans=1)
        account(result, sink, 1)


@contextlib.contextmanager
def name_server(answers):
    """
    A DNS server on loopback that knows `answers` (name: IPv4), yields the command
    that makes a program ask it: /etc/resolv.conf in a mount namespace of its own.
    """
    with tempfile.TemporaryDirectory() as directory, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind(("127.0.0.153", 53))
        except OSError as error:
            raise Skipped(f"no DNS server can be started: {error}") from error
        conf = os.path.join(directory, "resolv.conf")
        with open(conf, "w") as f:
            f.write("nameserver 127.0.0.153\nsearch otelshim.test\n")
        inside = ["unshare", "-m", "sh", "-c", f'mount --bind {conf} /etc/resolv.conf && exec "$@"', "sh"]
        if subprocess.run([*inside, "true"], capture_output=True).returncode:
            raise Skipped("no mount namespace here")
        server.settimeout(0.1)
        closing = threading.Event()
        asked = []

        def serve():
            while not closing.is_set():
                try:
                    query, peer = server.recvfrom(1500)
                except TimeoutError:
                    continue
                labels, at = [], 12
                while query[at]:
                    labels.append(query[at + 1:at + 1 + query[at]].decode())
                    at += 1 + query[at]
                name, kind = ".".join(labels), query[at + 2]
                asked.append((name, kind))
                if answers is None:
                    continue
                known = name in answers
                records = b""
                if known and kind == 1:
                    records = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(answers[name])
                head = query[:2] + (b"\x81\x80" if known else b"\x81\x83")
                server.sendto(head + b"\0\1" + (b"\0\1" if records else b"\0\0") + b"\0\0\0\0" +
                              query[12:at + 5] + records, peer)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield inside, asked
        finally:
            closing.set()
            thread.join()


@case
def a_name_is_asked_of_the_name_server_and_kept():
    with collector() as (sink, url), \
            name_server({"collector.otelshim.test": "127.0.0.1"}) as (inside, asked):
        result = drive(url.replace("127.0.0.1", "collector"), inside=inside, spans=2000)
        account(result, sink, 2000)
        expect("questions", sorted(asked), [("collector.otelshim.test", 1),
                                            ("collector.otelshim.test", 28)])
        expect_short_runs(result, 100000)


@case
def an_unknown_name_is_tried_again_and_given_up():
    with name_server({}) as (inside, asked):
        result = drive("http://nowhere:4318/v1/traces", inside=inside, spans=2, export_timeout_ms=1000)
        account(result, None, 2, dropped=2)
        if "Domain name not found" not in result["log"]:
            raise Failure(f"the log says {result['log']!r}")


@case
def a_silent_name_server_costs_the_attempt_timeout():
    with name_server(None) as (inside, asked):
        result = drive("http://nowhere:4318/v1/traces", inside=inside, spans=2, timeout_ms=300,
                       export_timeout_ms=700)
        account(result, None, 2, dropped=2)
        expect_between("ms", result["ms"], 290, 1500)
        expect_short_runs(result, 100000)
