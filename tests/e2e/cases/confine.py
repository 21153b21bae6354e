"""Programs that give rights away: our thread is not in the way (programs/confine.c)."""
import ctypes
import os

from harness import Failure, cannot_unshare, case, readable_by_all


def no_namespaces():
    """Then there is nothing that we could be in the way of."""
    return cannot_unshare("-U")


for how in ("userns", "netns", "setns"):
    case(f"confined_by_{how}", ["$PROGRAMS/confine", how], golden="program_lookups", skip=no_namespaces,
         stdout=f"{how} 0 errno 0", vars={"PROGRAM": "confine", "LOOKUPS": 2})


def log_inside(run):
    """The shim's log, at its own path behind the chroot, is the file that the harness reads."""
    inside = "jail" + run.log_path
    os.makedirs(os.path.join(run.tmp, os.path.dirname(inside)), exist_ok=True)
    open(run.log_path, "a").close()
    os.link(run.log_path, os.path.join(run.tmp, inside))


# Behind a chroot nothing can be loaded: the exporter was opened before.
case("confined_by_chroot", ["$PROGRAMS/confine", "chroot"], golden="confined_by_chroot",
     stdout="chroot 0 errno 0", prepare=log_inside,
     skip=lambda: None if os.getuid() == 0 else "needs root")


# ---------------------------------------------------------------- seccomp, landlock, ids (programs/sandboxed.c)
def made(expected):
    def check(run):
        if run.made != expected:
            raise Failure(f"made {run.made} spans, must be {expected}")
    return check


def sandboxed(how, spans, result="0 errno 0", name=None, **options):
    """Ten statements before and ten after: `spans` are all that can be told."""
    case(name or f"sandboxed_by_{how}", ["$PROGRAMS/sandboxed", how], golden=None, check=made(spans), timeout=15,
         stdout=f"before 10\n{how} {result}\nafter 10\n", sanitized=False, **options)


ALL, SEALED = 21, 11  # the program's own span and the statements; those before the sandbox
for how in ("strict", "filter", "filter_by_syscall", "tsync"):
    sandboxed(how, SEALED)
    sandboxed(how, SEALED, name=f"sandboxed_by_{how}_while_the_collector_hangs", sink="hang", expect_drops=True,
              log_any=["."])
# The kernel said no: nothing has changed. The program's own span was told before it could.
sandboxed("probe", ALL, "-1 errno 14")
sandboxed("refused", ALL, "-1 errno 22")
sandboxed("none", ALL)


def no_landlock():
    known = ctypes.CDLL(None).syscall(444, None, 0, 1)
    return None if known > 0 else "the kernel has no landlock"


def needs_root():
    return None if os.getuid() == 0 else "needs root"


sandboxed("landlock", ALL, "0 errno 13", skip=no_landlock, prepare=readable_by_all)
sandboxed("capset", ALL)
sandboxed("ids", ALL, skip=needs_root, prepare=readable_by_all, shim_env={"LD_PRELOAD": "$SHIM_FOR_ALL"})
