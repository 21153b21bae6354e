/*
 * What a program is called, whole: the exporter process's detectors know the machine and the
 * container, the program has said the rest (shim/exporter_process.c). Written into its file, so
 * that whoever sends of it says the same.
 */
#include "export_client_identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "resource/uuid.h"
#include "sdk/clocks.h"
#include "spool/identity.h"

#define INSTANCE_ID "service.instance.id"
#define CREATION_TIME "process.creation.time"
#define TEXT_MAX 4200u /* of a key or value that is copied; longer ones are left out */

static bool begins(const struct identity_pair *pair, const char *with)
{
    return pair->key_len >= strlen(with) && memcmp(pair->key, with, strlen(with)) == 0;
}

static bool is(const struct identity_pair *pair, const char *key)
{
    return pair->key_len == strlen(key) && memcmp(pair->key, key, pair->key_len) == 0;
}

static void put(struct identity_writer *w, const struct identity_pair *pair)
{
    char key[TEXT_MAX], value[TEXT_MAX];
    if (pair->key_len >= sizeof key || pair->value_len >= sizeof value)
        return;
    memcpy(key, pair->key, pair->key_len);
    memcpy(value, pair->value, pair->value_len);
    key[pair->key_len] = value[pair->value_len] = '\0';
    identity_put(w, key, pair->kind, value);
}

/* Another one than ours. */
static void put_instance_id(struct identity_writer *w)
{
    char text[UUID_BYTES + 1];
    if (uuid_make(text))
        identity_put(w, INSTANCE_ID, IDENTITY_TEXT, text);
}

static void put_creation_time(struct identity_writer *w, const struct identity_pair *started)
{
    char text[64];
    struct tm tm;
    long ticks = sysconf(_SC_CLK_TCK);
    size_t len = started->value_len < sizeof text ? started->value_len : 0;
    memcpy(text, started->value, len);
    text[len] = '\0';
    int64_t since_boot_ms = strtoll(text, NULL, 10) * 1000 / (ticks > 0 ? ticks : 100);
    int64_t unix_ms =
        (clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME)) / 1000000 + since_boot_ms;
    time_t seconds = (time_t)(unix_ms / 1000);
    if (gmtime_r(&seconds, &tm) == NULL)
        return;
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%03dZ", (int)(unix_ms % 1000));
    identity_put(w, CREATION_TIME, IDENTITY_TEXT, text);
}

/* Ours: all but what is the process's own. */
static void put_machine(struct identity_writer *w, const unsigned char *own, size_t bytes)
{
    struct identity_pair pair;
    for (size_t pos = 0; identity_next(own, bytes, &pos, &pair);) {
        if (is(&pair, INSTANCE_ID))
            put_instance_id(w);
        else if (!begins(&pair, "process.") && !begins(&pair, "service.") && *pair.key != '#')
            put(w, &pair);
    }
}

/* A later value of a key replaces an earlier one where it is read. */
static void put_program(struct identity_writer *w, const struct leftover *l)
{
    struct identity_pair pair;
    for (size_t pos = 0; identity_next(l->identity, l->identity_bytes, &pos, &pair);) {
        bool detected = is(&pair, "process.pid") || is(&pair, "process.parent_pid") ||
                        is(&pair, "process.executable.name") ||
                        is(&pair, "process.executable.path") || is(&pair, IDENTITY_STARTED);
        if (detected && !(config->detectors & DETECT_PROCESS))
            continue;
        if (is(&pair, IDENTITY_STARTED))
            put_creation_time(w, &pair);
        else
            put(w, &pair);
    }
}

bool client_complete_identity(struct leftover *l, const struct exporter_ops *exporter)
{
    static unsigned char own[SPOOL_IDENTITY_BYTES], whole[SPOOL_IDENTITY_BYTES];
    uint32_t which = 1, bytes;
    if (l->header.identity == 1)
        return true;
    struct identity_writer w = { whole, whole + sizeof whole };
    put_machine(&w, own, exporter->describe(own, sizeof own));
    put_program(&w, l);
    bytes = (uint32_t)(w.at - whole);
    /* The word that says which one holds comes last. */
    if (pwrite(l->fd, whole, bytes, SPOOL_IDENTITY_AT + SPOOL_IDENTITY_BYTES) != (ssize_t)bytes ||
        pwrite(l->fd, &bytes, sizeof bytes,
               offsetof(struct spool_header, identity_bytes) + sizeof bytes) != sizeof bytes ||
        pwrite(l->fd, &which, sizeof which, offsetof(struct spool_header, identity)) !=
            sizeof which)
        return false;
    return leftover_open(l, l->fd);
}
