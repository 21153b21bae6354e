/*
 * Name lookups of the C library: one CLIENT span `dns.lookup` for each question
 * that names a name. What needs no lookup (numeric hosts, no host, Unix sockets)
 * passes through. Lookups inside libcurl's resolver threads come here too.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "call.h"
#include "open_mark.h"

#define DNS_MAX_ANSWERS 8u

/* clang-format off */
#define DNS_HOOKS(X)                                                                      \
    X(getaddrinfo) X(getnameinfo) X(gethostbyname) X(gethostbyname2) X(gethostbyname_r)   \
    X(gethostbyname2_r) X(gethostbyaddr) X(gethostbyaddr_r)
/* clang-format on */
HOOK_LIST(dns_hooks, DNS_HOOKS);
#define HOOK_TABLE dns_hooks

struct instrumentation instr_dns = {
    .name = "dns",
    .hooks = dns_hooks,
    .nr_hooks = COUNT(dns_hooks),
};

/* getaddrinfo's and getnameinfo's codes; one that is unknown counts as EAI_FAIL. */
/* clang-format off */
#define EAI_NAMES(X)                                                                      \
    X(EAI_ADDRFAMILY) X(EAI_AGAIN) X(EAI_BADFLAGS) X(EAI_FAIL) X(EAI_FAMILY)              \
    X(EAI_MEMORY) X(EAI_NODATA) X(EAI_NONAME) X(EAI_OVERFLOW) X(EAI_SERVICE)              \
    X(EAI_SOCKTYPE) X(EAI_SYSTEM)
/* clang-format on */

static const char *eai_name(int code)
{
    switch (code) {
#define X(name) \
    case name: return #name;
        EAI_NAMES(X)
#undef X
    default: return "EAI_FAIL";
    }
}

static const char *h_errno_name(int code)
{
    switch (code) {
    case HOST_NOT_FOUND: return "HOST_NOT_FOUND";
    case TRY_AGAIN: return "TRY_AGAIN";
    case NO_RECOVERY: return "NO_RECOVERY";
    case NO_DATA: return "NO_DATA";
    default: return "NETDB_INTERNAL";
    }
}

/* Texts of a lookup's answers, each once. */
struct answers {
    unsigned count;
    const char *texts[DNS_MAX_ANSWERS];
    char memory[DNS_MAX_ANSWERS][INET6_ADDRSTRLEN];
};

/* One more address. An answer for each socket type repeats it: told once. */
static void add_answer(struct answers *a, int family, const void *address)
{
    if (a->count == DNS_MAX_ANSWERS)
        return;
    char *text = a->memory[a->count];
    if (inet_ntop(family, address, text, INET6_ADDRSTRLEN) == NULL)
        return;
    for (unsigned i = 0; i < a->count; i++) {
        if (strcmp(a->texts[i], text) == 0)
            return;
    }
    a->texts[a->count++] = text;
}

/* The address in a socket address, NULL for families that have none. */
static const void *address_of(const struct sockaddr *sa, socklen_t len)
{
    if (sa->sa_family == AF_INET && len >= sizeof(struct sockaddr_in))
        return &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
    if (sa->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6))
        return &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    return NULL;
}

static void add_list(struct answers *a, const struct addrinfo *list)
{
    for (; list != NULL && a->count < DNS_MAX_ANSWERS; list = list->ai_next) {
        const void *address = address_of(list->ai_addr, list->ai_addrlen);
        if (address != NULL)
            add_answer(a, list->ai_family, address);
    }
}

static void add_hostent(struct answers *a, const struct hostent *host)
{
    for (char *const *address = host->h_addr_list; *address != NULL; address++)
        add_answer(a, host->h_addrtype, *address);
}

/* Also what inet_aton takes ("127.1"); a colon stands in no host name. */
static bool is_numeric(const char *host)
{
    struct in_addr address;
    return strchr(host, ':') != NULL || inet_aton(host, &address) != 0;
}

/* ---- one lookup ---- */

#define LOOKUP_NAME "dns.lookup"

struct lookup {
    struct call call;
    struct span span;
};

/* True: a lookup by name, to be traced. Inline: the guard remembers our caller's frame. */
static inline __attribute__((always_inline)) bool lookup_enter(struct lookup *l, const char *host)
{
    if (!call_enter(&l->call, &instr_dns))
        return false;
    if (host != NULL && !is_numeric(host))
        return true;
    call_leave(&l->call);
    return false;
}

