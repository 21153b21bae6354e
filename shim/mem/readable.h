/*
 * Whether the program's memory can be read, before we read what it passes to a
 * system call: a bad pointer must give it EFAULT, not a crash in our hook.
 *
 * The kernel answers: rt_sigprocmask copies eight bytes from the address before it
 * finds its first argument invalid, so it changes nothing; one call of some 50 ns
 * per page. Asked only where bytes are read before the real call: a client's request
 * head, a table of buffers. Any thread, async-signal-safe; errno may change.
 */
#ifndef OTELSHIM_MEM_READABLE_H
#define OTELSHIM_MEM_READABLE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READABLE_PAGE_BYTES ((uintptr_t)4096)

static inline bool mem_is_readable(const void *memory, size_t len)
{
    uintptr_t at = (uintptr_t)memory, end = at + len;
    if (len == 0)
        return true;
    /* NULL is "no set" to the kernel: nothing is copied. No program has its first page. */
    if (end < at || at < READABLE_PAGE_BYTES)
        return false;
    while (at < end) {
        /* Eight bytes that are aligned do not leave their page. */
        if (syscall(SYS_rt_sigprocmask, -1, at & ~(uintptr_t)7, NULL, 8) != 0 && errno == EFAULT)
            return false;
        at = (at & ~(READABLE_PAGE_BYTES - 1)) + READABLE_PAGE_BYTES;
    }
    return true;
}

/* Pages that have been asked for a moment ago: many texts lie in few of them. */
struct readable_pages {
    uintptr_t known[4];
    unsigned next;
};

static inline bool mem_page_is_readable(struct readable_pages *pages, const void *memory)
{
    uintptr_t page = (uintptr_t)memory & ~(READABLE_PAGE_BYTES - 1);
    for (unsigned i = 0; i < 4; i++)
        if (pages->known[i] == page && page != 0)
            return true;
    if (!mem_is_readable(memory, 1))
        return false;
    pages->known[pages->next++ % 4] = page;
    return true;
}

/* A text up to its zero, in as many pages as it takes. */
static inline bool mem_text_is_readable(struct readable_pages *pages, const char *text)
{
    for (;;) {
        if (!mem_page_is_readable(pages, text))
            return false;
        size_t left = READABLE_PAGE_BYTES - ((uintptr_t)text & (READABLE_PAGE_BYTES - 1));
        if (memchr(text, 0, left) != NULL)
            return true;
        text += left;
    }
}

/* A table of texts, up to its NULL. */
static inline bool mem_texts_are_readable(char *const texts[])
{
    struct readable_pages pages = { { 0 }, 0 };
    for (;; texts++) {
        const char *end = (const char *)(texts + 1) - 1;
        if (!mem_page_is_readable(&pages, texts) || !mem_page_is_readable(&pages, end))
            return false;
        if (*texts == NULL)
            return true;
        if (!mem_text_is_readable(&pages, *texts))
            return false;
    }
}

#endif
