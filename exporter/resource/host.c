/* The machine: its name (uname, not gethostname: one call, no resolver), id and kind. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "detector.h"

#define MACHINE_ID_BYTES 32u

/* The convention's word for uname's; others are told as they are. */
static const char *architecture(const char *machine)
{
    static const char *const words[][2] = { { "x86_64", "amd64" }, { "aarch64", "arm64" },
                                            { "i386", "x86" },     { "i686", "x86" },
                                            { "armv7l", "arm32" }, { "ppc64le", "ppc64" } };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(machine, words[i][0]) == 0)
            return words[i][1];
    return machine;
}

static bool find_id(const struct detection *d, const char *path)
{
    size_t len;
    char *id = detection_read(d, path, &len);
    bool found = id && strspn(id, "0123456789abcdefABCDEF") == MACHINE_ID_BYTES;
    if (found)
        detected_text(d, "host.id", id, MACHINE_ID_BYTES);
    free(id);
    return found;
}

static void detect(const struct detection *d)
{
    struct utsname names;
    if (uname(&names) == 0) {
        detected_string(d, "host.name", names.nodename);
        detected_string(d, "host.arch", architecture(names.machine));
    }
    if (!find_id(d, "/etc/machine-id"))
        find_id(d, "/var/lib/dbus/machine-id");
}

const struct detector detect_host = { "host", DETECT_HOST, detect };
