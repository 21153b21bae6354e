"""
Programs of each kind that a preload meets, made in the case's directory: compiled, of another
user, with capabilities, scripts. Each prepares ./hello or ./script.
"""
import os
import shutil
import struct
import subprocess

from harness import Failure

NOBODY = 65534
HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'


# Whether LD_PRELOAD came along; without a C library, which few machines have for 32 bits.
ASKS_32 = r"""
static long call(long n, long a, const void *b, long c)
{
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory");
    return r;
}
__attribute__((used)) static void enter(long *stack)
{
    static const char preload[] = "LD_PRELOAD=";
    const char *said = "LD_PRELOAD unset\n";
    for (char **env = (char **)stack + 2 + stack[0]; *env; env++) {
        unsigned i = 0;
        while (preload[i] && (*env)[i] == preload[i])
            i++;
        if (!preload[i])
            said = "LD_PRELOAD is set\n";
    }
    call(4, 1, said, said[11] == 'u' ? 17 : 18);
    call(1, 0, 0, 0);
}
__asm__(".globl _start\n_start: push %esp\n call enter\n");
"""
BITS_32 = ["gcc", "-m32", "-O1", "-fno-pie", "-no-pie", "-nostdlib"]


def compiled(*command, source=HELLO, libraries=()):
    """Options of a case: the source by a compiler of its choice, to ./hello."""
    def prepare(run):
        made = subprocess.run([*command, "-xc", "-", "-o", "hello", "-xnone", *libraries], cwd=run.tmp, input=source,
                              capture_output=True, text=True)
        if made.returncode:
            raise Failure(f"{command}: {made.stderr}")
    return {"prepare": prepare, "needs": [command[0]]}


def executable_script(run):
    os.chmod(os.path.join(run.tmp, "script"), 0o755)


def copy_of(program, run):
    return shutil.copy(program, os.path.join(run.tmp, "hello"))


def of_another_user(run):
    """id(1) as another user's set-user-ID program."""
    path = copy_of("/usr/bin/id", run)
    os.chown(path, 1, 1)
    os.chmod(path, 0o4755)


def of_this_user(run):
    os.chmod(copy_of("/usr/bin/id", run), 0o4755)


def give_capability(path):
    """It may bind low ports: CAP_NET_BIND_SERVICE in the form of the kernel's version 2."""
    os.setxattr(path, "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))


def capable(run):
    """cat(1) with a capability."""
    give_capability(copy_of("/usr/bin/cat", run))


def script_of_static(run):
    compiled("gcc", "-static")["prepare"](run)
    executable_script(run)


def needs_root():
    return None if os.getuid() == 0 else "needs root to make such a file"
