"""Every name that libc gives to one call (programs/socket_forms.c): the same in every respect, traced in every form."""
from harness import case
from http_case import ANY_PORT, called, process, served

WRITERS = ["write", "__write", "writev", "send", "__send", "sendto", "sendmsg"]
READERS = ["read", "__read", "__read_chk", "readv", "recv", "__recv_chk", "recvfrom", "__recvfrom_chk", "recvmsg"]
UNSEEN = ["sendmmsg", "dprintf", "__dprintf_chk", "vdprintf", "__vdprintf_chk", "sendfile", "sendfile64"]
WAITS = ["poll", "__poll", "__poll_chk", "ppoll", "__ppoll_chk", "select", "__select", "pselect", "epoll_wait",
         "epoll_pwait", "epoll_pwait2"]
COPIES = ["dup2", "__dup2", "dup3"]


def answered(name, **more):
    return served("GET", "/" + name, 0, size=3, host="forms.test", more={"server.port": 80}, **more)


def asked(name, *children):
    return called("GET", "http://forms.test/" + name, 0, size=3, host="forms.test", children=children,
                  more={"server.port": 80, "network.peer.port": ANY_PORT})


def talks(names):
    return [asked(name, answered(name)) for name in names]


def forms(what, spans, **more):
    case("forms_" + what, ["$PROGRAMS/socket_forms", what], golden=spans, **more)


forms("by", talks(WRITERS + READERS), stdout="sendmsg: .*GET /sendmsg.* 200 OK.*ok")
forms("waits", talks(WAITS + COPIES), stdout="epoll_pwait2: .*GET /epoll_pwait2.* 200 OK.*ok")
# What the client sends goes by us, and the server reads it as ever; last, what a server reads.
forms("blind", [answered(name) for name in UNSEEN] + [asked("recvmmsg")], stdout="sendfile: .*GET /sendfile.* 200 OK.*ok")
forms("errors", [], stdout="__recvfrom_chk: -1 errno 9")


def life(*children, code=0):
    return process("fork_forms", *children, code=code)


LOOKUP = {"name": "dns.lookup", "kind": "CLIENT", "scope": "otelshim.dns",
          "attributes": {"dns.question.name": "localhost", "dns.answers": ["127.0.0.1"]}}
case("forms_of_fork", ["$PROGRAMS/fork_forms"], stdout="forkpty: child ended with 13",
     golden=[life(LOOKUP, *(life(LOOKUP, code=10 + i) for i in range(4)))])
# The process that daemon() ends is told before: its exit is not ours to see.
case("forms_of_fork_daemon", ["$PROGRAMS/fork_forms", "daemon"], golden=[life(life(LOOKUP))], outputs=["verdict"])
case("forms_of_timed_waits", ["$PROGRAMS/fork_forms", "waits"], stdout="sem_clockwait -1 errno 110", golden=[life(LOOKUP)])
case("forms_of_dlvsym", ["$PROGRAMS/fork_forms", "dlvsym"], stdout="getaddrinfo found, gave 0", golden=[life(LOOKUP)])
