/* libs: -lcurl */
/*
 * One easy handle in all the ways a program may use it; the first argument names
 * the way, the second is the server's URL without path. Says what it saw: whether
 * its own lists, callbacks and data were what it had set.
 */
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *base;

static const char *url(const char *path)
{
    static char text[512];
    snprintf(text, sizeof text, "%s%s", base, path);
    return text;
}

static size_t discard(char *data, size_t size, size_t n, void *to)
{
    (void)data, (void)to;
    return size * n;
}

static CURL *handle(const char *path)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url(path));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    return easy;
}

static void perform(CURL *easy, const char *what)
{
    long status = 0;
    errno = 4711;
    CURLcode result = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    printf("%s %d %ld\n", what, (int)result, status);
}

static void print_list(const struct curl_slist *list)
{
    for (; list != NULL; list = list->next)
        printf("header %s\n", list->data);
}

/* reuse: the options of one request must not leak into the next one's span. */
static void reuse(void)
{
    CURL *easy = handle("/hello");
    perform(easy, "get");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "a=1");
    perform(easy, "post");
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    perform(easy, "head");
    curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
    perform(easy, "delete");
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_URL, url("/status/404"));
    perform(easy, "missing");
    curl_easy_reset(easy);
    perform(easy, "no url");
    curl_easy_setopt(easy, CURLOPT_URL, url("/hello"));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    perform(easy, "after reset");
    curl_easy_cleanup(easy);
}

/* dup: a copy has the program's options and none of ours, also of a running one. */
static CURL *copy;

static size_t duplicate(char *data, size_t size, size_t n, void *from)
{
    (void)data;
    if (copy == NULL)
        copy = curl_easy_duphandle(from);
    return size * n;
}

static void dup_handle(void)
{
    struct curl_slist *list = curl_slist_append(NULL, "X-Own: one");
    CURL *easy = handle("/hello?original");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, duplicate);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, easy);
    perform(easy, "original");
    curl_easy_cleanup(easy);
    curl_easy_setopt(copy, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(copy, CURLOPT_URL, url("/hello?copy"));
    perform(copy, "copy");
    curl_easy_setopt(copy, CURLOPT_URL, url("/hello?again"));
    perform(copy, "copy again");
    curl_easy_cleanup(copy);
    print_list(list);
    curl_slist_free_all(list);
}

/* headers: the program's list is what it was, and its changes count at once. */
static struct curl_slist *second;

static size_t swap_headers(char *data, size_t size, size_t n, void *easy)
{
    (void)data;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, second);
    return size * n;
}

static void headers(void)
{
    struct curl_slist *first = curl_slist_append(NULL, "X-Own: first");
    second = curl_slist_append(NULL, "X-Own: second");
    CURL *easy = handle("/hello?1");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, first);
    perform(easy, "first");
    curl_slist_append(first, "X-More: appended");
    curl_easy_setopt(easy, CURLOPT_URL, url("/hello?2"));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swap_headers);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, easy);
    perform(easy, "appended");
    curl_easy_setopt(easy, CURLOPT_URL, url("/hello?3"));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    perform(easy, "swapped in a callback");
    print_list(first);
    print_list(second);
    curl_slist_free_all(first);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(second);
    curl_easy_setopt(easy, CURLOPT_URL, url("/hello?4"));
    perform(easy, "none");
    curl_easy_cleanup(easy);
}

/* callbacks: the program's own, with its own data, as often as it would be called. */
static int nr_prereq, nr_resolve;

static int prereq(void *data, char *peer, char *local, int peer_port, int local_port)
{
    nr_prereq++;
    if (strcmp(data, "prereq") != 0 || strcmp(peer, "127.0.0.1") != 0 || local == NULL ||
        peer_port == 0 || local_port == 0)
        abort();
    return nr_prereq == 3 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static int resolve(void *state, void *reserved, void *data)
{
    (void)state, (void)reserved;
    if (strcmp(data, "resolve") != 0)
        abort();
    nr_resolve++;
    return 0;
}

static void callbacks(void)
{
    CURL *easy = handle("/redirect/1");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, prereq);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, "prereq");
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, resolve);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, "resolve");
    perform(easy, "redirect");
    curl_easy_setopt(easy, CURLOPT_URL, url("/redirect/1?again"));
    perform(easy, "aborted by callback");
    curl_easy_setopt(easy, CURLOPT_URL, url("/redirect/1"));
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, NULL);
    perform(easy, "without");
    printf("prereq %d resolve %d\n", nr_prereq, nr_resolve);
    curl_easy_cleanup(easy);
}

