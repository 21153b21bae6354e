/*
 * Threads without thread-local variables.
 *
 * clone(CLONE_SETTLS) gives a child a thread pointer of the caller's choice, and with CLONE_VM our
 * memory, too: Chromium's sandbox makes one whose thread pointer leads to a page of zeros, to
 * chroot and end. libc's plain system calls work there, for they reach errno relative to the
 * thread pointer. Whatever takes the address of a thread-local variable, errno included, does not:
 * the address is made of the pointer to itself that libc keeps at the thread pointer. So a hook
 * looks at nothing of the thread before it has asked thread_has_tls(), and passes through without.
 *
 * Async-signal-safe; three instructions.
 */
#ifndef OTELSHIM_THREAD_TLS_H
#define OTELSHIM_THREAD_TLS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

static inline __attribute__((always_inline)) bool thread_has_tls(void)
{
#ifdef __x86_64__
    void *self;
    __asm__("movq %%fs:0, %0" : "=r"(self));
    return __builtin_expect(self != NULL, 1);
#else
    return true;
#endif
}

/* Where errno is kept for the program: nowhere, where there is none. What our own code does to it
 * between is nobody's then. */
static inline __attribute__((always_inline)) int *thread_errno(void)
{
    static int nowhere;
    return thread_has_tls() ? __errno_location() : &nowhere;
}

#undef errno
#define errno (*thread_errno())

#endif
