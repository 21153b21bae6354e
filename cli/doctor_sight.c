/*
 * Which instrumentations will see something: by who calls the functions that they replace.
 * A function counts only if the libotelshim.so at hand replaces it, so this table cannot
 * promise more than there is; tests/exports.sh holds its names to the registry's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

/* SIGHT(instrumentation, what it sees, sonames of the library, functions) */
/* clang-format off */
#define SIGHTS(SIGHT) \
    SIGHT("socket", "HTTP/1 on plain sockets", "", "accept accept4 connect") \
    SIGHT("openssl", "HTTP/1 in TLS of OpenSSL", "libssl.so", \
        "SSL_read SSL_write SSL_read_ex SSL_write_ex SSL_do_handshake") \
    SIGHT("gnutls", "HTTP/1 in TLS of GnuTLS", "libgnutls.so", \
        "gnutls_record_send gnutls_record_recv gnutls_handshake") \
    SIGHT("curl", "libcurl's transfers", "libcurl.so libcurl-gnutls.so libcurl-nss.so", \
        "curl_easy_perform curl_multi_perform curl_multi_add_handle curl_multi_socket_action") \
    SIGHT("sqlite3", "SQL statements", "libsqlite3.so", "sqlite3_step sqlite3_exec") \
    SIGHT("dns", "name lookups", "", \
        "getaddrinfo gethostbyname gethostbyname2 gethostbyname_r gethostbyname2_r getnameinfo " \
        "gethostbyaddr gethostbyaddr_r") \
    SIGHT("process", "programs that it starts", "", \
        "posix_spawn posix_spawnp system popen execve execv execvp execl execlp fork vfork") \
    SIGHT("manual", "what it says itself by otelshim.h", "", \
        "otelshim_span_start_v1 otelshim_span_end_v1 otelshim_set_v1 otelshim_event_v1 " \
        "otelshim_link_v1 otelshim_name_v1 otelshim_status_v1 otelshim_is_recorded_v1 " \
        "otelshim_span_context_v1 otelshim_current_traceparent_v1 otelshim_context_capture_v1 " \
        "otelshim_context_attach_v1 otelshim_context_from_traceparent_v1")

/* The instrumentation whose spans these make, as far as HTTP goes through what they see. */
#define HTTP "http"
#define HTTP_WAYS "socket openssl gnutls"

/* INSIDE(what, bytes that its code contains, library that may contain them, function that an
 * object which is linked with that library calls instead) */
#define INSIDES(INSIDE) \
    INSIDE("OpenSSL", "ssl/ssl_lib.c", "libssl.so", "SSL_read") \
    INSIDE("BoringSSL", "ssl/ssl_lib.cc", "libssl.so", "SSL_read") \
    INSIDE("rustls", "/rustls-", "", "") \
    INSIDE("Go's crypto/tls", "crypto/tls.(*Conn)", "", "") \
    INSIDE("Mbed TLS", "mbedtls_ssl_handshake", "libmbedtls.so", \
        "mbedtls_ssl_handshake") \
    INSIDE("wolfSSL", "wolfSSL_connect", "libwolfssl.so", "wolfSSL_connect") \
    INSIDE("libcurl", "SSL peer certificate or SSH remote key was not OK", "libcurl", \
        "curl_easy_perform") \
    INSIDE("SQLite", "CREATE TABLE x(type text,name text,tbl_name text,rootpage", "libsqlite3.so", "sqlite3_step")

/* OTHER(a library, what goes through it unseen) */
#define OTHERS(OTHER) \
    OTHER("libssl3.so", "TLS of NSS: HTTP inside it is not seen") \
    OTHER("libmbedtls.so", "TLS of Mbed TLS: HTTP inside it is not seen") \
    OTHER("libwolfssl.so", "TLS of wolfSSL: HTTP inside it is not seen") \
    OTHER("liburing.so", "io_uring: what is read and written through it is not seen") \
    OTHER("libjvm.so", "Java's own TLS: HTTPS inside it is not seen, plain HTTP is") \
    OTHER("libnghttp2.so", "HTTP/2: requests are not seen, but those of libcurl")
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct sight {
    const char *name, *what, *sonames, *functions;
} sights[] = {
#define SIGHT(name, what, sonames, functions) { name, what, sonames, functions },
    SIGHTS(SIGHT)
#undef SIGHT
};

static const struct {
    const char *what, *bytes, *home, *function;
} insides[] = {
#define INSIDE(what, bytes, home, function) { what, bytes, home, function },
    INSIDES(INSIDE)
#undef INSIDE
};

