"""Memory that cannot be read (programs/efault.c): the program's EFAULT, not our crash."""
from harness import case

case("bad_pointers_give_efault", ["$PROGRAMS/efault"], stdout="write of nothing readable: -1 EFAULT",
     golden=None, lost=None)
