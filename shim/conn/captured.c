/*
 * Captured headers on spans; see captured.h.
 */
#include "conn/captured.h"

#include <string.h>

#include "proto/http_attrs.h"

static struct text captured_name(const struct http1_store *head, unsigned i)
{
    struct http1_text name = http1_captured_at(head, i)->name;
    return (struct text){ http1_store_text(head, name), name.len };
}

/* One attribute for all headers with the name of number `first`. */
static void write_header(const struct http1_store *head, unsigned first, enum attr_key prefix,
                         struct span_writer *w)
{
    static const char redacted[] = "[REDACTED]";
    struct text name = captured_name(head, first);
    bool secret = http_header_is_sanitized(name);
    struct span_list list;
    span_list_begin(w, &list, FIELD_NAMED_ARRAY, prefix);
    span_list_add(w, &list, name.at, name.len, HTTP1_MAX_NAME);
    for (unsigned i = first; i < head->nr_captured; i++) {
        struct text other = captured_name(head, i);
        struct http1_text value = http1_captured_at(head, i)->value;
        if (other.len != name.len || memcmp(other.at, name.at, name.len) != 0)
            continue;
        span_list_add(w, &list, secret ? redacted : http1_store_text(head, value),
                      secret ? sizeof redacted - 1 : value.len, HTTP1_MAX_CAPTURED_VALUE);
    }
    span_list_end(w, &list);
}

void captured_write_all(const struct http1_store *head, enum attr_key prefix, struct span_writer *w)
{
    unsigned nr = head->nr_captured;
    for (unsigned i = 0; i < nr; i++) {
        struct text name = captured_name(head, i);
        bool again = false;
        for (unsigned before = 0; before < i && !again; before++) {
            struct text other = captured_name(head, before);
            again = other.len == name.len && memcmp(other.at, name.at, name.len) == 0;
        }
        if (!again)
            write_header(head, i, prefix, w);
    }
}
