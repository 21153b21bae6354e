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

#endif
