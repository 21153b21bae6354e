"""libcurl from C: multi handles, reuse, and what callbacks do (programs/curl_multi.c, curl_easy.c)."""
from harness import Failure, case

MULTI = "$PROGRAMS/curl_multi"
EASY = "$PROGRAMS/curl_easy"
THREE = ["$WEB/hello?0", "$WEB/hello?1", "$WEB/slow/50"]


def headers(run, name):
    """Per request, in the order of arrival: the values it carried under a name."""
    return [(r["path"], [v for k, v in r["headers"] if k.lower() == name]) for r in run.web.requests]


def carried(name, expected):
    def check(run):
        got = headers(run, name)
        if got != expected:
            raise Failure(f"{name}: {got}, expected {expected}")
    return check


def traced_paths(expected):
    """Which requests carried a traceparent, in any order."""
    def check(run):
        got = sorted((path, len(values)) for path, values in headers(run, "traceparent"))
        if got != sorted(expected):
            raise Failure(f"traceparents: {got}, expected {expected}")
    return check


for how in ("perform", "epoll", "unread", "leave", "threads"):
    case(f"curl_multi_{how}", [MULTI, how] + THREE, golden="curl/multi", parallel=True, stdout="hello")
case("curl_multi_lookups_are_their_transfers", [MULTI, "perform", "http://bad..one/", "http://bad..two/",
                                                "$WEB/hello"], golden="curl/multi_lookups", parallel=True)
case("curl_multi_epoll_lookups_are_their_transfers", [MULTI, "epoll", "http://bad..one/", "http://bad..two/",
                                                      "$WEB/hello"], golden="curl/multi_lookups", parallel=True)
case("curl_multi_aborted_is_no_error", [MULTI, "abort", "$WEB/slow/1500?0", "$WEB/slow/1500?1"],
     golden="curl/multi_abort", parallel=True)
# Open at the process's end: as if taken away. Where another thread has the handles, libcurl is not asked.
case("curl_multi_open_at_exit_is_told", [MULTI, "exit", "$WEB/slow/1500?0", "$WEB/slow/1500?1"],
     golden="curl/multi_abort", parallel=True)
case("curl_multi_done_at_exit_is_told", [MULTI, "exit_done"] + THREE, golden="curl/multi", parallel=True)
AWAY = [{"name": "GET", "kind": "CLIENT", "scope": "otelshim.curl", "attributes": {
    "http.request.method": "GET", "url.full": f"http://127.0.0.1:$WEB_PORT/slow/1500?{n}", "server.address": "127.0.0.1",
    "server.port": "$WEB_PORT"}} for n in range(2)]
case("curl_multi_open_on_another_thread_at_exit_is_told", [MULTI, "exit_away", "$WEB/slow/1500?0", "$WEB/slow/1500?1"],
     golden=[{"name": "curl_multi", "kind": "INTERNAL", "scope": "otelshim.process", "attributes": {
         "process.executable.name": "curl_multi", "process.pid": "$PID", "process.parent_pid": "$PPID", "process.exit.code": 0},
         "children": AWAY}], parallel=True)
case("curl_multi_cleanup_gives_handles_back", [MULTI, "cleanup", "$WEB/slow/800?0", "$WEB/slow/800?1"],
     golden="curl/multi_cleanup", parallel=True)
case("curl_multi_looks_when_driven", [MULTI, "replace", "$WEB/hello?0", "$WEB/hello?1"],
     golden="curl/multi_replace", parallel=True,
     check=lambda run: [carried("x-own", [(p, ["good"]) for p, _ in headers(run, "x-own")])(run),
                        traced_paths([("/hello?0", 1), ("/hello?1", 1)])(run)])
case("curl_multiplexes_http2", ["curl", "-sS", "-Z", "--no-progress-meter", "--cacert", "$CA", "$NGINX_TLS/hello?1",
                                "$NGINX_TLS/hello?2", "$NGINX_TLS/hello?3"],
     web="nginx", golden="curl/tls_http2_multi", parallel=True)

case("curl_easy_reuse", [EASY, "reuse", "$WEB"], golden="curl/easy_reuse")
case("curl_easy_duplicate_is_the_programs_own", [EASY, "dup", "$WEB"], golden="curl/easy_dup",
     check=carried("x-own", [("/hello?original", ["one"]), ("/hello?copy", ["one"]), ("/hello?again", ["one"])]))
