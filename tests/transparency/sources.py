"""
Sources of the suites: fetched by scripts/source.sh and built once below build/transparency.
"""
import os
import subprocess

import harness

BUILD_TIMEOUT_S = 1200


def command(argv, cwd=None, env=None, failed=harness.NotBuilt):
    """A step of a set-up. Its output is shown when it fails."""
    done = subprocess.run(argv, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=BUILD_TIMEOUT_S)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise failed(f"{' '.join(argv)}: exit {done.returncode}\n{tail}")


def source(package):
    """The directory of a Debian source package."""
    directory = os.path.join(harness.CACHE, package)
    if not os.path.exists(directory):
        command([os.path.join(harness.ROOT, "scripts/source.sh"), package, directory], failed=harness.Unavailable)
    return directory


def built(package, *steps):
    """The same, with these commands run in it, once."""
    directory = source(package)
    stamp = os.path.join(directory, ".built")
    if not os.path.exists(stamp):
        for argv in steps:
            command(argv, cwd=directory, env={"FORCE_UNSAFE_CONFIGURE": "1"})
        with open(stamp, "w"):
            pass
    return directory
