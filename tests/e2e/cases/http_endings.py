"""
Requests that are open when their process ends: told with what is known, as if the program had
closed their connections. A server's has error.type `aborted` (docs/LIMITS.md), unless the
end is what completes the answer; a client that goes has no error. So the upstream's spans have
their parents.
"""
from http_case import PARENT, PARENT_ID, THREADS, called, get, program, serve, served, server

ENDS = ("exit", "return", "_exit", "quick_exit", "thread", "signal")


def aborted(path, status=None, size=None, **fields):
    """A SERVER span without a whole answer."""
    out = served("GET", path, 1, status=status, size=size, **fields)
    out["status"], out["attributes"]["error.type"] = "Error", "aborted"
    return out


def asking():
    """The request that it has sent, and what the upstream makes of half a body."""
    upstream = {"host": "upstream.example", "more": {"server.port": 81}}
    return called("POST", "http://upstream.example:81/ask", 2, status=None, size=None, body=5, **upstream, children=[
        served("POST", "/ask", 81, size=6, body=5, **upstream)])


def ends(name, path, expected):
    open_one = server("open", ["$PROGRAMS/http_open", "$PORT1", "$PORT2"], ["$PORT1"], stop="itself")
    serve(f"http_open_at_{name}", [program("leaf", THREADS, "$PORT2"), open_one],
          [get(1, path, f"traceparent: {PARENT}\r\n")], [expected])


for how in ENDS:
    ends(how, f"/{how}", aborted(f"/{how}", parent=PARENT_ID, children=[asking()]))
# Nobody knows whether the child has answered in its parent's place: no error. The child tells nothing.
ends("fork", "/fork", served("GET", "/fork", 1, status=None, size=None, parent=PARENT_ID, children=[asking()]))
ends("exit_half_answered", "/exit?half",
     aborted("/exit", status=200, size=5, query="half", parent=PARENT_ID, children=[asking()]))
ends("exit_answered_to_the_end", "/exit?close",
     served("GET", "/exit", 1, size=6, query="close", parent=PARENT_ID, children=[asking()]))
