/*
 * libcurl: one CLIENT span per transfer, on easy and multi handles.
 *
 *   curl.c            the hooks: which call begins, drives or ends which transfer
 *   curl_handles.c    handle -> record, multi -> its transfers
 *   curl_options.c    what the program set: URL, method, headers
 *   curl_transfer.c   start and end, our header and callbacks in between
 *   curl_span.c       attributes and phases from curl_easy_getinfo
 *   curl_headers.c    captured headers
 *   curl_tls.c        the TLS version
 *
 * Two kinds of hooks. Those that begin, drive or end transfers ask the guard, so
 * that libcurl's own calls of its exported functions (curl_easy_perform drives a
 * multi) and transfers that the program runs inside a callback of another one
 * pass through. Those that keep the books of handles (init, duphandle, setopt,
 * reset, cleanup) run at any depth: a handle set up inside a callback may well be
 * performed outside of it. Handles that libcurl makes for itself (DoH) have no
 * record and are none of our business.
 *
 * curl_easy_setopt takes exactly one argument after the option: a pointer, a
 * long or a curl_off_t. On x86-64 all three travel in the same integer register,
 * and no option is a floating-point number, so reading it as void * and passing
 * that on is exact for every option, known to us or not; an int that a program
 * passes where a long is due keeps even the upper half it happens to have.
 */
#include "call.h"
#include "config.h"
#include "curl_transfer.h"
#include "diag.h"
#include "layout.h"
#include "process_state.h"

#include <stdarg.h>

#ifndef __x86_64__
#error "forwarding of curl_easy_setopt's argument is proven for x86-64 only"
#endif

#define CURL_HOOKS(X) \
    X(curl_easy_init) \
    X(curl_easy_cleanup) \
    X(curl_easy_setopt) \
    X(curl_easy_perform) \
    X(curl_easy_reset) \
    X(curl_easy_duphandle) \
    X(curl_multi_add_handle) \
    X(curl_multi_remove_handle) \
    X(curl_multi_perform) \
    X(curl_multi_socket_action) \
    X(curl_multi_socket) \
    X(curl_multi_socket_all) \
    X(curl_multi_info_read) \
    X(curl_multi_cleanup)
HOOK_LIST(curl_hooks, CURL_HOOKS);
#define HOOK_TABLE curl_hooks

static const char *const curl_sonames[] = { "libcurl.so.4", "libcurl-gnutls.so.4",
                                            "libcurl-nss.so.4", NULL };

AT_START static void curl_init(void)
{
    curl_url_filter = config_url_filter(config, "curl");
    curl_headers_init();
}

/* Its sockets and TLS sessions are told by its own spans. */
static const char *const curl_suppresses[] = { "socket", "http", "openssl", "gnutls", NULL };

struct instrumentation instr_curl = {
    .name = "curl",
    .knows_more = true,
    .hooks = curl_hooks,
    .nr_hooks = COUNT(curl_hooks),
    .sonames = curl_sonames,
    .suppresses = curl_suppresses,
    .init = curl_init,
    .process_ends = curl_tell_open,
    /* No fork_child: spans of the parent are known by their process generation, and
     * the table is the child's own copy, with which it gives its handles back. */
};

static bool is_on(void)
{
    return (call_enabled_mask & instr_curl.bit) != 0;
}

/* Ends what is still open on a handle that goes away or starts over, at any depth. */
static void end_leftover(struct curl_easy *e)
{
    if (e->state == CURL_IDLE || e->state == CURL_UNTRACED)
        return;
    int saved_errno = errno;
    if (process_enter())
        curl_transfer_end(e, CURL_ABORTED, CURLE_OK);
    errno = saved_errno;
}

EXPORT CURL *curl_easy_init(void)
{
    CURL *easy = REAL(curl_easy_init)();
    if (is_on()) {
        int saved_errno = errno;
        curl_easy_remember(easy);
        errno = saved_errno;
    }
    return easy;
}

EXPORT void curl_easy_cleanup(CURL *easy)
{
    struct curl_easy *e = is_on() ? curl_easy_find(easy) : NULL;
    if (e != NULL) {
        end_leftover(e);
        curl_easy_forget(e); /* before another thread can get the same address */
    }
    REAL(curl_easy_cleanup)(easy);
}

