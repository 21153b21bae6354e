/*
 * Text that grows while it is put together, up to TEXT_BUFFER_MAX_BYTES. When
 * there is no memory the rest is left out and `failed` says so.
 */
#ifndef OTELSHIM_TEXT_BUFFER_H
#define OTELSHIM_TEXT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_BUFFER_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct text_buffer {
    char *data;
    size_t len, capacity;
    bool failed;
};

/* Room for `bytes` at the end, for the caller to write and to add to `len`. NULL, and `failed`:
 * there is none. */
char *text_reserve(struct text_buffer *buffer, size_t bytes);
void text_put(struct text_buffer *buffer, const void *data, size_t len);
void text_puts(struct text_buffer *buffer, const char *text);
void text_printf(struct text_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_put_hex(struct text_buffer *buffer, const unsigned char *data, size_t len);

#endif
