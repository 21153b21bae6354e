/*
 * Start, preparation and end of transfers, see curl_transfer.h.
 *
 * The header goes in front of the program's list: our nodes, whose last one
 * points at the program's first. Nothing of the program's is copied or changed,
 * and it may go on appending to its list.
 *
 * Two callbacks are put in, only in front of the program's own, which are
 * called with their own data and whose result is returned:
 *   CURLOPT_PREREQFUNCTION (7.80)          the one moment at which libcurl can be
 *       asked for the TLS session of a transfer; and a sample of its timers per
 *       request, as libcurl adds those of all redirected requests up.
 *   CURLOPT_RESOLVER_START_FUNCTION (7.59) only on multi handles: says whose name
 *       is looked up by the thread that libcurl starts next.
 * libcurl without these options refuses them: then there is no TLS version, no
 * events after a redirect, and lookups of a multi are nobody's children.
 */
#include "curl_transfer.h"

#include <string.h>
#include <strings.h>

#include "config.h"
#include "context/propagator.h"
#include "layout.h"
#include "open_mark.h"
#include "proto/http_method.h"
#include "proto/url.h"
#include "sdk/rules.h"

const struct url_filter *curl_url_filter;

/* What the program itself put on the request. */
struct own_headers {
    struct carrier carrier;
    const char *values[CONTEXT_FIELD_COUNT]; /* the first ones; NULL: not there */
    uint32_t seen;                           /* CONTEXT_BIT */
    bool has_parent;
    struct span_context parent;
};

static const char *header_value(const char *line, const char *name, size_t name_len)
{
    if (strncasecmp(line, name, name_len) != 0)
        return NULL;
    if (line[name_len] != ':' && line[name_len] != ';') /* "name;" is an empty header */
        return NULL;
    return line + name_len + 1;
}

/* Bound: looks at so many headers; a list without end is no list. */
#define OWN_HEADERS_MAX 1024u
#define OWN_VALUE_MAX 512u

static void read_own_header(const char *line, struct own_headers *own)
{
    char first = (char)(line[0] | 0x20);
    if (first != 't' && first != 'b' && first != 'x' && first != 'u') /* most headers */
        return;
    for (unsigned i = 0; i < CONTEXT_FIELD_COUNT; i++) {
        struct field_text name = context_header(i);
        if (!(propagation.reads & CONTEXT_BIT(i)) || (own->seen & CONTEXT_BIT(i)))
            continue;
        own->values[i] = header_value(line, name.at, name.len);
        if (own->values[i] != NULL)
            own->seen |= CONTEXT_BIT(i);
    }
}

static struct field_text own_value(const struct carrier *carrier, enum context_field field)
{
    const char *value = ((const struct own_headers *)carrier)->values[field];
    return (struct field_text){ value, value != NULL ? strnlen(value, OWN_VALUE_MAX) : 0 };
}

static void read_own_headers(const struct curl_slist *list, struct own_headers *own)
{
    memset(own, 0, sizeof *own);
    own->carrier.get = own_value;
    for (unsigned i = 0; list != NULL && i < OWN_HEADERS_MAX; i++, list = list->next)
        if (list->data != NULL)
            read_own_header(list->data, own);
    own->has_parent = (own->seen & propagation.context) &&
                      propagation_extract(&own->carrier, &own->parent) != NULL;
}

/* Fields that do not go in: the program's are there, or it has said whose child it is. */
static uint32_t left_out(const struct own_headers *own)
{
    uint32_t taken = propagation_taken(own->seen);
    if (own->has_parent)
        return UINT32_MAX;
    return taken | own->seen | (taken != 0 ? CONTEXT_BIT(CONTEXT_BAGGAGE) : 0);
}

/* "name: value" at e->lines + *used; NULL: no room. */
static char *add_line(struct curl_easy *e, size_t *used, const struct injected *i)
{
    struct field_text name = context_header(i->field);
    size_t len = name.len + 2 + i->value.len + 1;
    char *line = e->lines + *used, *to = line;
    if (len > sizeof e->lines - *used)
        return NULL;
    *used += len;
    memcpy(to, name.at, name.len);
    to += name.len;
    *to++ = ':';
    *to++ = ' ';
    memcpy(to, i->value.at, i->value.len);
    to[i->value.len] = 0;
    return line;
}

/* Builds our nodes in front of the program's list; NULL when there is nothing to add. */
static struct curl_slist *build_nodes(struct curl_easy *e, const struct own_headers *own)
{
    struct injected i;
    uint32_t out = left_out(own);
    size_t used = 0;
    unsigned n = 0;
    for (unsigned at = 0; n < CURL_HEADER_MAX;) {
        if (!propagation_inject(&at, &e->span.context, out, &i))
            break;
        const char *line =
            i.field == CONTEXT_BAGGAGE ? curl_baggage_line(i.value.at) : add_line(e, &used, &i);
        if (line != NULL)
            memcpy(&e->nodes[n++].data, &line, sizeof line); /* libcurl only reads it */
    }
    if (n == 0)
        return NULL;
    for (unsigned k = 0; k < n; k++)
        e->nodes[k].next = k + 1 < n ? &e->nodes[k + 1] : e->options.headers;
    return &e->nodes[0];
}

