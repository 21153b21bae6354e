/*
 * Attributes that are no texts, and lists: from the form that struct config and spool files have
 * them in (enum attribute_kind). The background thread's locale is "C".
 */
#include <stdlib.h>
#include <string.h>

#include "resource.h"

static struct resource_value value_of(uint8_t kind, const char *text)
{
    struct resource_value value = { .kind = (enum attribute_kind)kind, .text = text };
    switch (kind) {
    case ATTRIBUTE_INT: value.number = strtoll(text, NULL, 10); break;
    case ATTRIBUTE_DOUBLE: value.real = strtod(text, NULL); break;
    case ATTRIBUTE_BOOL: value.truth = strcmp(text, "true") == 0; break;
    default: value.kind = ATTRIBUTE_TEXT;
    }
    return value;
}

struct resource_value resource_value_of(const struct resource_attribute *attribute)
{
    if (attribute->text == NULL)
        return (struct resource_value){ .kind = ATTRIBUTE_INT, .number = attribute->number };
    return value_of(attribute->kind, attribute->text);
}

bool resource_item_next(const struct resource_attribute *attribute, const char **at,
                        struct resource_value *out)
{
    const char *item = *at != NULL ? *at : attribute->text;
    const char *end = attribute->text + attribute->text_bytes;
    if (item >= end)
        return false;
    *out = value_of((uint8_t)(attribute->kind | 0x20), item);
    *at = item + strlen(item) + 1;
    return true;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* %XX undone; bytes that cannot stand in an item as they are. Returns how many there are. */
static size_t decode(const char *item, size_t len, unsigned char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int high = item[i] == '%' && i + 2 < len ? hex(item[i + 1]) : -1;
        int low = high >= 0 ? hex(item[i + 2]) : -1;
        unsigned char byte = (unsigned char)item[i];
        if (low >= 0) {
            byte = (unsigned char)(high * 16 + low);
            i += 2;
        }
        if (byte != '\0')
            out[n++] = byte;
    }
    return n;
}

static size_t read_items(struct resource_attribute *out, const char *value, size_t len, char *room)
{
    unsigned char *item = malloc(len + 1);
    size_t used = 0;
    if (item == NULL)
        return 0;
    for (const char *at = value, *end = value + len, *mark;
         (mark = memchr(at, ';', (size_t)(end - at))) != NULL; at = mark + 1) {
        size_t n = decode(at, (size_t)(mark - at), item);
        used += utf8_repair(item, n, (unsigned char *)room + used);
        room[used++] = '\0';
    }
    room[used] = '\0';
    free(item);
    out->text_bytes = used;
    return used + 1;
}

size_t resource_attribute_read(struct resource_attribute *out, uint8_t kind, const char *value,
                               size_t len, char *room)
{
    if (kind != ATTRIBUTE_TEXT && strchr("bidSBID", kind) == NULL)
        return 0;
    out->kind = kind;
    out->text = room;
    if (resource_is_list(out))
        return read_items(out, value, len, room);
    size_t n = utf8_repair((const unsigned char *)value, len, (unsigned char *)room);
    room[n] = '\0';
    return n + 1;
}
