/*
 * otelshim.h: what a program may say to otelshim, if it likes. No library is linked: the
 * functions are weak references, which are there when libotelshim.so is preloaded. Without
 * it, or with telemetry off, every function does nothing and returns 0.
 *
 *     #include <otelshim.h>
 *
 *     struct otelshim_span span;
 *     otelshim_span_start(&span, "rebuild index", OTELSHIM_INTERNAL);
 *     otelshim_span_set(&span, otelshim_int("index.entries", entries));
 *     rebuild();                     // SQL, requests, lookups, children: its children
 *     otelshim_span_end(&span);
 *
 *     otelshim_set(otelshim_string("app.tenant", tenant));   // on the request being served
 *
 *     otelshim_context_capture(&job->context);               // the thread that accepts work
 *     ...
 *     struct otelshim_context before;
 *     otelshim_context_attach(&job->context, &before);       // the thread that does it
 *     do_work(job);
 *     otelshim_context_detach(&before);
 *
 * What holds for all functions:
 *   - Any thread, also in signal handlers (one that interrupts another of these functions on
 *     its own thread gets 0). errno stays as it is. Nothing is allocated, nothing waits; the
 *     only system calls are for the clock and for memory the first times.
 *   - Texts and structures are the caller's and are copied. Texts end with a zero byte and
 *     are UTF-8; other bytes become U+FFFD. What is longer than its bound is cut between
 *     characters (values, names of spans, descriptions: 1,024 bytes), or, a key or the name of
 *     an event of more than 255 bytes, left out. NULL and "" are no key and no name.
 *   - 1: done. 0: not: there is no shim, telemetry or the instrumentation `manual` is off, the
 *     span is not recorded (sampling), has ended or is not known, an argument makes no sense,
 *     or a bound is reached (docs/LIMITS.md; counted on the span where there is one).
 *   - A forked child has no context attached and none of its parent's spans; what was captured
 *     before the fork may be attached there. In a vforked child every function returns 0.
 *
 * The references need position-independent code (-fpie or -fpic, which is gcc's default in
 * Debian): with -fno-pie, or in a static program, the linker settles that nothing is there.
 *
 * Terms are those of the OpenTelemetry specification (trace API) and W3C Trace Context. Names
 * that end in _v1 are the binary interface; what changes it gets another number. C and C++.
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

/* A span of the program's own, by value: copies are the same span, in any thread of this
 * process. All zero: none. Once ended it means nothing, for ever. */
struct otelshim_span {
    unsigned long long opaque[2];
};

enum otelshim_kind { /* OpenTelemetry's SpanKind, OTLP's values */
                     OTELSHIM_INTERNAL = 1,
                     OTELSHIM_SERVER = 2,
                     OTELSHIM_CLIENT = 3,
                     OTELSHIM_PRODUCER = 4,
                     OTELSHIM_CONSUMER = 5
};

enum otelshim_status { /* OpenTelemetry's status codes, OTLP's values */
                       OTELSHIM_OK = 1,
                       OTELSHIM_ERROR = 2
};

enum otelshim_type {
    OTELSHIM_STRING = 1,
    OTELSHIM_BOOL = 2,
    OTELSHIM_INT = 3,
    OTELSHIM_DOUBLE = 4
};

/* An attribute; made by the four functions below. Texts are borrowed until it is used. */
struct otelshim_attribute {
    const char *key;
    int type; /* enum otelshim_type */
    int unused;
    union {
        const char *string;
        long long integer; /* also of a bool: 0 or 1 */
        double real;
    } value;
};

/* ---- the binary interface; call the functions below instead ---- */
OTELSHIM_API int otelshim_current_traceparent_v1(char *out);
OTELSHIM_API int otelshim_context_capture_v1(struct otelshim_context *out);
OTELSHIM_API int otelshim_context_from_traceparent_v1(const char *text,
                                                      struct otelshim_context *out);
OTELSHIM_API int otelshim_context_attach_v1(const struct otelshim_context *context,
                                            struct otelshim_context *before);
OTELSHIM_API void otelshim_context_detach_v1(const struct otelshim_context *before);
OTELSHIM_API int otelshim_span_start_v1(struct otelshim_span *out, const char *name, int kind,
                                        int is_current, const struct otelshim_context *parent);
OTELSHIM_API int otelshim_span_end_v1(const struct otelshim_span *span);
OTELSHIM_API int otelshim_span_context_v1(const struct otelshim_span *span,
                                          struct otelshim_context *out);
/* In these `span` is NULL for the current one. */
OTELSHIM_API int otelshim_is_recorded_v1(const struct otelshim_span *span);
OTELSHIM_API int otelshim_set_v1(const struct otelshim_span *span,
                                 const struct otelshim_attribute *attributes, unsigned nr);
OTELSHIM_API int otelshim_event_v1(const struct otelshim_span *span, const char *name,
                                   const struct otelshim_attribute *attributes, unsigned nr);
