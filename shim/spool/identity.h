/*
 * What a process is called, as bytes in its spool file: texts one after another, a key and a
 * value each, length (16 bits) before the bytes. Whoever recovers the file makes the
 * spans' resource of it. A key that begins with `#` is none of the resource's.
 */
#ifndef OTELSHIM_SPOOL_IDENTITY_H
#define OTELSHIM_SPOOL_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define IDENTITY_RUN_ID "#run_id"
#define IDENTITY_SCOPES "#scopes" /* names of instrumentations by record.scope, between commas */
#define IDENTITY_SCOPES_MAX 512u
#define IDENTITY_STARTED "#started" /* the process, in clock ticks since boot */
/* Before the value of an attribute that is a number, in decimal; other values than these two have
 * their enum attribute_kind before them. */
#define IDENTITY_NUMBER '='
#define IDENTITY_TEXT '"'

struct identity_writer {
    unsigned char *at, *end;
};

/* All or nothing: what finds no room is left out. */
static inline void identity_put(struct identity_writer *w, const char *key, char kind,
                                const char *value)
{
    size_t key_len = strlen(key), len = strlen(value) + 1;
    uint16_t head[2] = { (uint16_t)key_len, (uint16_t)len };
    if (key_len > UINT16_MAX || len > UINT16_MAX ||
        (size_t)(w->end - w->at) < sizeof head + key_len + len)
        return;
    memcpy(w->at, head, sizeof head);
    memcpy(w->at + sizeof head, key, key_len);
    w->at[sizeof head + key_len] = (unsigned char)kind;
    memcpy(w->at + sizeof head + key_len + 1, value, len - 1);
    w->at += sizeof head + key_len + len;
}

struct identity_pair {
    const char *key, *value; /* not terminated */
    size_t key_len, value_len;
    char kind;
};

/* `name` gives them, NULL behind the last. */
static inline void identity_put_scopes(struct identity_writer *w, const char *(*name)(unsigned))
{
    char list[IDENTITY_SCOPES_MAX] = "";
    size_t at = 0;
    for (unsigned i = 0; name(i) != NULL; i++) {
        size_t len = strlen(name(i));
        if (at + len + 2 > sizeof list)
            break;
        if (i > 0)
            list[at++] = ',';
        memcpy(list + at, name(i), len + 1);
        at += len;
    }
    identity_put(w, IDENTITY_SCOPES, IDENTITY_TEXT, list);
}

/* The next one of `bytes` at `data`; *pos starts at 0. False: the end, or no sense beyond. */
static inline bool identity_next(const unsigned char *data, size_t bytes, size_t *pos,
                                 struct identity_pair *out)
{
    uint16_t head[2];
    if (*pos > bytes || bytes - *pos < sizeof head)
        return false;
    memcpy(head, data + *pos, sizeof head);
    if (head[0] == 0 || head[1] == 0 || (size_t)head[0] + head[1] > bytes - *pos - sizeof head)
        return false;
    const char *key = (const char *)data + *pos + sizeof head;
    *out = (struct identity_pair){ .key = key,
                                   .value = key + head[0] + 1,
                                   .key_len = head[0],
                                   .value_len = head[1] - 1u,
                                   .kind = key[head[0]] };
    *pos += sizeof head + head[0] + head[1];
    return true;
}

#endif
