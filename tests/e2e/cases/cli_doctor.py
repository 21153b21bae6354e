"""
`otelshim doctor`: what it says of real programs and processes is true, and it survives any file.
"""
import re

import kinds
from harness import Failure, case

TELLS = {"preload": False, "golden": "none", "bare_env": {"OTEL_SDK_DISABLED": "true"}}


def doctor(name, argv, *lines, **options):
    """Each of `lines` is a regular expression for the whole of a line of its output, wrapped text joined."""
    def check(run):
        text = re.sub(r"\n {8,}(?=\S)", " ", run.bare.out.decode())
        for line in lines:
            if not re.search("^" + line + "$", text, re.M):
                raise Failure(f"no line {line!r} in\n{text}")
    case(f"cli_doctor_{name}", argv if isinstance(argv, list) else ["$OTELSHIM", "doctor", argv], check=check,
         **{**TELLS, **options})


# ---------------------------------------------------------------- programs that can be seen
doctor("curl", "curl", "  found at +/usr/bin/curl", "  kind +dynamically linked, loaded by glibc",
       r"  otelshim +\S+/libotelshim.so, version \d+\.\d+\.\d+", "  curl +yes +libcurl's transfers: curl calls curl_\\w+",
       "  http +maybe +HTTP/1 requests, served and sent: by socket, gnutls", "  manual +no .*",
       "  sqlite3 +no .*", "  process +yes +its own life.*", r"  1\. +Run it as `otelshim run curl`.*")
doctor("sqlite3", "sqlite3", "  http +no +HTTP/1 requests, served and sent: by none of the next three", "  sqlite3 +yes +SQL statements: sqlite3 calls sqlite3_\\w+", "  curl +no .*",
       " +nothing was found that would hide from it")
doctor("python", "/usr/bin/python3", r"  socket +yes .*calls accept\w*",
       "  http +yes +HTTP/1 requests, served and sent: by socket; maybe openssl",
       r"  openssl +maybe .*when it loads _ssl\.\S+\.so, which calls SSL_\w+",
       r"  sqlite3 +maybe .*when it loads _sqlite3\.\S+\.so, which calls sqlite3_step")
doctor("nginx", "/usr/sbin/nginx", "  http +yes +HTTP/1 requests, served and sent: by socket, openssl", r"  socket +yes .*nginx calls \w+", r"  openssl +yes .*nginx calls SSL_\w+", "  sqlite3 +no .*")
doctor("apache", "/usr/sbin/apache2", r"  socket +maybe .*through libapr-1\.so\S+, which calls \w+",
       r"  openssl +maybe .*when it loads mod_ssl\.so, which calls SSL_\w+")
doctor("php", "php", "  sqlite3 +maybe .*when it loads \\w*sqlite\\w*.so, which calls sqlite3_step", "  openssl +yes .*")
doctor("a_program_that_speaks_itself", "$PROGRAMS/handoff", "  manual +yes +what it says itself by otelshim.h: handoff calls otelshim_\\w+")
doctor("a_script", "./script", "  script +its first line says /usr/bin/env sqlite3; the program that runs is /usr/bin/sqlite3",
       "  sqlite3 +yes .*", files={"script": "#!/usr/bin/env sqlite3\n"}, prepare=kinds.executable_script)
doctor("a_library_that_is_opened_by_name", "./hello", "  sqlite3 +maybe +SQL statements: hello names libsqlite3.so, and may load it",
       **kinds.compiled("gcc", source='#include <dlfcn.h>\nint main(void) { return dlopen("libsqlite3.so.0", RTLD_NOW) == 0; }\n'))

# ---------------------------------------------------------------- what cannot be seen of them
doctor("tls_built_into_a_program", "./hello", "  OpenSSL +is built into hello: what goes through that copy is not seen",
       r"  \d\. +Use a build of it that links OpenSSL dynamically.*",
       **kinds.compiled("gcc", source='#include <openssl/ssl.h>\nint main(void) { return SSL_CTX_new(TLS_method()) == 0; }\n',
                        libraries=["-Wl,-Bstatic", "-lssl", "-lcrypto", "-Wl,-Bdynamic"]))