static const struct {
    const char *library, *what;
} others[] = {
#define OTHER(library, what) { library, what },
    OTHERS(OTHER)
#undef OTHER
};

/* The C library calls these itself, without a hook; libcrypto's sockets and libcurl's are
 * not theirs to tell. */
static const char *const no_callers[] = { "ld-linux", "libc.so",      "libm.so",  "libpthread.so",
                                          "libdl.so", "libresolv.so", "libgcc_s", "libcrypto.so",
                                          "libcurl",  "libotelshim",  "libnss_",  "libgomp",
                                          "libstdc++" };

static const char *file_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Next word of a list separated by blanks. */
static bool next_word(const char **list, char out[static 128])
{
    *list += strspn(*list, " ");
    size_t len = strcspn(*list, " ");
    if (len == 0 || len >= 128)
        return false;
    memcpy(out, *list, len);
    out[len] = '\0';
    *list += len;
    return true;
}

static bool is_library_of(const struct sight *s, const char *path)
{
    const char *sonames = s->sonames;
    char soname[128];
    while (next_word(&sonames, soname))
        if (begins(file_of(path), soname))
            return true;
    return false;
}

/* libcurl's OpenSSL is libcurl's business: its transfers are seen there. */
static bool is_caller(const struct sight *s, const char *path)
{
    for (size_t i = 0; i < COUNT(no_callers); i++)
        if (begins(file_of(path), no_callers[i]))
            return false;
    return !is_library_of(s, path);
}

/* The first function of the table that the object calls and the shim replaces. */
static bool calls_one(const struct sight *s, const struct elf_file *object,
                      const struct elf_file *shim, char function[static 128])
{
    const char *functions = s->functions;
    while (next_word(&functions, function))
        if (elf_symbol(object, function) == ELF_UNDEFINED &&
            (shim->at == NULL || elf_symbol(shim, function) == ELF_DEFINED))
            return true;
    return false;
}

/* "libsqlite3.so" as a text somewhere in it. */
static bool names_library(const struct sight *s, const struct elf_file *object,
                          char soname[static 128])
{
    const char *sonames = s->sonames;
    while (next_word(&sonames, soname))
        if (elf_search(object, soname, strlen(soname)) != NULL)
            return true;
    return false;
}

/* Who calls, in falling certainty: the program, a library of it, a module that it may load;
 * or who names the library. */
enum { BY_PROGRAM, BY_LIBRARY, BY_MODULE, BY_NAME, BY_KINDS };
struct evidence {
    const char *who[BY_KINDS];
    char what[BY_KINDS][128];
};

static void look_at(const struct sight *s, const struct objects *objects, unsigned i,
                    const struct elf_file *shim, struct evidence *e)
{
    const struct object *o = &objects->list[i];
    struct elf_file elf;
    int kind = i == 0 ? BY_PROGRAM : o->certain ? BY_LIBRARY : BY_MODULE;
    if (!is_caller(s, o->path) || !elf_open(&elf, o->path))
        return;
    if (e->who[kind] == NULL && calls_one(s, &elf, shim, e->what[kind]))
        e->who[kind] = o->path;
    if (e->who[BY_NAME] == NULL && names_library(s, &elf, e->what[BY_NAME]))
        e->who[BY_NAME] = o->path;
    elf_close(&elf);
}

/* What is found in its favour; BY_KINDS: nothing. */
static int find_evidence(const struct sight *s, const struct objects *objects,
                         const struct elf_file *shim, struct evidence *e)
{
    int kind = 0;
    for (unsigned i = 0; i < objects->count && e->who[BY_PROGRAM] == NULL; i++)
        look_at(s, objects, i, shim, e);
    while (kind < BY_KINDS && e->who[kind] == NULL)
        kind++;
    return kind;
}

static void print_sight(const struct sight *s, const struct evidence *e, int kind)
{
    static const struct {
        const char *verdict, *before, *verb, *after;
    } texts[BY_KINDS] = { { "yes", "", "calls", "" },
                          { "maybe", "through ", "which calls", "" },
                          { "maybe", "when it loads ", "which calls", "" },
                          { "maybe", "", "names", ", and may load it" } };
    if (kind == BY_KINDS)
        report_row(s->name, "no     %s: none of its functions is called", s->what);
    else
        report_row(s->name, "%-6s %s: %s%s%s %s %s%s", texts[kind].verdict, s->what,
                   texts[kind].before, file_of(e->who[kind]),
                   *texts[kind].before != '\0' ? "," : "", texts[kind].verb, e->what[kind],
                   texts[kind].after);
}

