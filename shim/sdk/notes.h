/*
 * Notes: what the program itself says of a span (otelshim.h): attributes, events, links, a
 * name, a status. And the spans that it makes itself, which are notes with a span in them.
 *
 * They lie in a block of a pool, as the fields of a record (record.h), so that writing them
 * at the span's end is one copy. They go behind what the hook writes: of one key the
 * program's value holds. A span names its block by number (struct span.notes), an open
 * server request and the process by a word that any thread may look at (request.h,
 * process_context.h), a program's own span by number and generation (its handle).
 *
 * A block is held by one thread at a time, for some hundred instructions: who cannot have
 * it after NOTES_MAX_LOOKS looks goes without. Who wants to end it then marks it, and the
 * holder does that when it lets go. So nobody waits, and a signal handler may come anywhere.
 * No malloc; a system call only when the pool grows. A forked child starts with none.
 */
#ifndef OTELSHIM_SDK_NOTES_H
#define OTELSHIM_SDK_NOTES_H

#include <stdatomic.h>

#include "sdk/span.h"

/* Bounds, each a row in docs/LIMITS.md. */
#define NOTES_MAX 4096u /* spans with notes, or of the program's own, open at one time */
#define NOTES_BYTES 704u
#define NOTES_MEDIUM_MAX 512u /* of those, that need more than fits there */
#define NOTES_MEDIUM_BYTES 4096u
#define NOTES_LARGE_MAX 64u
#define NOTES_LARGE_BYTES 15360u /* and no more: a record has to hold it */
#define NOTES_MAX_ATTRIBUTES 128u
#define NOTES_MAX_EVENTS 128u
#define NOTES_MAX_LINKS 128u
#define NOTES_MAX_KEY 255u /* bytes of a key, of an event's name */
#define NOTES_MAX_LOOKS 128u

#define NOTES_ANY UINT32_MAX /* instead of a generation: whatever it is now */

/* What the program has attached to a thread: a context that stands where a call's span would,
 * see attach.h. */
enum target_kind { TARGET_NONE, TARGET_SPAN, TARGET_REQUEST, TARGET_PROCESS };
struct attachment {
    struct span_context context;
    struct span *outer; /* thread_state.current under it */
    uint64_t target;    /* whose context it is, as far as notes can be taken: by `kind` a handle */
    uint32_t frame;     /* of the call in whose callback that was, 0 = none (a part of it) */
    uint8_t kind;       /* enum target_kind */
    bool is_there;
};

struct notes {
    /* generation << 3 | enum notes_flag. Any thread; acquired by who holds it, released by
     * who lets go. */
    _Atomic uint32_t state;
    uint16_t number;    /* its own */
    uint16_t more;      /* number of a larger block for the fields, 0 = they are in `own` */
    uint16_t used, cap; /* bytes of fields */
    uint8_t is_large;   /* `more` is one of NOTES_LARGE_BYTES */
    uint8_t status;     /* RECORD_OK, RECORD_ERROR or 0 */
    uint8_t is_span;    /* `span` is a span of the program's own */
    uint8_t nr_attributes, nr_events, nr_links;
    uint32_t dropped_attributes, dropped_events, dropped_links;
    uint32_t tracestate, baggage; /* carried texts of `span` */
    uint64_t keys;                /* of attributes, a bit each: bit_of_key() */
    _Atomic uint64_t end_mono_ns; /* for the holder, when it is marked to end */
    struct span span;
    struct attachment before; /* of a span that is current on its thread: only that looks */
    unsigned char own[];
};

/* One attribute, checked: key and text within their bounds or cut. */
struct note {
    const char *key;
    const void *value;
    uint16_t key_bytes, value_bytes;
    uint8_t type; /* FIELD_STRING, _INT, _DOUBLE or _BOOL */
};

/* A block, held and empty; NULL: none is free. */
struct notes *notes_take(void);
/* The block of that number and generation, for this thread alone until notes_release.
 * NULL: it has ended, or somebody has it (counted). */
struct notes *notes_hold(uint32_t number, uint32_t generation);
void notes_release(struct notes *n);
/* The handle of a program's own span: TARGET_SPAN. */
uint64_t span_handle(const struct notes *n);
struct notes *span_hold(uint64_t handle);

/*
 * Ends a program's own span now: its record is written and its block is free, here or by
 * who holds it at the moment. *before becomes what it had been attached over.
 * False: it has ended already.
 */
bool notes_end_span(uint64_t handle, struct attachment *before);
/* Ends all that are open: the process ends. */
void notes_end_all(void);
/* Gives a block back, what it says is lost: one that is held; one that is not. */
void notes_discard(struct notes *n);
void notes_give(uint32_t number);
/* For span_commit: what notes say goes behind the fields that are there; the block is free. */
void notes_commit(struct span_writer *w, uint32_t number);

/* ---- of a block that is held. False: no room, counted in the span ---- */
bool notes_attribute(struct notes *n, const struct note *note);
bool notes_event(struct notes *n, const char *name, size_t name_bytes, const struct note notes[],
                 unsigned nr, unsigned nr_dropped);
bool notes_link(struct notes *n, const struct record_link *link);
bool notes_name(struct notes *n, const char *name, size_t bytes);
/* RECORD_OK or RECORD_ERROR; the text goes along with the latter. Ok is final. */
bool notes_status(struct notes *n, uint8_t status, const char *text, size_t bytes);
/* Something was left out before it came here. */
void notes_drop_attribute(struct notes *n);

/* Process-wide: a forked child has no spans with notes. */
void notes_fork_child(void);

#endif