EXPORT CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    va_list ap;
    va_start(ap, option);
    void *value = va_arg(ap, void *);
    va_end(ap);

    struct curl_easy *e = is_on() && curl_option_matters(option) ? curl_easy_find(easy) : NULL;
    if (likely(e == NULL))
        return REAL(curl_easy_setopt)(easy, option, value);
    if (curl_option_is_callback(option))
        curl_transfer_restore_callbacks(e); /* the program's own go in alone */
    CURLcode result = REAL(curl_easy_setopt)(easy, option, value);
    if (result == CURLE_OK) {
        curl_option_set(&e->options, option, value);
        if (option == CURLOPT_HTTPHEADER)
            e->headers_injected = false;
    }
    return result;
}

EXPORT void curl_easy_reset(CURL *easy)
{
    struct curl_easy *e = is_on() ? curl_easy_find(easy) : NULL;
    if (e != NULL)
        end_leftover(e);
    REAL(curl_easy_reset)(easy);
    if (e != NULL)
        curl_options_reset(&e->options);
}

EXPORT CURL *curl_easy_duphandle(CURL *easy)
{
    CURL *copy = REAL(curl_easy_duphandle)(easy);
    struct curl_easy *e = is_on() && copy != NULL ? curl_easy_find(easy) : NULL;
    if (e == NULL)
        return copy;
    int saved_errno = errno;
    curl_transfer_clean_copy(e, copy, REAL(curl_easy_setopt));
    struct curl_easy *c = curl_easy_remember(copy);
    if (c != NULL)
        c->options = e->options;
    errno = saved_errno;
    return copy;
}

EXPORT CURLcode curl_easy_perform(CURL *easy)
{
    struct call call;
    if (!call_enter(&call, &instr_curl))
        return REAL(curl_easy_perform)(easy);
    struct curl_easy *e = curl_easy_find(easy);
    bool traced = false;
    if (e == NULL) {
        diag_drop(DROP_TABLE_FULL, 1);
    } else if (e->multi == 0) { /* else libcurl will refuse it */
        end_leftover(e);        /* a callback of the last one left by longjmp */
        traced = curl_transfer_begin(e, &call, __builtin_return_address(0));
        e->driver = call.thread;
        if (traced)
            call_make_current(&call, &e->span);
    }
    CURLcode result = REAL(curl_easy_perform)(easy);
    call_returned(&call);
    if (traced)
        curl_transfer_end(e, CURL_DONE, result);
    call_leave(&call);
    return result;
}

EXPORT CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    struct call call;
    if (!call_enter(&call, &instr_curl))
        return REAL(curl_multi_add_handle)(multi, easy);
    CURLMcode result = REAL(curl_multi_add_handle)(multi, easy);
    call_returned(&call);
    if (result == CURLM_OK) {
        struct curl_easy *e = curl_easy_find(easy);
        struct curl_multi *m = e != NULL ? curl_multi_remember(multi) : NULL;
        if (m != NULL) {
            curl_multi_unlink(e);
            curl_transfer_added(e, &call);
            curl_multi_link(m, e);
        } else {
            diag_drop(DROP_TABLE_FULL, 1);
        }
    }
    call_leave(&call);
    return result;
}

EXPORT CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy)
{
    struct call call;
    if (!call_enter(&call, &instr_curl))
        return REAL(curl_multi_remove_handle)(multi, easy);
    CURLMcode result = REAL(curl_multi_remove_handle)(multi, easy);
    call_returned(&call);
    struct curl_easy *e = result == CURLM_OK ? curl_easy_find(easy) : NULL;
    if (e != NULL) {
        const struct curl_multi *m = curl_multi_of(e);
        curl_transfer_end(e, m != NULL && m->all_done ? CURL_COMPLETE : CURL_ABORTED, CURLE_OK);
        curl_multi_unlink(e);
        e->state = CURL_IDLE;
    }
    call_leave(&call);
    return result;
}

