"""
Servers that put themselves into the background: who starts them comes back at once, and is no
more of a program with a life of its own than the server is. No process span of either.
"""

from http_case import apache, get, haproxy, lighttpd, nginx, serve, served


def daemon(name, start, stop, files, size=6, needs=None, **options):
    """start: the command that returns when the server is in the background."""
    serve(f"daemon_{name}", [], [{"what": "start", "run": start, "shim": True, "hide": [[r"\(\d+\)", "(N)"]]}, {"what": "ready", "sleep_ms": 300}, get(1, "/hello"),
                                 {"what": "stop", "run": stop, "hide": [[r"\S+ [\d:]+ (\[notice\]) \d+#\d+", r"\1"]]}, {"what": "stopped", "sleep_ms": 700}],
          [served("GET", "/hello", 1, size=size)], site=files, needs=[needs or name], **options)


_, files = nginx("server { listen 127.0.0.1:$PORT1; }")
files = {"nginx.conf": files["nginx.conf"].replace("daemon off;", "daemon on;")}
COMMAND = ["nginx", "-c", "$TMP/nginx.conf", "-p", "$TMP"]
daemon("nginx", COMMAND, [*COMMAND, "-s", "stop"], files)
_, files = apache("Listen 127.0.0.1:$PORT1", "event")
COMMAND = ["apache2", "-d", "$TMP", "-f", "$TMP/apache.conf"]
daemon("apache2", COMMAND, [*COMMAND, "-k", "stop"], files)
_, files = lighttpd('server.pid-file = "$TMP/lighttpd.pid"')
daemon("lighttpd", ["lighttpd", "-f", "$TMP/lighttpd.conf"], ["sh", "-c", "kill $$(cat lighttpd.pid)"], files)
_, files = haproxy("frontend f\n    bind 127.0.0.1:$PORT1\n"
                   "    http-request return status 200 content-type text/plain string hello!\n")
COMMAND = ["haproxy", "-D", "-f", "$TMP/haproxy.conf", "-p", "$TMP/haproxy.pid"]
daemon("haproxy", COMMAND, ["sh", "-c", "kill -USR1 $$(cat haproxy.pid)"], files)
daemon("haproxy_with_a_master", [*COMMAND, "-W"], ["sh", "-c", "kill -USR1 $$(cat haproxy.pid)"], files, needs="haproxy")
