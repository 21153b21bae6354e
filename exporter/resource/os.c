/* The operating system, by os-release(5). */
#include <stdlib.h>
#include <string.h>

#include "detector.h"

/* The value of NAME=value or NAME="value" at the start of a line. Escapes stay: nobody
 * writes them there. */
static const char *value_of(const char *text, const char *name, size_t *len)
{
    size_t name_len = strlen(name);
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_len) != 0 || line[name_len] != '=')
            continue;
        const char *value = line + name_len + 1;
        char quote = *value == '"' || *value == '\'' ? *value : '\0';
        value += quote != '\0';
        *len = strcspn(value, quote == '"' ? "\"\n" : quote ? "'\n" : "\n");
        return value;
    }
    return NULL;
}

static void detect(const struct detection *d)
{
    static const struct {
        const char *name, *key;
    } rows[] = {
        { "NAME", "os.name" },
        { "VERSION_ID", "os.version" },
        { "PRETTY_NAME", "os.description" },
        { "BUILD_ID", "os.build_id" },
    };
    size_t len;
    detected_string(d, "os.type", "linux");
    char *kernel = detection_read(d, "/proc/sys/kernel/osrelease", &len);
    if (kernel)
        detected_text(d, "os.build_id", kernel, strcspn(kernel, "\n"));
    free(kernel);
    char *text = detection_read(d, "/etc/os-release", &len);
    if (!text)
        text = detection_read(d, "/usr/lib/os-release", &len);
    for (size_t i = 0; text && i < sizeof rows / sizeof rows[0]; i++) {
        const char *value = value_of(text, rows[i].name, &len);
        if (value)
            detected_text(d, rows[i].key, value, len);
    }
    free(text);
}

const struct detector detect_os = { "os", DETECT_OS, detect };
