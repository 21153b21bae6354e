/*
 * The buffer of text_buffer.h: doubled when it is full, kept between uses.
 */
#include "text_buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 4096u
#define PRINTF_MAX_BYTES 256u

static bool reserve(struct text_buffer *buffer, size_t len)
{
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_BYTES;
    if (len > TEXT_BUFFER_MAX_BYTES - buffer->len)
        return false;
    while (capacity < buffer->len + len)
        capacity *= 2;
    if (capacity == buffer->capacity)
        return true;
    char *data = realloc(buffer->data, capacity);
    if (!data)
        return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

char *text_reserve(struct text_buffer *buffer, size_t bytes)
{
    if (buffer->failed || !reserve(buffer, bytes)) {
        buffer->failed = true;
        return NULL;
    }
    return buffer->data + buffer->len;
}

void text_put(struct text_buffer *buffer, const void *data, size_t len)
{
    if (len == 0)
        return; /* an empty text may be NULL, which memcpy may not be given */
    if (buffer->failed || !reserve(buffer, len)) {
        buffer->failed = true;
        return;
    }
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
}

void text_puts(struct text_buffer *buffer, const char *text)
{
    text_put(buffer, text, strlen(text));
}

void text_printf(struct text_buffer *buffer, const char *format, ...)
{
    char text[PRINTF_MAX_BYTES];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len > 0)
        text_put(buffer, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
}

void text_put_hex(struct text_buffer *buffer, const unsigned char *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        char pair[2] = { digits[data[i] >> 4], digits[data[i] & 15] };
        text_put(buffer, pair, 2);
    }
}
