/*
 * otelshim.h: what a program may ask of otelshim, if it likes. No library is linked: the
 * functions are weak references, which are there when libotelshim.so is preloaded. Without
 * it, or with telemetry off, every function says "nothing" and does nothing.
 *
 *     #include <otelshim.h>
 *
 *     struct job { struct otelshim_context context; ... };
 *
 *     otelshim_context_capture(&job->context);            // the thread that accepts work
 *     ...
 *     struct otelshim_context before;
 *     otelshim_context_attach(&job->context, &before);    // the thread that does it
 *     do_work(job);           // SQL, requests, lookups, children: of the job's request
 *     otelshim_context_detach(&before);
 *
 * All functions: any thread, errno stays as it is, nothing is allocated, no lock, no system
 * call; current_traceparent and capture also in signal handlers. A forked child has no context attached; what was captured before
 * the fork may be attached there. In a vforked child they say "nothing".
 *
 * The references need position-independent code (-fpie or -fpic, which is gcc's default in
 * Debian): with -fno-pie, or in a static program, the linker settles that nothing is there.
 *
 * A context is that of OpenTelemetry's and the W3C's Trace Context specifications. Names that
 * end in _v1 are the binary interface; what changes it gets another number. C and C++.
 */
#ifndef OTELSHIM_H
#define OTELSHIM_H

#ifdef __cplusplus
extern "C" {
#endif

#ifndef OTELSHIM_API
#define OTELSHIM_API extern __attribute__((weak, visibility("default")))
#endif

/* Bytes of a traceparent with its terminating zero. */
#define OTELSHIM_TRACEPARENT_SIZE 56

/* A context kept for later, by value: copy it, keep it as long as you like, throw it away.
 * All zero: none. Not for other processes: give these a traceparent. */
struct otelshim_context {
    unsigned long long opaque[6];
};

/* ---- the binary interface; call the functions below instead ---- */
OTELSHIM_API int otelshim_current_traceparent_v1(char *out);
OTELSHIM_API int otelshim_context_capture_v1(struct otelshim_context *out);
OTELSHIM_API int otelshim_context_attach_v1(const struct otelshim_context *context,
                                            struct otelshim_context *before);
OTELSHIM_API void otelshim_context_detach_v1(const struct otelshim_context *before);

#ifndef OTELSHIM_IMPLEMENTATION
/*
 * The traceparent (W3C, version 00) that what begins now on this thread is a child of:
 * the span of the hooked call whose callback this is, what is attached, the server request
 * that the thread is at, the process's span. To be handed on where otelshim does not see it
 * (a message queue, a protocol of your own). Returns 1; 0: there is none, out is "".
 */
static inline int otelshim_current_traceparent(char out[OTELSHIM_TRACEPARENT_SIZE])
{
    if (otelshim_current_traceparent_v1)
        return otelshim_current_traceparent_v1(out);
    out[0] = 0;
    return 0;
}

/* The same context, for another thread. Returns 1; 0: there is none, *out is all zero. The
 * caller's tracestate and baggage are not kept. */
static inline int otelshim_context_capture(struct otelshim_context *out)
{
    if (otelshim_context_capture_v1)
        return otelshim_context_capture_v1(out);
    for (unsigned i = 0; i < sizeof out->opaque / sizeof out->opaque[0]; i++)
        out->opaque[i] = 0;
    return 0;
}

/*
 * What begins on this thread is a child of `context` until it is detached; *before becomes
 * what is to be detached with, always. Attached contexts nest: detach in the opposite order,
 * on the same thread. Returns 1; 0: `context` is none, and nothing has changed. It does not
 * matter whether the span has ended since.
 */
static inline int otelshim_context_attach(const struct otelshim_context *context,
                                          struct otelshim_context *before)
{
    if (otelshim_context_attach_v1)
        return otelshim_context_attach_v1(context, before);
    for (unsigned i = 0; i < sizeof before->opaque / sizeof before->opaque[0]; i++)
        before->opaque[i] = 0;
    return 0;
}

/* Takes away what attach, which has filled *before, has attached. */
static inline void otelshim_context_detach(const struct otelshim_context *before)
{
    if (otelshim_context_detach_v1)
        otelshim_context_detach_v1(before);
}
#endif

#ifdef __cplusplus
}
#endif

#endif