static void lookup_begin(struct lookup *l)
{
    span_start(&l->span, &instr_dns, SPAN_CLIENT, &l->call);
    span_mark_open(&l->span, LOOKUP_NAME, sizeof LOOKUP_NAME - 1);
    call_make_current(&l->call, &l->span);
}

static bool lookup_end(struct lookup *l, struct span_writer *w, const char *question)
{
    if (!span_end(&l->span, w))
        return false;
    span_name(w, LOOKUP_NAME, sizeof LOOKUP_NAME - 1);
    span_string(w, ATTR_DNS_QUESTION_NAME, question, strlen(question), RECORD_MAX_VALUE);
    return true;
}

/* The whole end of a lookup by the old interface. Here and not in the hooks, so
 * that the answers' memory is not on the stack during the real call. */
static __attribute__((noinline)) void lookup_tell_host(struct lookup *l, const char *question,
                                                       const struct hostent *host, int error,
                                                       bool with_answers)
{
    struct span_writer w;
    struct answers answers = { .count = 0 };
    if (host != NULL && with_answers)
        add_hostent(&answers, host);
    if (!lookup_end(l, &w, question))
        return;
    if (answers.count > 0)
        span_string_array(&w, ATTR_DNS_ANSWERS, answers.texts, answers.count);
    if (host == NULL)
        span_error(&w, h_errno_name(error));
    span_commit(&w);
}

static __attribute__((noinline)) void lookup_tell_list(struct lookup *l, const char *question,
                                                       const struct addrinfo *list, int error)
{
    struct span_writer w;
    struct answers answers = { .count = 0 };
    if (error == 0)
        add_list(&answers, list);
    if (!lookup_end(l, &w, question))
        return;
    if (answers.count > 0)
        span_string_array(&w, ATTR_DNS_ANSWERS, answers.texts, answers.count);
    if (error != 0)
        span_error(&w, eai_name(error));
    span_commit(&w);
}

/* ---- names to addresses ---- */

static bool excludes_lookup(const struct addrinfo *hints)
{
    return hints != NULL && ((hints->ai_flags & AI_NUMERICHOST) || hints->ai_family == AF_UNIX);
}

EXPORT int getaddrinfo(const char *restrict host, const char *restrict service,
                       const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
    struct lookup l;
    if (excludes_lookup(hints) || !lookup_enter(&l, host))
        return REAL(getaddrinfo)(host, service, hints, list);
    lookup_begin(&l);
    int r = REAL(getaddrinfo)(host, service, hints, list);
    call_returned(&l.call);
    lookup_tell_list(&l, host, r == 0 ? *list : NULL, r);
    call_leave(&l.call);
    return r;
}

/*
 * The old interface keeps its error in h_errno, a variable of the thread; the
 * reentrant forms in *error. Both are left as the real call set them.
 */
EXPORT struct hostent *gethostbyname(const char *host)
{
    struct lookup l;
    if (!lookup_enter(&l, host))
        return REAL(gethostbyname)(host);
    lookup_begin(&l);
    struct hostent *r = REAL(gethostbyname)(host);
    call_returned(&l.call);
    lookup_tell_host(&l, host, r, h_errno, true);
    call_leave(&l.call);
    return r;
}

EXPORT struct hostent *gethostbyname2(const char *host, int family)
{
    struct lookup l;
    if (!lookup_enter(&l, host))
        return REAL(gethostbyname2)(host, family);
    lookup_begin(&l);
    struct hostent *r = REAL(gethostbyname2)(host, family);
    call_returned(&l.call);
    lookup_tell_host(&l, host, r, h_errno, true);
    call_leave(&l.call);
    return r;
}

/* ERANGE: the buffer is too small, the caller comes again; no answer, so no span. */
static void tell_reentrant(struct lookup *l, const char *question, int r,
                           struct hostent *const *result, const int *error, bool with_answers)
{
    if (r == ERANGE) {
        span_abandon(&l->span);
        return;
    }
    lookup_tell_host(l, question, r == 0 ? *result : NULL, *error, with_answers);
}