/* Before libcurl is driven: transfers added since the last time begin now. */
static struct curl_multi *before_drive(CURLM *multi, const struct call *call, const void *caller)
{
    struct curl_multi *m = curl_multi_find(multi);
    if (m != NULL)
        m->driver = call->thread;
    if (m == NULL || m->unstarted == 0)
        return m;
    /* New ones stand in front of those that run. */
    for (struct curl_easy *e = curl_multi_first(m); e != NULL && m->unstarted > 0;
         e = curl_multi_next(e)) {
        if (e->state == CURL_ADDED) {
            m->unstarted--;
            curl_transfer_begin(e, call, caller);
        }
    }
    return m;
}

static void after_drive(struct call *call, struct curl_multi *m, CURLMcode result,
                        const int *running)
{
    call_returned(call);
    call->thread->next_thread = NULL; /* a lookup that needed no thread */
    if (m != NULL && result == CURLM_OK && running != NULL)
        m->all_done = *running == 0;
    call_leave(call);
}

EXPORT CURLMcode curl_multi_perform(CURLM *multi, int *running)
{
    struct call call;
    if (!call_enter(&call, &instr_curl))
        return REAL(curl_multi_perform)(multi, running);
    struct curl_multi *m = before_drive(multi, &call, __builtin_return_address(0));
    CURLMcode result = REAL(curl_multi_perform)(multi, running);
    after_drive(&call, m, result, running);
    return result;
}

EXPORT CURLMcode curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int events, int *running)
{
    struct call call;
    if (!call_enter(&call, &instr_curl))
        return REAL(curl_multi_socket_action)(multi, fd, events, running);
    struct curl_multi *m = before_drive(multi, &call, __builtin_return_address(0));
    CURLMcode result = REAL(curl_multi_socket_action)(multi, fd, events, running);
    after_drive(&call, m, result, running);
    return result;
}

EXPORT CURLMcode curl_multi_socket(CURLM *multi, curl_socket_t fd, int *running)
{
    struct call call;
    if (!call_enter(&call, &instr_curl))
        return REAL(curl_multi_socket)(multi, fd, running);
    struct curl_multi *m = before_drive(multi, &call, __builtin_return_address(0));
    CURLMcode result = REAL(curl_multi_socket)(multi, fd, running);
    after_drive(&call, m, result, running);
    return result;
}

EXPORT CURLMcode curl_multi_socket_all(CURLM *multi, int *running)
{
    struct call call;
    if (!call_enter(&call, &instr_curl))
        return REAL(curl_multi_socket_all)(multi, running);
    struct curl_multi *m = before_drive(multi, &call, __builtin_return_address(0));
    CURLMcode result = REAL(curl_multi_socket_all)(multi, running);
    after_drive(&call, m, result, running);
    return result;
}

EXPORT CURLMsg *curl_multi_info_read(CURLM *multi, int *left)
{
    struct call call;
    if (!call_enter(&call, &instr_curl))
        return REAL(curl_multi_info_read)(multi, left);
    CURLMsg *message = REAL(curl_multi_info_read)(multi, left);
    call_returned(&call);
    if (message != NULL && message->msg == CURLMSG_DONE) {
        struct curl_easy *e = curl_easy_find(message->easy_handle);
        if (e != NULL)
            curl_transfer_end(e, CURL_DONE, message->data.result);
    }
    call_leave(&call);
    return message;
}

EXPORT CURLMcode curl_multi_cleanup(CURLM *multi)
{
    struct call call;
    if (!call_enter(&call, &instr_curl))
        return REAL(curl_multi_cleanup)(multi);
    /* libcurl touches the handles that are still in it, so they must be alive; after
     * it they may be reused, and must be the program's own by then. */
    struct curl_multi *m = curl_multi_find(multi);
    if (m != NULL) {
        struct curl_easy *e;
        while ((e = curl_multi_first(m)) != NULL) {
            curl_transfer_end(e, m->all_done ? CURL_COMPLETE : CURL_ABORTED, CURLE_OK);
            curl_multi_unlink(e);
            e->state = CURL_IDLE;
        }
        curl_multi_forget(m);
    }
    CURLMcode result = REAL(curl_multi_cleanup)(multi);
    call_returned(&call);
    call_leave(&call);
    return result;
}
