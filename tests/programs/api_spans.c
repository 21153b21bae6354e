/* libs: -lcurl -lsqlite3 */
/*
 * A program's own spans around what is traced anyway, and what it says of the spans of calls:
 *     api_spans libraries URL    libcurl and SQLite below spans of the program's own
 *     api_spans misuse           handles ended twice, of another process, in a signal handler
 *     api_spans limits           more, and longer, than the bounds
 *     api_spans exit             ends inside of a span
 */
#include <curl/curl.h>
#include <otelshim.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct otelshim_span start(const char *name)
{
    struct otelshim_span span;
    otelshim_span_start(&span, name, OTELSHIM_INTERNAL);
    return span;
}

/* A callback of libcurl: the current span is the transfer's; then one of our own below it. */
static size_t body(char *data, size_t size, size_t n, void *url)
{
    (void)data;
    (void)url;
    otelshim_set(otelshim_string("app.part", "body"));
    otelshim_set(otelshim_string("http.request.method", "OURS"));
    struct otelshim_span parse = start("parse");
    otelshim_span_set(&parse, otelshim_int("bytes", (long long)(size * n)));
    otelshim_span_end(&parse);
    otelshim_event("parsed", NULL, 0);
    return size * n;
}

static void fetch(const char *url)
{
    struct otelshim_span span = start("fetch");
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body);
    printf("curl %d\n", curl_easy_perform(easy));
    curl_easy_cleanup(easy);
    otelshim_span_end(&span);
}

static void store(void)
{
    struct otelshim_span span = start("store");
    sqlite3 *db;
    sqlite3_open(":memory:", &db);
    printf("sqlite %d\n", sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL));
    sqlite3_close(db);
    otelshim_span_end(&span);
}

static int libraries(const char *url)
{
    struct otelshim_span all = start("all");
    fetch(url);
    store();
    otelshim_span_end(&all);
    return 0;
}

static struct otelshim_span in_handler;
static volatile sig_atomic_t handled;

static void handle(int signal)
{
    (void)signal;
    handled++;
    otelshim_span_set(&in_handler, otelshim_int("handled", handled));
    struct otelshim_span span = start("handler");
    otelshim_span_end(&span);
}

static void in_a_child(const struct otelshim_span *span)
{
    pid_t pid = fork();
    if (pid == 0) {
        otelshim_span_set(span, otelshim_string("who", "child"));
        otelshim_span_end(span);
        struct otelshim_span own = start("child");
        otelshim_span_end(&own);
        exit(0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    printf("child %d\n", status);
}

static void in_a_vforked_child(const struct otelshim_span *span)
{
    pid_t pid = vfork();
    if (pid == 0) {
        int done =
            otelshim_span_set(span, otelshim_string("who", "vforked")) + otelshim_span_end(span);
        _exit(done);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    printf("vforked %d\n", status);
}

static int misuse(void)
{
    struct otelshim_span span = start("outer"), copy = span, bad;
    memset(&bad, 0x5a, sizeof bad);
    otelshim_span_end(&bad);
    otelshim_span_set(&bad, otelshim_string("who", "nobody"));
    in_a_child(&span);
    in_a_vforked_child(&span);
    in_handler = span;
    signal(SIGUSR1, handle);
    for (int i = 0; i < 3; i++)
        raise(SIGUSR1);
    otelshim_span_end(&copy);
    otelshim_span_end(&span);
    otelshim_span_set(&span, otelshim_string("who", "late"));
    printf("misused\n");
    return 0;
}

static int limits(void)
{
    static char text[5000];
    struct otelshim_span span = start("limits");
    char key[16];
    for (int i = 0; i + 2 < (int)sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    otelshim_span_set(&span, otelshim_string("a", text));
    for (int i = 0; i < 3; i++) {
        snprintf(key, sizeof key, "key.%d", i);
        otelshim_span_set(&span, otelshim_int(key, i));
        const struct otelshim_attribute attributes[] = { otelshim_string("a", text),
                                                         otelshim_int(key, i) };
        otelshim_span_event(&span, key, attributes, 2);
    }
    otelshim_span_set(&span, otelshim_string("a", "b\xc3\xa4"
                                                  "cd"));
    otelshim_span_end(&span);
    printf("limited\n");
    return 0;
}

static int ends_inside(void)
{
    struct otelshim_span outer = start("outer"), inner = start("inner");
    otelshim_span_set(&inner, otelshim_bool("last", 1));
    otelshim_span_set(&outer, otelshim_bool("last", 0));
    printf("bye\n");
    exit(0);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IONBF, 0);
    if (strcmp(mode, "libraries") == 0 && argc > 2)
        return libraries(argv[2]);
    if (strcmp(mode, "misuse") == 0)
        return misuse();
    if (strcmp(mode, "limits") == 0)
        return limits();
    if (strcmp(mode, "exit") == 0)
        return ends_inside();
    return 2;
}