EXPORT int gethostbyname_r(const char *restrict host, struct hostent *restrict entry,
                           char *restrict buffer, size_t size, struct hostent **restrict result,
                           int *restrict error)
{
    struct lookup l;
    if (!lookup_enter(&l, host))
        return REAL(gethostbyname_r)(host, entry, buffer, size, result, error);
    lookup_begin(&l);
    int r = REAL(gethostbyname_r)(host, entry, buffer, size, result, error);
    call_returned(&l.call);
    tell_reentrant(&l, host, r, result, error, true);
    call_leave(&l.call);
    return r;
}

EXPORT int gethostbyname2_r(const char *restrict host, int family, struct hostent *restrict entry,
                            char *restrict buffer, size_t size, struct hostent **restrict result,
                            int *restrict error)
{
    struct lookup l;
    if (!lookup_enter(&l, host))
        return REAL(gethostbyname2_r)(host, family, entry, buffer, size, result, error);
    lookup_begin(&l);
    int r = REAL(gethostbyname2_r)(host, family, entry, buffer, size, result, error);
    call_returned(&l.call);
    tell_reentrant(&l, host, r, result, error, true);
    call_leave(&l.call);
    return r;
}

/* ---- addresses to names: the question is the address; the answer is no address ---- */

static bool address_text(const void *address, socklen_t len, int family,
                         char out[static INET6_ADDRSTRLEN])
{
    if (family == AF_INET ? len < sizeof(struct in_addr) : len < sizeof(struct in6_addr))
        return false;
    return address != NULL && inet_ntop(family, address, out, INET6_ADDRSTRLEN) != NULL;
}

EXPORT struct hostent *gethostbyaddr(const void *address, socklen_t len, int family)
{
    struct lookup l;
    char question[INET6_ADDRSTRLEN];
    if (!call_enter(&l.call, &instr_dns))
        return REAL(gethostbyaddr)(address, len, family);
    if (!address_text(address, len, family, question)) {
        call_leave(&l.call);
        return REAL(gethostbyaddr)(address, len, family);
    }
    lookup_begin(&l);
    struct hostent *r = REAL(gethostbyaddr)(address, len, family);
    call_returned(&l.call);
    lookup_tell_host(&l, question, r, h_errno, false);
    call_leave(&l.call);
    return r;
}

EXPORT int gethostbyaddr_r(const void *restrict address, socklen_t len, int family,
                           struct hostent *restrict entry, char *restrict buffer, size_t size,
                           struct hostent **restrict result, int *restrict error)
{
    struct lookup l;
    char question[INET6_ADDRSTRLEN];
    if (!call_enter(&l.call, &instr_dns))
        return REAL(gethostbyaddr_r)(address, len, family, entry, buffer, size, result, error);
    if (!address_text(address, len, family, question)) {
        call_leave(&l.call);
        return REAL(gethostbyaddr_r)(address, len, family, entry, buffer, size, result, error);
    }
    lookup_begin(&l);
    int r = REAL(gethostbyaddr_r)(address, len, family, entry, buffer, size, result, error);
    call_returned(&l.call);
    tell_reentrant(&l, question, r, result, error, false);
    call_leave(&l.call);
    return r;
}

static __attribute__((noinline)) void lookup_tell_name(struct lookup *l, const char *question,
                                                       int error)
{
    struct span_writer w;
    if (!lookup_end(l, &w, question))
        return;
    if (error != 0)
        span_error(&w, eai_name(error));
    span_commit(&w);
}

EXPORT int getnameinfo(const struct sockaddr *restrict sa, socklen_t sa_len, char *restrict host,
                       socklen_t host_len, char *restrict service, socklen_t service_len, int flags)
{
    struct lookup l;
    if ((flags & NI_NUMERICHOST) || host == NULL || host_len == 0 || sa == NULL ||
        !call_enter(&l.call, &instr_dns))
        return REAL(getnameinfo)(sa, sa_len, host, host_len, service, service_len, flags);
    const void *address = address_of(sa, sa_len);
    char question[INET6_ADDRSTRLEN];
    if (address == NULL || inet_ntop(sa->sa_family, address, question, sizeof question) == NULL) {
        call_leave(&l.call);
        return REAL(getnameinfo)(sa, sa_len, host, host_len, service, service_len, flags);
    }
    lookup_begin(&l);
    int r = REAL(getnameinfo)(sa, sa_len, host, host_len, service, service_len, flags);
    call_returned(&l.call);
    lookup_tell_name(&l, question, r);
    call_leave(&l.call);
    return r;
}