OTELSHIM_API int otelshim_link_v1(const struct otelshim_span *span,
                                  const struct otelshim_context *to);
OTELSHIM_API int otelshim_name_v1(const struct otelshim_span *span, const char *name);
OTELSHIM_API int otelshim_status_v1(const struct otelshim_span *span, int status,
                                    const char *description);

#ifndef OTELSHIM_IMPLEMENTATION

/* ---- contexts ---- */

/*
 * The traceparent (W3C, version 00) that what begins now on this thread is a child of:
 * what is attached, or the program's own span that is current, or the span of the hooked
 * call whose callback this is (the innermost of these), else the server request that the
 * thread is at, else the process's span. To be handed on where otelshim does not see it
 * (a message queue, a protocol of your own). 0: there is none, out is "".
 */
static inline int otelshim_current_traceparent(char out[OTELSHIM_TRACEPARENT_SIZE])
{
    if (otelshim_current_traceparent_v1)
        return otelshim_current_traceparent_v1(out);
    out[0] = 0;
    return 0;
}

static inline void otelshim_context_clear_(struct otelshim_context *out)
{
    for (unsigned i = 0; i < sizeof out->opaque / sizeof out->opaque[0]; i++)
        out->opaque[i] = 0;
}

/* The same context, for another thread. 0: there is none, *out is all zero. The caller's
 * tracestate and baggage are not kept. */
static inline int otelshim_context_capture(struct otelshim_context *out)
{
    if (otelshim_context_capture_v1)
        return otelshim_context_capture_v1(out);
    otelshim_context_clear_(out);
    return 0;
}

/* The context of a traceparent that came in by a way that otelshim does not see. 0: it is
 * malformed (or NULL), *out is all zero. */
static inline int otelshim_context_from_traceparent(const char *text, struct otelshim_context *out)
{
    if (otelshim_context_from_traceparent_v1)
        return otelshim_context_from_traceparent_v1(text, out);
    otelshim_context_clear_(out);
    return 0;
}

/*
 * What begins on this thread is a child of `context` until it is detached, and its span is the
 * current one; *before becomes what is to be detached with, always. Attached contexts and
 * current spans nest: detach in the opposite order, on the same thread, and, in a callback,
 * before it returns. 0: `context` is none, and nothing has changed. It does not matter whether
 * the span has ended since.
 */
static inline int otelshim_context_attach(const struct otelshim_context *context,
                                          struct otelshim_context *before)
{
    if (otelshim_context_attach_v1)
        return otelshim_context_attach_v1(context, before);
    otelshim_context_clear_(before);
    return 0;
}

/* Takes away what attach, which has filled *before, has attached. */
static inline void otelshim_context_detach(const struct otelshim_context *before)
{
    if (otelshim_context_detach_v1)
        otelshim_context_detach_v1(before);
}

/* ---- spans of the program's own; scope `otelshim.manual` ---- */

static inline int otelshim_span_start_(struct otelshim_span *out, const char *name, int kind,
                                       int is_current, const struct otelshim_context *parent)
{
    if (otelshim_span_start_v1)
        return otelshim_span_start_v1(out, name, kind, is_current, parent);
    out->opaque[0] = out->opaque[1] = 0;
    return 0;
}

/*
 * Starts a span as a child of the current context and makes it the thread's current one. It
 * is ended on the same thread, the inner ones first. 0: *span is all zero, which every function
 * takes and does nothing with. An unsampled span is one: 1, and its children are not sampled.
 */
static inline int otelshim_span_start(struct otelshim_span *span, const char *name,
                                      enum otelshim_kind kind)
{
    return otelshim_span_start_(span, name, (int)kind, 1, (const struct otelshim_context *)0);
}

/*
 * Starts a span that is nobody's current one: for work that several threads do, or that goes on
 * while the thread does other things. `parent`: NULL: the current context; all zero: none, it
 * begins a trace. Who works for it attaches otelshim_span_context(); any thread ends it.
 */
static inline int otelshim_span_start_detached(struct otelshim_span *span, const char *name,
                                               enum otelshim_kind kind,
                                               const struct otelshim_context *parent)
{
    return otelshim_span_start_(span, name, (int)kind, 0, parent);
}

/* Ends the span now. 0: it has ended before, or is none. One that the process ends with is
 * told as if it had ended then. */
static inline int otelshim_span_end(const struct otelshim_span *span)
{
    return otelshim_span_end_v1 ? otelshim_span_end_v1(span) : 0;
}

/* The span's context, to attach, or to link to. 0: it has ended, *out is all zero. */
static inline int otelshim_span_context(const struct otelshim_span *span,
                                        struct otelshim_context *out)
{
    if (otelshim_span_context_v1)
        return otelshim_span_context_v1(span, out);
    otelshim_context_clear_(out);
    return 0;
}

/* ---- attributes ---- */