# What is not traced shows whether anything of ours was left on the handle.
case("curl_easy_duplicate_has_nothing_of_ours", [EASY, "dup", "$WEB"], golden="curl/easy_dup_excluded",
     injects=False, shim_env={"OTEL_SHIM_CURL_EXCLUDED_URLS": "[?]copy$"},
     check=traced_paths([("/hello?original", 1), ("/hello?copy", 0), ("/hello?again", 1)]))
case("curl_easy_handle_has_nothing_of_ours_afterwards", [EASY, "headers", "$WEB"], injects=False,
     golden="curl/easy_headers_excluded", shim_env={"OTEL_SHIM_CURL_EXCLUDED_URLS": "[?]2$"},
     check=lambda run: [traced_paths([("/hello?1", 1), ("/hello?2", 0), ("/hello?3", 1), ("/hello?4", 1)])(run),
                        carried("x-own", [("/hello?1", ["first"]), ("/hello?2", ["first"]),
                                          ("/hello?3", ["second"]), ("/hello?4", [])])(run)])
case("curl_easy_headers_stay_the_programs", [EASY, "headers", "$WEB"], golden="curl/easy_headers",
     check=carried("x-own", [("/hello?1", ["first"]), ("/hello?2", ["first"]), ("/hello?3", ["second"]),
                             ("/hello?4", [])]))
case("curl_easy_callbacks_stay_the_programs", [EASY, "callbacks", "$WEB"], golden="curl/easy_callbacks",
     stdout="prereq 3 resolve 1")
case("curl_easy_callbacks_have_nothing_of_ours_afterwards", [EASY, "callbacks", "$WEB"], injects=False,
     golden="curl/easy_callbacks_excluded", shim_env={"OTEL_SHIM_CURL_EXCLUDED_URLS": "[?]again$"},
     stdout="prereq 3 resolve 1")
case("curl_easy_nested_passes_through", [EASY, "nested", "$WEB"], golden="curl/easy_nested", injects=False,
     check=traced_paths([("/hello?outer", 1), ("/hello?inner", 0), ("/hello?after", 1)]))
case("curl_easy_left_by_longjmp", [EASY, "longjmp", "$WEB"], golden="curl/easy_longjmp", injects=False,
     check=traced_paths([("/hello?jumps", 1), ("/hello?other", 1)]))
case("curl_easy_connect_only_is_untouched", [EASY, "connect_only", "$WEB"], golden="none", injects=False,
     check=traced_paths([("/raw", 0)]))
case("curl_easy_options_arrive_exactly", [EASY, "options", "$WEB"], golden="curl/easy_options",
     check=carried("range", [("/hello?range", ["bytes=5000000000-"]), ("/hello?curlu", [])]))
case("curl_easy_handle_goes_on_in_child", [EASY, "fork", "$WEB"], golden="curl/easy_fork", parallel=True)
case("curl_easy_more_handles_than_tracked", [EASY, "many", "$WEB"], golden="curl/easy_many", injects=False,
     expect_drops=True, check=traced_paths([("/hello?many", 1)] * 4 + [("/hello?many", 0), ("/hello?again", 1)]))


def every_transfer_has_a_span(version):
    def check(run):
        spans = [s for s in run.spans if s["scope"] == "otelshim.curl"]
        wrong = [s for s in spans if s["attributes"].get("tls.protocol.version") != version
                 or s["attributes"].get("http.response.status_code") != 200]
        if len(spans) != 160 or wrong:
            raise Failure(f"{len(spans)} transfers, {len(wrong)} of them wrong: {wrong[:1]}")
    return check


# The exporter opens its own libcurl while the program's is in use.
for loop in ("curl_loop", "curl_loop_gnutls"):
    case(f"{loop}_threads", [f"$PROGRAMS/{loop}", "$WEB/hello", "8", "20", "10"], golden=None, parallel=True,
         stdout="160 of 160", shim_env={"OTEL_BSP_SCHEDULE_DELAY": "30"}, check=every_transfer_has_a_span(None))
    case(f"{loop}_threads_tls", [f"$PROGRAMS/{loop}", "$NGINX_TLS/hello", "8", "20", "10"], golden=None,
         web="nginx", env={"CA_FILE": "$CA"}, parallel=True, stdout="160 of 160",
         shim_env={"OTEL_BSP_SCHEDULE_DELAY": "30"}, check=every_transfer_has_a_span("1.3"))
