/*
 * What the shim itself keeps quiet about: a variable that nothing reads may be a typing
 * error; a file that is named may not be there. Here is time to look.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "variables.h"

#define MAX_NAME 128u   /* of a variable that is compared with ours */
#define MAX_DISTANCE 2u /* typing errors in a name that is taken for another */

/* Letters to change, leave out or put in between two names (Levenshtein). */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned row[MAX_NAME + 1];
    for (unsigned k = 0; k <= b_len; k++)
        row[k] = k;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned before = row[0];
        row[0] = i;
        for (unsigned k = 1; k <= b_len; k++) {
            unsigned change = before + (a[i - 1] != b[k - 1]), leave_out = row[k] + 1;
            unsigned put_in = row[k - 1] + 1, least = change < leave_out ? change : leave_out;
            before = row[k];
            row[k] = put_in < least ? put_in : least;
        }
    }
    return row[b_len];
}

static bool is_known(const char *name, size_t len)
{
    static const char end[] = "_EXCLUDED_URLS"; /* of an instrumentation */
    for (size_t i = 0; i < nr_variables; i++)
        if (strlen(variables[i].name) == len && memcmp(variables[i].name, name, len) == 0)
            return true;
    return len > sizeof end && memcmp(name + len - (sizeof end - 1), end, sizeof end - 1) == 0 &&
           (strncmp(name, "OTEL_SHIM_", 10) == 0 || strncmp(name, "OTEL_PYTHON_", 12) == 0);
}

/* The variable of ours that a name looks like, or NULL. */
static const char *nearest(const char *name, size_t len)
{
    const char *best = NULL;
    unsigned least = MAX_DISTANCE + 1;
    for (size_t i = 0; i < nr_variables && len < MAX_NAME; i++) {
        size_t other = strlen(variables[i].name);
        if (other >= MAX_NAME)
            continue;
        unsigned d = distance(name, len, variables[i].name, other);
        if (d < least) {
            least = d;
            best = variables[i].name;
        }
    }
    return best;
}

/* Others' variables (of metrics, of logs, of other languages) are no mistake. */
static void check_names(void)
{
    for (char **entry = environ; *entry != NULL; entry++) {
        size_t len = strcspn(*entry, "=");
        if (strncmp(*entry, "OTEL_", 5) != 0 || (*entry)[len] == '\0' || is_known(*entry, len))
            continue;
        const char *meant = nearest(*entry, len);
        if (meant != NULL)
            check_mistake("%.*s is read by nothing; did you mean %s?", (int)len, *entry, meant);
        else if (strncmp(*entry, "OTEL_SHIM_", 10) == 0)
            check_mistake("%.*s is no variable of otelshim; `otelshim check --list` has them",
                          (int)len, *entry);
    }
}

static void check_readable(const char *what, const char *path)
{
    if (path != NULL && access(path, R_OK) != 0)
        check_mistake("%s: %s cannot be read: %s", what, path, strerror(errno));
}

/* A file that is made when it is not there. */
static void check_writable(const char *variable, const char *path)
{
    char directory[4096];
    if (path == NULL || strcmp(path, "-") == 0 || access(path, W_OK) == 0)
        return;
    int error = errno;
    const char *slash = strrchr(path, '/');
    snprintf(directory, sizeof directory, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    if (error == ENOENT && access(directory, W_OK | X_OK) == 0)
        return;
    check_mistake("%s: %s cannot be written: %s", variable, path,
                  strerror(error == ENOENT ? errno : error));
}

static void check_files(const struct config *c)
{
    check_readable("certificate of the collector's authority", c->otlp.certificate);
    check_readable("client certificate", c->otlp.client_certificate);
    check_readable("client key", c->otlp.client_key);
    check_readable("OTEL_SHIM_EXPORTER_PATH", c->exporter_path);
    check_writable("OTEL_SHIM_LOG_FILE", c->log_file);
    if (c->exporters & EXPORTER_OTLP_FILE)
        check_writable("OTEL_SHIM_FILE_PATH", c->file.path);
    if ((c->otlp.client_certificate == NULL) != (c->otlp.client_key == NULL))
        check_mistake("client certificate and client key belong together: only one is set");
}

/* Each path in LD_PRELOAD that names us. */
static void check_preload(void)
{
    const char *at = getenv("LD_PRELOAD");
    unsigned copies = 0;
    for (size_t len; at != NULL && *at != '\0'; at += len) {
        char path[4096];
        at += strspn(at, " :");
        len = strcspn(at, " :");
        snprintf(path, sizeof path, "%.*s", (int)len, at);
        if (strstr(path, "libotelshim.so") == NULL)
            continue;
        if (copies++ == 1)
            check_mistake(
                "LD_PRELOAD names libotelshim.so more than once; only the first one works");
        if (path[0] != '/')
            check_mistake("LD_PRELOAD: %s is not an absolute path: the loader looks for it %s",
                          path,
                          strchr(path, '/') != NULL ? "from each program's own directory"
                                                    : "among the system's libraries alone");
        else
            check_readable("LD_PRELOAD", path);
    }
}

static void check_libraries(const struct config *c)
{
    char path[4096];
    if (!library_find("libotelshim.so", path))
        check_mistake("libotelshim.so is not where this command looks for it");
    if (c->exporter_path == NULL && !library_find("libotelshim-exporter.so", path))
        check_mistake("libotelshim-exporter.so is not beside libotelshim.so: nothing can be sent");
    if ((c->exporters & (EXPORTER_OTLP | EXPORTER_ZIPKIN)) == 0)
        return;
    void *curl = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL);
    if (curl == NULL)
        curl = dlopen("libcurl-gnutls.so.4", RTLD_LAZY | RTLD_LOCAL);
    if (curl == NULL)
        check_mistake("libcurl.so.4 is not installed: nothing can be sent; "
                      "`apt-get install libcurl4`");
}

void check_environment(const struct config *c)
{
    check_names();
    check_files(c);
    check_preload();
    check_libraries(c);
}