static void inject(struct curl_easy *e, const struct own_headers *own)
{
    struct curl_slist *list = build_nodes(e, own);
    if (list != NULL)
        e->headers_injected = e->setopt(e->easy, CURLOPT_HTTPHEADER, list) == CURLE_OK;
}

static int before_request(void *data, char *peer, char *local, int peer_port, int local_port)
{
    struct curl_easy *e = data;
    curl_prereq_fn *own = e->options.prereq;
    void *own_data = e->options.prereq_data;
    if (e->state == CURL_RUNNING) {
        e->at_request[1] = e->at_request[0];
        curl_timers_read(e, &e->at_request[0]);
        e->tls_version = curl_tls_version(e);
        if (e->requests < UINT16_MAX)
            e->requests++;
    }
    return own != NULL ? own(own_data, peer, local, peer_port, local_port) : CURL_PREREQFUNC_OK;
}

static int before_lookup(void *state, void *reserved, void *data)
{
    struct curl_easy *e = data;
    curl_resolver_start_fn *own = e->options.resolver_start;
    void *own_data = e->options.resolver_start_data;
    /* Of that thread only: callbacks of other transfers may follow in the same drive. */
    if (e->state == CURL_RUNNING && e->span.open && thread_state.frame != 0)
        thread_state.next_thread = &e->span;
    return own != NULL ? own(state, reserved, own_data) : 0;
}

static bool install(struct curl_easy *e, CURLoption function_option, void *function,
                    CURLoption data_option, void *own_data)
{
    if (e->setopt(e->easy, data_option, e) != CURLE_OK)
        return false;
    if (e->setopt(e->easy, function_option, function) == CURLE_OK)
        return true;
    e->setopt(e->easy, data_option, own_data);
    return false;
}

static void install_callbacks(struct curl_easy *e, bool http)
{
    bool recorded = span_context_is_sampled(&e->span.context) || span_record_unsampled;
    if (http && recorded)
        e->prereq_installed = install(e, CURLOPT_PREREQFUNCTION, (void *)before_request,
                                      CURLOPT_PREREQDATA, e->options.prereq_data);
    if (e->multi != 0)
        e->resolver_installed =
            install(e, CURLOPT_RESOLVER_START_FUNCTION, (void *)before_lookup,
                    CURLOPT_RESOLVER_START_DATA, e->options.resolver_start_data);
}

static void put_back_callbacks(const struct curl_easy *e, CURL *handle, curl_setopt_fn *setopt)
{
    if (e->prereq_installed) {
        setopt(handle, CURLOPT_PREREQFUNCTION, e->options.prereq);
        setopt(handle, CURLOPT_PREREQDATA, e->options.prereq_data);
    }
    if (e->resolver_installed) {
        setopt(handle, CURLOPT_RESOLVER_START_FUNCTION, e->options.resolver_start);
        setopt(handle, CURLOPT_RESOLVER_START_DATA, e->options.resolver_start_data);
    }
}

void curl_transfer_restore_callbacks(struct curl_easy *e)
{
    put_back_callbacks(e, e->easy, e->setopt);
    e->prereq_installed = e->resolver_installed = false;
}

void curl_transfer_restore(struct curl_easy *e)
{
    if (e->headers_injected)
        e->setopt(e->easy, CURLOPT_HTTPHEADER, e->options.headers);
    e->headers_injected = false;
    curl_transfer_restore_callbacks(e);
}

void curl_transfer_clean_copy(const struct curl_easy *e, CURL *copy, curl_setopt_fn *setopt)
{
    if (e->headers_injected)
        setopt(copy, CURLOPT_HTTPHEADER, e->options.headers);
    put_back_callbacks(e, copy, setopt);
}

/* A CURLU's text, which libcurl is about to take itself, becomes the URL. */
static void read_url_handle(struct curl_easy *e, const void *caller)
{
    static struct hook url_get = { .name = "curl_url_get" }, free_text = { .name = "curl_free" };
    CURLUcode (*get)(const CURLU *, CURLUPart, char **, unsigned) = real_of(&url_get, caller);
    void (*release)(void *) = real_of(&free_text, caller);
    char *text = NULL;
    curl_option_set_url(&e->options, NULL);
    if (get(e->options.url_handle, CURLUPART_URL, &text, 0) == CURLUE_OK && text != NULL) {
        curl_option_set_url(&e->options, text);
        release(text);
    }
}

/* Whether this transfer gets a span; *http says if it may carry our header. */
static bool is_wanted(struct curl_easy *e, bool *http)
{
    if (e->options.connect_only)
        return false;
    struct url url;
    size_t len;
    const char *text = curl_options_url(&e->options, &len);
    if (!url_parse(text, len, e->options.url_cut, &url))
        return false;
    *http = url_scheme_is_http(text + url.scheme.at, url.scheme.len);
    return curl_url_filter == NULL || !url_filter_excludes(curl_url_filter, text, len);
}