doctor("sqlite_built_into_a_program", "./hello", "  SQLite +is built into hello: what goes through that copy is not seen",
       "  sqlite3 +no .*",
       **kinds.compiled("gcc", source='#include <sqlite3.h>\nint main(void) { sqlite3 *db; return sqlite3_open(":memory:", &db); }\n',
                        libraries=["-Wl,-Bstatic", "-lsqlite3", "-Wl,-Bdynamic", "-lm"]))
for name, why, more in [
        ("a_static_program", "it is statically linked: no loader .*", kinds.compiled("gcc", "-static")),
        ("a_static_pie", r"it is statically linked \(static-PIE\).*", kinds.compiled("gcc", "-static-pie")),
        ("a_32_bit_program", "it is a 32-bit program: a loader takes objects of its own kind only, and libotelshim.so is 64-bit",
         kinds.compiled(*kinds.BITS_32, source=kinds.ASKS_32)),
        ("a_musl_program", "it uses the C library musl.*", kinds.compiled("musl-gcc"))]:
    doctor(name, "./hello", f"  kind +{why}", r"  1\. +Use a .*", exit=1, **more)
doctor("a_go_program", "fzf", "  kind +it is a Go program.*", "  socket +no .*", r"  1\. +Use OpenTelemetry's own library for Go.*",
       needs=["fzf"])
doctor("a_set_user_id_program", "./hello", "  kind +it is set-user-ID .*", r"  1\. +Run it as the user that it changes to.*",
       exit=1, prepare=kinds.of_another_user, uid=kinds.NOBODY, skip=kinds.needs_root)
doctor("a_set_user_id_program_of_the_same_user", "./hello", "  kind +dynamically linked.*",
       "  rights +.*started by another user than this one, it ignores LD_PRELOAD", prepare=kinds.of_this_user,
       skip=kinds.needs_root)
doctor("a_program_with_capabilities", "./hello", "  kind +it has file capabilities.*", r"  1\. +Give it the capabilities as ambient.*",
       exit=1, prepare=kinds.capable, uid=kinds.NOBODY, skip=kinds.needs_root)
doctor("a_program_that_is_not_there", "no-such-program", exit=127, stderr="not found in PATH")
doctor("nothing", ["$OTELSHIM", "doctor"], exit=125, stderr="^usage: otelshim doctor")

# Files of any content: a cut one, and one with wrong bytes in its headers. Never a signal.
case("cli_doctor_survives_any_file", ["$PYTHON", "-c", """
import os, random, subprocess, sys
whole = open("/bin/true", "rb").read()
random.seed(1)
files = [whole[:n] for n in (5, 63, 64, 65, 100, 500, 900, 4096, 9000, len(whole) - 1)]
for _ in range(150):
    bad = bytearray(whole)
    for _ in range(random.randrange(1, 12)):
        bad[random.randrange(16, 1024 if random.random() < 0.7 else len(bad))] = random.choice([0, 1, 255, random.randrange(256)])
    files.append(bytes(bad))
for data in files:
    with open("file", "wb") as f:
        f.write(data)
    os.chmod("file", 0o755)
    code = subprocess.run([sys.argv[1], "doctor", "./file"], stdout=subprocess.DEVNULL, timeout=20).returncode
    assert code in (0, 1), code
print(len(files))
""", "$OTELSHIM"], stdout="^160$", **TELLS)