/* The names of the ways that have evidence from `first` to `last`, after `before`. */
static void add_ways(char text[static 128], const int kinds[], int first, int last,
                     const char *before)
{
    const char *ways = HTTP_WAYS;
    char way[128];
    while (next_word(&ways, way))
        for (size_t i = 0; i < COUNT(sights); i++)
            if (strcmp(sights[i].name, way) == 0 && kinds[i] >= first && kinds[i] <= last) {
                size_t used = strlen(text);
                snprintf(text + used, 128 - used, "%s%s", before, way);
                before = ", ";
            }
}

static void print_http(const int kinds[])
{
    char certain[128] = "", possible[128] = "";
    add_ways(certain, kinds, BY_PROGRAM, BY_PROGRAM, "");
    add_ways(possible, kinds, BY_LIBRARY, BY_NAME, *certain != '\0' ? "; maybe " : "");
    report_row(HTTP, "%-6s HTTP/1 requests, served and sent: by %s%s",
               *certain != '\0'    ? "yes"
               : *possible != '\0' ? "maybe"
                                   : "no",
               certain,
               *certain != '\0' || *possible != '\0' ? possible : "none of the next three");
}

/* A copy of a library inside another object: its calls go past every hook. */
static bool has_inside(const struct elf_file *elf, const char *file, size_t k)
{
    if (*insides[k].home != '\0' && begins(file, insides[k].home))
        return false;
    if (*insides[k].function != '\0' && elf_symbol(elf, insides[k].function) == ELF_UNDEFINED)
        return false;
    return elf_search(elf, insides[k].bytes, strlen(insides[k].bytes)) != NULL;
}

static unsigned print_inside(const struct object *o)
{
    unsigned found = 0;
    struct elf_file elf;
    const char *file = file_of(o->path);
    if (begins(file, "libotelshim") || !elf_open(&elf, o->path))
        return 0;
    for (size_t k = 0; k < COUNT(insides); k++) {
        if (!has_inside(&elf, file, k))
            continue;
        report_row(insides[k].what, "is built into %s%s: what goes through that copy is not seen",
                   file, o->certain ? "" : ", which it may load");
        if (o->certain)
            report_advise("Use a build of it that links %s dynamically, or OpenTelemetry's own "
                          "library in it.",
                          insides[k].what);
        found++;
    }
    elf_close(&elf);
    return found;
}

/* What libcurl alone needs is libcurl's business: its transfers are seen. */
static bool is_only_libcurls(const struct objects *objects, const char *library)
{
    bool needed = false;
    for (unsigned i = 0; i < objects->count; i++) {
        struct elf_file elf;
        const char *soname;
        if (!elf_open(&elf, objects->list[i].path))
            continue;
        bool needs = false;
        for (unsigned n = 0; (soname = elf_dynamic_text(&elf, DT_NEEDED, n)) != NULL; n++)
            needs |= begins(soname, library);
        elf_close(&elf);
        if (needs && !begins(file_of(objects->list[i].path), "libcurl"))
            return false;
        needed |= needs;
    }
    return needed;
}

static unsigned print_other(const struct objects *objects, const struct object *o)
{
    const char *file = file_of(o->path);
    for (size_t k = 0; k < COUNT(others); k++) {
        if (!o->certain || !begins(file, others[k].library) ||
            is_only_libcurls(objects, others[k].library))
            continue;
        report_row(others[k].library, "%s", others[k].what);
        return 1;
    }
    return 0;
}

void doctor_sight(const struct objects *objects, const char *shim_path)
{
    struct elf_file shim = { .at = NULL };
    if (shim_path != NULL)
        elf_open(&shim, shim_path);
    report_section("What will be seen");
    struct evidence evidence[COUNT(sights)] = { 0 };
    int kinds[COUNT(sights)];
    for (size_t i = 0; i < COUNT(sights); i++)
        kinds[i] = find_evidence(&sights[i], objects, &shim, &evidence[i]);
    print_http(kinds);
    for (size_t i = 0; i < COUNT(sights); i++)
        print_sight(&sights[i], &evidence[i], kinds[i]);
    report_row("process", "yes    its own life, if it is a command and no server");
    report_section("What will not");
    unsigned found = 0;
    for (unsigned i = 0; i < objects->count; i++)
        found += print_inside(&objects->list[i]) + print_other(objects, &objects->list[i]);
    if (found == 0)
        report_row("", "nothing was found that would hide from it");
    elf_close(&shim);
}

void doctor_list_instrumentations(void)
{
    for (size_t i = 0; i < COUNT(sights); i++)
        puts(sights[i].name);
    puts(HTTP);
}
