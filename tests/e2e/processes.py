"""The processes below one, as the kernel has them."""
import os


def children_of(pid):
    """Of all its threads; none where it is gone."""
    out = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                out += [int(p) for p in f.read().split()]
    except OSError:
        pass
    return out
