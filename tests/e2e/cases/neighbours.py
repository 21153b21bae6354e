"""
Other objects in LD_PRELOAD, before and behind ours: the program must be as it is with them alone.
"""
import os

from harness import case

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
NEIGHBOURS = {"jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2.0", "faketime": "faketime/libfaketime.so.1"}


def not_here(path):
    return lambda: None if os.path.exists(path) else f"no {path}"


for name, library in NEIGHBOURS.items():
    path = os.path.join(LIBRARIES, library)
    for order, preload in (("before", f"{path}:$SHIM"), ("behind", f"$SHIM:{path}")):
        case(f"preloaded_{order}_us_{name}", ["curl", "-s", "$WEB/hello"], stdout="hello", golden="curl_hello",
             env={"LD_PRELOAD": path}, shim_env={"LD_PRELOAD": preload}, skip=not_here(path), sanitized=False)
