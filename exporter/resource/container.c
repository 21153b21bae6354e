/*
 * A container's id and a pod's uid. /proc/self/cgroup tells both with cgroups' first
 * version (and where the second one's namespace is not private); else the files that the
 * runtime mounts into /etc do, by where they come from (mountinfo's fourth field). Only
 * those mounts count: a host that runs containers has their folders mounted, too.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "detector.h"

static bool is_id_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Exactly 64 hex digits at `at`. */
static bool is_container_id(const char *at)
{
    size_t n = 0;
    while (n <= CONTAINER_ID_BYTES && is_id_char(at[n]))
        n++;
    return n == CONTAINER_ID_BYTES;
}

/* The last one in the text up to `end`. */
static const char *last_container_id(const char *text, const char *end)
{
    const char *found = NULL;
    for (const char *at = text; at < end; at++) {
        if (at > text && is_id_char(at[-1]))
            continue;
        if (is_container_id(at))
            found = at;
    }
    return found;
}

/* A uuid, with `_` for `-` as in systemd's slices. */
static bool is_uuid(const char *at)
{
    for (size_t i = 0; i < UUID_BYTES; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? at[i] != '-' && at[i] != '_' : !is_id_char(at[i]))
            return false;
    }
    return !isalnum((unsigned char)at[UUID_BYTES]);
}

/* The uuid behind one of `marks` in the text up to `end`. */
static const char *uuid_behind(const char *text, const char *end, const char *mark)
{
    size_t len = strlen(mark);
    for (const char *at = text; (at = strstr(at, mark)) != NULL && at < end; at++)
        if (strnlen(at + len, UUID_BYTES) == UUID_BYTES && is_uuid(at + len))
            return at + len;
    return NULL;
}

/* The fields of a mountinfo line: root within its file system, and where it is mounted. */
struct mount {
    const char *root, *root_end, *point;
    size_t point_len;
};

static bool parse_mount(const char *line, struct mount *out)
{
    const char *at = line;
    for (int i = 0; i < 3; i++) {
        at = strchr(at, ' ');
        if (!at)
            return false;
        at++;
    }
    out->root = at;
    out->root_end = strchr(at, ' ');
    if (!out->root_end)
        return false;
    out->point = out->root_end + 1;
    out->point_len = strcspn(out->point, " \n");
    return true;
}

static bool is_mounted_by_runtime(const struct mount *mount)
{
    static const char *const points[] = { "/etc/hostname", "/etc/hosts", "/etc/resolv.conf" };
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
        if (mount->point_len == strlen(points[i]) &&
            memcmp(mount->point, points[i], mount->point_len) == 0)
            return true;
    return false;
}

/* Looks at where the runtime's mounts come from, until `find` has found something. */
static const char *find_in_mounts(const char *text,
                                  const char *(*find)(const char *root, const char *end))
{
    const char *found = NULL;
    for (const char *line = text; line && *line && !found; line = strchr(line, '\n')) {
        struct mount mount;
        line += *line == '\n';
        if (parse_mount(line, &mount) && is_mounted_by_runtime(&mount))
            found = find(mount.root, mount.root_end);
    }
    return found;
}

static const char *container_id_of_root(const char *root, const char *end)
{
    static const char mark[] = "containers/";
    for (const char *at = root; (at = strstr(at, mark)) != NULL && at < end; at++)
        if (is_container_id(at + sizeof mark - 1))
            return at + sizeof mark - 1;
    return NULL;
}

static const char *pod_uid_of_root(const char *root, const char *end)
{
    return uuid_behind(root, end, "/pods/");
}

bool find_container_id(const struct detection *d, char id[static CONTAINER_ID_BYTES + 1])
{
    size_t len;
    char *text = detection_read(d, "/proc/self/cgroup", &len);
    const char *found = text ? last_container_id(text, text + len) : NULL;
    if (!found) {
        free(text);
        text = detection_read(d, "/proc/self/mountinfo", &len);
        found = text ? find_in_mounts(text, container_id_of_root) : NULL;
    }
    memcpy(id, found ? found : "", found ? CONTAINER_ID_BYTES : 0);
    id[found ? CONTAINER_ID_BYTES : 0] = '\0';
    free(text);
    return id[0] != '\0';
}

bool find_pod_uid(const struct detection *d, char uid[static UUID_BYTES + 1])
{
    size_t len;
    char *text = detection_read(d, "/proc/self/cgroup", &len);
    const char *found = text ? uuid_behind(text, text + len, "pod") : NULL;
    if (!found) {
        free(text);
        text = detection_read(d, "/proc/self/mountinfo", &len);
        found = text ? find_in_mounts(text, pod_uid_of_root) : NULL;
    }
    for (size_t i = 0; found && i < UUID_BYTES; i++)
        uid[i] = found[i] == '_' ? '-' : found[i];
    uid[found ? UUID_BYTES : 0] = '\0';
    free(text);
    return uid[0] != '\0';
}

static void detect(const struct detection *d)
{
    char id[CONTAINER_ID_BYTES + 1];
    if (find_container_id(d, id))
        detected_string(d, "container.id", id);
}

const struct detector detect_container = { "container", DETECT_CONTAINER, detect };