/* A span that is started counts as something the process did, so none is started
 * for what looks excluded already. */
void curl_transfer_added(struct curl_easy *e, const struct call *call)
{
    bool http;
    e->state = CURL_ADDED;
    if (is_wanted(e, &http))
        span_start(&e->span, &instr_curl, SPAN_CLIENT, call);
}

/* The program's own SDK made a span for this request: ours is below it. */
static void adopt_parent(struct curl_easy *e, const struct own_headers *own)
{
    uint64_t start = e->span.start_mono_ns;
    struct span_context parent = own->parent;
    parent.remote = false;
    span_abandon(&e->span);
    span_start_with_parent(&e->span, &instr_curl, SPAN_CLIENT, &parent);
    span_set_start(&e->span, start);
}

/* OTEL_SHIM_SAMPLING_RULES. A path that is not there is what will be asked for: "/". */
static __attribute__((noinline)) void decide(struct curl_easy *e)
{
    struct span_known known = { 0 };
    struct url url;
    size_t len, method_len;
    const char *text = curl_options_url(&e->options, &len);
    const char *method = curl_options_method(&e->options, &method_len);
    if (url_parse(text, len, e->options.url_cut, &url)) {
        struct url_part path = url_path(text, len, &url);
        span_known_set(&known, RULE_URL, text, len);
        span_known_set(&known, RULE_HOST, text + url.host.at, url.host.len);
        span_known_set(&known, RULE_PATH, path.len > 0 ? text + path.at : "/",
                       path.len > 0 ? path.len : 1);
        if (url_scheme_is_http(text + url.scheme.at, url.scheme.len))
            span_known_set(&known, RULE_METHOD, method, method_len);
    }
    span_decide(&e->span, &instr_curl, &known);
}

static void mark_open(struct curl_easy *e, bool http)
{
    size_t len;
    const char *method = curl_options_method(&e->options, &len);
    bool known = http && http_method_is_known(method, len);
    span_mark_open(&e->span, known ? method : http ? "HTTP" : "curl", known ? len : 4);
}

bool curl_transfer_begin(struct curl_easy *e, const struct call *call, const void *caller)
{
    static struct hook setopt = { .name = "curl_easy_setopt" };
    static struct hook getinfo = { .name = "curl_easy_getinfo" };
    bool http = false;
    if (e->options.url_handle != NULL)
        read_url_handle(e, caller);
    if (!is_wanted(e, &http)) {
        span_abandon(&e->span);
        e->state = CURL_UNTRACED;
        return false;
    }
    if (!e->span.open)
        span_start(&e->span, &instr_curl, SPAN_CLIENT, call);
    atomic_store(&e->told, false);
    e->loaded_for = atomic_load(&real_generation);
    e->requests = 0;
    e->tls_version = 0;
    memset(e->at_request, 0, sizeof e->at_request);
    e->setopt = real_of(&setopt, caller);
    e->getinfo = real_of(&getinfo, caller);
    if (http) {
        struct own_headers own;
        read_own_headers(e->options.headers, &own);
        if (own.has_parent)
            adopt_parent(e, &own);
        if (unlikely(config->rules != NULL))
            decide(e);
        curl_headers_begin(e, caller);
        inject(e, &own);
    } else if (unlikely(config->rules != NULL)) {
        decide(e);
    }
    install_callbacks(e, http);
    mark_open(e, http);
    e->state = CURL_RUNNING;
    e->anchor_mono_ns = clock_mono_ns();
    return true;
}

void curl_transfer_end(struct curl_easy *e, enum curl_outcome outcome, CURLcode result)
{
    if (e->state == CURL_RUNNING) {
        curl_span_write(e, outcome, result);
        curl_headers_forget(e);
        curl_transfer_restore(e);
    } else if (e->state == CURL_ADDED) {
        struct curl_multi *m = curl_multi_of(e);
        if (m != NULL && m->unstarted > 0)
            m->unstarted--;
        span_abandon(&e->span); /* libcurl never looked at it: nothing happened */
    }
    e->state = e->multi != 0 ? CURL_UNTRACED : CURL_IDLE;
}

static CURLcode says_nothing(CURL *easy, CURLINFO what, ...)
{
    (void)easy, (void)what;
    return CURLE_UNKNOWN_OPTION;
}

/* libcurl is asked on the thread that has the handle, as in a callback: another one may be
 * changing or freeing it, and then only what the program has set is told. */
static void tell_open(struct curl_easy *e)
{
    if (e->state != CURL_RUNNING || !e->span.open)
        return;
    const struct curl_multi *m = curl_multi_of(e);
    bool ours = (m != NULL ? m->driver : e->driver) == &thread_state &&
                e->loaded_for == atomic_load(&real_generation);
    bool all_done = ours && m != NULL && m->all_done;
    if (!ours)
        e->getinfo = says_nothing;
    if (!all_done) /* its list may be in the middle of a change */
        e->nextheader = NULL;
    curl_span_write(e, all_done ? CURL_COMPLETE : CURL_ABORTED, CURLE_OK);
}

AT_START void curl_tell_open(void)
{
    curl_easy_each(tell_open);
}