# ---------------------------------------------------------------- processes
def process(name, start, *lines, code, then=":", **options):
    """A process that sleeps, started by the shell line `start`; the doctor is asked once it is up."""
    script = (f"{start} & until grep -q '^ok' up 2>/dev/null; do sleep 0.02; done; {then}; "
              "$OTELSHIM doctor $$!; echo exit $$?; kill $$!")
    def check(run):
        text = re.sub(r"\n {8,}(?=\S)", " ", run.bare.out.decode())
        for line in (*lines, f"exit {code}"):
            if not re.search("^" + line + "$", text, re.M):
                raise Failure(f"no line {line!r} in\n{text}")
        if "hunter2" in text:
            raise Failure(f"a header's value is shown:\n{text}")
    case(f"cli_doctor_process_{name}", ["sh", "-c", script], check=check, compare=False, lost=None,
         **{**TELLS, "env": {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=hunter2"}, **options})


SLEEP = "$PYTHON -c 'import sqlite3, time; open(\"up\", \"w\").write(\"ok\"); time.sleep(20)'"
process("with_the_shim", f"LD_PRELOAD=$SHIM OTEL_SERVICE_NAME=mine OTEL_EXPORTER_OTLP_ENDPOINT=http://user:hunter2@127.0.0.1:1/?key=hunter2 {SLEEP}",
        r"  program +\S+/python3\S*", r"  otelshim +\S+/libotelshim.so is in it, version \d+\.\d+\.\d+",
        "  exporter +not loaded.*", "  sqlite3 +maybe .*through _sqlite3\\S+, which calls sqlite3_step",
        " +OTEL_SERVICE_NAME=mine", r" +OTEL_EXPORTER_OTLP_HEADERS=authorization=\*\*\*",
        r" +OTEL_EXPORTER_OTLP_ENDPOINT=http://\*\*\*@127\.0\.0\.1:1/\?key=\*\*\*", code=0)
process("without_the_shim", SLEEP, "  otelshim +libotelshim.so is not in it",
        "  why +it was started without libotelshim.so in LD_PRELOAD", r"  1\. +Restart it by `otelshim run`.*", code=1)
process("whose_path_is_wrong", f"LD_PRELOAD=/no/libotelshim.so {SLEEP} 2>/dev/null",
        "  why +LD_PRELOAD=/no/libotelshim.so names it, but the loader did not find or take it", code=1)
process("whose_library_was_replaced", f"cp $SHIM . && LD_PRELOAD=$TMP/libotelshim.so exec {SLEEP}",
        "  otelshim +libotelshim.so is in it, but its file was replaced.*", r"  1\. +Restart the process.*", code=0,
        then="cp $SHIM new && mv new libotelshim.so")
process("with_no_new_privs", f"setpriv --no-new-privs {SLEEP}", "  no_new_privs +set.*", code=1, needs=["setpriv"])
process("that_is_switched_off", f"LD_PRELOAD=$SHIM OTEL_SDK_DISABLED=true {SLEEP}",
        r"  \d\. +OTEL_SDK_DISABLED=true switches everything off: unset it\.", code=0)
process("that_is_static", "./hello", "  why +it is statically linked.*", code=1,
        **kinds.compiled("gcc", "-static", source='#include <stdio.h>\n#include <unistd.h>\nint main(void) { '
                         'FILE *f = fopen("up", "w"); fputs("ok", f); fclose(f); sleep(20); return 0; }\n'))
process("with_seccomp", "$PYTHON -c 'import ctypes, struct, time\n"
        "f = ctypes.create_string_buffer(struct.pack(\"HBBI\", 6, 0, 0, 0x7fff0000))\n"
        "p = ctypes.create_string_buffer(struct.pack(\"HxxxxxxQ\", 1, ctypes.addressof(f)))\n"
        "c = ctypes.CDLL(None); assert c.prctl(38, 1, 0, 0, 0) == 0 and c.prctl(22, 2, p) == 0\n"
        "open(\"up\", \"w\").write(\"ok\"); time.sleep(20)'",
        "  seccomp +filtered system calls", r"  \d\. +seccomp: .*", code=1)
case("cli_doctor_process_of_another_user", ["$OTELSHIM", "doctor", "1"], exit=125, uid=kinds.NOBODY, skip=kinds.needs_root,
     stderr="^otelshim: process 1: only its user and root may look at it", **TELLS)
case("cli_doctor_process_that_is_not_there", ["$OTELSHIM", "doctor", "4194305"], exit=125,
     stderr="^otelshim: process 4194305: there is none", **TELLS)