/* nested: a transfer inside a callback of another one. */
static size_t fetch_another(char *data, size_t size, size_t n, void *unused)
{
    (void)data, (void)unused;
    CURL *inner = handle("/hello?inner");
    perform(inner, "inner");
    curl_easy_cleanup(inner);
    return size * n;
}

static void nested(void)
{
    CURL *easy = handle("/hello?outer");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, fetch_another);
    perform(easy, "outer");
    curl_easy_cleanup(easy);
    easy = handle("/hello?after");
    perform(easy, "after");
    curl_easy_cleanup(easy);
}

/* longjmp: a callback leaves for good; the program goes on with other handles. */
static jmp_buf out;

static size_t jump(char *data, size_t size, size_t n, void *unused)
{
    (void)data, (void)size, (void)n, (void)unused;
    longjmp(out, 1);
}

static void long_jump(void)
{
    CURL *easy = handle("/hello?jumps");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, jump);
    if (setjmp(out) == 0)
        perform(easy, "never printed");
    CURL *other = handle("/hello?other");
    perform(other, "other");
    curl_easy_cleanup(other);
    /* easy is lost, as PHP and Ruby lose it; libcurl cannot clean it up from here */
}

/* connect_only: the program speaks itself over libcurl's connection. */
static void connect_only(void)
{
    CURL *easy = handle("/raw");
    char text[4096];
    size_t n = 0;
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    perform(easy, "connect");
    snprintf(text, sizeof text, "GET /raw HTTP/1.0\r\n\r\n");
    curl_easy_send(easy, text, strlen(text), &n);
    CURLcode result;
    while ((result = curl_easy_recv(easy, text, sizeof text, &n)) == CURLE_AGAIN)
        usleep(1000);
    printf("recv %d %.15s\n", (int)result, n >= 15 ? text : "too short");
    curl_easy_cleanup(easy);
}

/* options: values of every class arrive as they were given. */
static void options(void)
{
    CURL *easy = handle("/hello?range");
    void *pointer = (void *)0x7fff12345678abcd, *got = NULL;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, pointer);
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &got);
    printf("pointer %s\n", got == pointer ? "kept" : "changed");
    curl_easy_setopt(easy, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)5000000000);
    perform(easy, "offset beyond 4 GB");
    curl_easy_setopt(easy, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)0);
    printf("unknown option %d\n", (int)curl_easy_setopt(easy, (CURLoption)9999, 1L));
    printf("bad value %d\n", (int)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, -1L));
    printf("null handle %d\n", (int)curl_easy_setopt(NULL, CURLOPT_URL, "x"));
    CURLU *u = curl_url();
    curl_url_set(u, CURLUPART_URL, url("/hello?curlu"), 0);
    curl_easy_setopt(easy, CURLOPT_CURLU, u);
    perform(easy, "curlu");
    curl_easy_cleanup(easy);
    curl_url_cleanup(u);
}

/* fork: the child goes on with the parent's handle. */
static void in_child(void)
{
    CURL *easy = handle("/hello?parent");
    perform(easy, "parent");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        curl_easy_setopt(easy, CURLOPT_URL, url("/hello?child"));
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        perform(easy, "child");
        curl_easy_cleanup(easy);
        exit(0);
    }
    waitpid(pid, NULL, 0);
    curl_easy_cleanup(easy);
}

/* many: more handles than are tracked. */
#define MANY 4000

static void many(void)
{
    static CURL *easies[MANY];
    for (int i = 0; i < MANY; i++)
        easies[i] = handle("/hello?many");
    for (int i = 0; i < 1600; i += 400)
        perform(easies[i], "first");
    perform(easies[MANY - 1], "last");
    for (int i = 0; i < MANY; i++)
        curl_easy_cleanup(easies[i]);
    CURL *easy = handle("/hello?again");
    perform(easy, "again");
    curl_easy_cleanup(easy);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } ways[] = { { "reuse", reuse },
                 { "dup", dup_handle },
                 { "headers", headers },
                 { "callbacks", callbacks },
                 { "nested", nested },
                 { "longjmp", long_jump },
                 { "connect_only", connect_only },
                 { "options", options },
                 { "fork", in_child },
                 { "many", many } };
    if (argc < 3)
        return 2;
    base = argv[2];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(ways[i].name, argv[1]) == 0) {
            ways[i].run();
            return 0;
        }
    }
    return 2;
}
