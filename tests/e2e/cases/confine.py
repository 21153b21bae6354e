"""Programs that give rights away: our thread is not in the way (programs/confine.c)."""
import os
import subprocess

from harness import case



def no_namespaces():
    """A sandbox or a chroot forbids them: then there is nothing that we could be in the way of."""
    made = subprocess.run(["unshare", "-U", "true"], capture_output=True, text=True)
    return None if made.returncode == 0 else made.stderr.strip()


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