static inline struct otelshim_attribute otelshim_attribute_(const char *key, int type)
{
    struct otelshim_attribute a;
    a.key = key;
    a.type = type;
    a.unused = 0;
    a.value.integer = 0;
    return a;
}

static inline struct otelshim_attribute otelshim_string(const char *key, const char *value)
{
    struct otelshim_attribute a = otelshim_attribute_(key, OTELSHIM_STRING);
    a.value.string = value;
    return a;
}

static inline struct otelshim_attribute otelshim_bool(const char *key, int value)
{
    struct otelshim_attribute a = otelshim_attribute_(key, OTELSHIM_BOOL);
    a.value.integer = value != 0;
    return a;
}

static inline struct otelshim_attribute otelshim_int(const char *key, long long value)
{
    struct otelshim_attribute a = otelshim_attribute_(key, OTELSHIM_INT);
    a.value.integer = value;
    return a;
}

static inline struct otelshim_attribute otelshim_double(const char *key, double value)
{
    struct otelshim_attribute a = otelshim_attribute_(key, OTELSHIM_DOUBLE);
    a.value.real = value;
    return a;
}

/* ---- what is said of a span: until it ends, any thread ---- */

/* Whether it is worth working out what to say: the span is recorded and open. */
static inline int otelshim_span_is_recorded(const struct otelshim_span *span)
{
    return otelshim_is_recorded_v1 && span ? otelshim_is_recorded_v1(span) : 0;
}

/* Sets an attribute; of one key the last value holds, also over what otelshim itself says. */
static inline int otelshim_span_set(const struct otelshim_span *span,
                                    struct otelshim_attribute attribute)
{
    return otelshim_set_v1 && span ? otelshim_set_v1(span, &attribute, 1) : 0;
}

/* Several at once. 1: all of them. */
static inline int otelshim_span_set_all(const struct otelshim_span *span,
                                        const struct otelshim_attribute *attributes, unsigned nr)
{
    return otelshim_set_v1 && span ? otelshim_set_v1(span, attributes, nr) : 0;
}

/* Adds an event that happens now. `attributes` may be NULL with nr 0; at most 32. */
static inline int otelshim_span_event(const struct otelshim_span *span, const char *name,
                                      const struct otelshim_attribute *attributes, unsigned nr)
{
    return otelshim_event_v1 && span ? otelshim_event_v1(span, name, attributes, nr) : 0;
}

/* Adds a link to another span: one of a batch that this one works off, say. */
static inline int otelshim_span_link(const struct otelshim_span *span,
                                     const struct otelshim_context *to)
{
    return otelshim_link_v1 && span ? otelshim_link_v1(span, to) : 0;
}

/* Renames it. Sampling rules have looked at the name that it had at its start. */
static inline int otelshim_span_name(const struct otelshim_span *span, const char *name)
{
    return otelshim_name_v1 && span ? otelshim_name_v1(span, name) : 0;
}

/* Sets the status; `description` (NULL: none) goes with OTELSHIM_ERROR. OTELSHIM_OK is final. */
static inline int otelshim_span_status(const struct otelshim_span *span,
                                       enum otelshim_status status, const char *description)
{
    return otelshim_status_v1 && span ? otelshim_status_v1(span, (int)status, description) : 0;
}

/*
 * The same for the current span: the one whose context otelshim_current_traceparent() tells.
 * Is that of a request that another thread serves, or of an attached span, it is safe, also
 * when that ends at this moment. Is it of a call of another thread (a thread that libcurl
 * makes), or came in from outside, there is none: 0.
 */
static inline int otelshim_is_recorded(void)
{
    return otelshim_is_recorded_v1 ? otelshim_is_recorded_v1((const struct otelshim_span *)0) : 0;
}

static inline int otelshim_set(struct otelshim_attribute attribute)
{
    return otelshim_set_v1 ? otelshim_set_v1((const struct otelshim_span *)0, &attribute, 1) : 0;
}

static inline int otelshim_set_all(const struct otelshim_attribute *attributes, unsigned nr)
{
    return otelshim_set_v1 ? otelshim_set_v1((const struct otelshim_span *)0, attributes, nr) : 0;
}

static inline int otelshim_event(const char *name, const struct otelshim_attribute *attributes,
                                 unsigned nr)
{
    return otelshim_event_v1
               ? otelshim_event_v1((const struct otelshim_span *)0, name, attributes, nr)
               : 0;
}

static inline int otelshim_link(const struct otelshim_context *to)
{
    return otelshim_link_v1 ? otelshim_link_v1((const struct otelshim_span *)0, to) : 0;
}

static inline int otelshim_name(const char *name)
{
    return otelshim_name_v1 ? otelshim_name_v1((const struct otelshim_span *)0, name) : 0;
}

static inline int otelshim_status(enum otelshim_status status, const char *description)
{
    return otelshim_status_v1
               ? otelshim_status_v1((const struct otelshim_span *)0, (int)status, description)
               : 0;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
