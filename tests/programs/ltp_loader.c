/* libs: -Wl,-z,lazy -rdynamic */
/*
 * How a program comes to its functions, and where it uses them:
 *
 *     ltp_loader functions    pointers from before main, by dlsym and dlvsym in all ways; their errors
 *     ltp_loader libraries    dlopen in all ways, constructors and destructors that use the network
 *     ltp_loader END          what uses the network at the end: exit, return, quick_exit, _exit, _Exit,
 *                             thread (exit in another one), last (the main thread's pthread_exit),
 *                             handler (exit in a signal handler), nested (exit in an exit handler)
 */
#include "ltp.h"

#include <dlfcn.h>
#include <pthread.h>

#include "ltp_talk.h"

/* By a relocation, before anything runs. */
static const struct talk_calls relocated = {
    socket, talk_connect, talk_accept, write, read, close
};
static struct talk_calls in_constructor;

static void find_all(struct talk_calls *calls, void *(*find)(void *, const char *), void *where)
{
    calls->socket = (int (*)(int, int, int))find(where, "socket");
    calls->connect = (int (*)(int, const struct sockaddr *, socklen_t))find(where, "connect");
    calls->accept = (int (*)(int, struct sockaddr *, socklen_t *))find(where, "accept");
    calls->write = (ssize_t(*)(int, const void *, size_t))find(where, "write");
    calls->read = (ssize_t(*)(int, void *, size_t))find(where, "read");
    calls->close = (int (*)(int))find(where, "close");
}

static void *by_version(void *where, const char *name)
{
    return dlvsym(where, name, "GLIBC_2.2.5");
}

static void *by_dlsym(void *where, const char *name)
{
    return dlsym(where, name);
}

__attribute__((constructor(101))) static void before_main(void)
{
    find_all(&in_constructor, by_dlsym, RTLD_DEFAULT);
    talk_all("constructor 101");
}

__attribute__((destructor(101))) static void after_all(void)
{
    talk_all("destructor 101");
}

static void told_by(const char *what, const struct talk_calls *calls)
{
    bool all = calls->socket && calls->connect && calls->accept && calls->write && calls->read &&
               calls->close;
    printf("%s: %d\n", what, all ? talk_by(calls) : -1);
}

static void told_error(const char *what, const void *result)
{
    const char *error = dlerror();
    /* In which object it was looked for is left out: docs/LIMITS.md. */
    const char *undefined = error != NULL ? strstr(error, "undefined symbol") : NULL;
    if (undefined != NULL)
        error = undefined;
    printf("%s: %d, %s\n", what, result != NULL, error != NULL ? error : "no error");
}

static const char *const hooked[] = {
    "read",           "write",       "connect",       "close",
    "fork",           "vfork",       "exit",          "_exit",
    "execve",         "posix_spawn", "system",        "popen",
    "fclose",         "dlsym",       "dlopen",        "getaddrinfo",
    "pthread_create", "sem_wait",    "longjmp",       "syscall",
    "poll",           "epoll_wait",  "gethostbyname", "__read_chk",
    "__close",        "SSL_read",    "sqlite3_step",  "curl_easy_perform",
    "gnutls_init",    "ltp_no_such"
};

static void functions(void)
{
    void *self = dlopen(NULL, RTLD_NOW), *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    void *libm = dlopen("libm.so.6", RTLD_NOW);
    NEED(self != NULL && libc != NULL && libm != NULL);
    told_by("relocated", &relocated);
    told_by("found in a constructor", &in_constructor);
    static const char *const ways[] = { "RTLD_DEFAULT", "RTLD_NEXT", "the program's", "libc's" };
    void *where[] = { RTLD_DEFAULT, RTLD_NEXT, self, libc };
    for (int i = 0; i < 4; i++) {
        struct talk_calls calls;
        find_all(&calls, by_dlsym, where[i]);
        told_by(ways[i], &calls);
        find_all(&calls, by_version, where[i]);
        printf("by version, ");
        told_by(ways[i], &calls);
        for (size_t k = 0; k < sizeof hooked / sizeof hooked[0]; k++)
            told_error(hooked[k], dlsym(where[i], hooked[k]));
        told_error("read@GLIBC_2.99", dlvsym(where[i], "read", "GLIBC_2.99"));
        told_error("ltp_no_such@GLIBC_2.2.5", dlvsym(where[i], "ltp_no_such", "GLIBC_2.2.5"));
    }
    /* What is no symbol of a library is found in those that it needs. */
    told_error("read in libm", dlsym(libm, "read"));
    told_error("cos in libm", dlsym(libm, "cos"));
    told_error("SSL_read in libm", dlsym(libm, "SSL_read"));
    told_error("dlopen of nothing", dlopen("/nowhere/lib.so", RTLD_NOW));
    told_error("dlopen of a text", dlopen("/etc/hostname", RTLD_NOW));
    told_error("dlopen without a mode", dlopen("libm.so.6", 0));
    told_error("dlopen of no name", dlopen("", RTLD_NOW));
    told_error("dlopen, not there, NOLOAD", dlopen("libltp-none.so", RTLD_NOW | RTLD_NOLOAD));
    CHECK(dlclose(libm), "dlclose");
    told_error("dlclose", NULL);
}

static void libraries(void)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 30);
    NEED(len > 0);
    path[len] = 0;
    strcpy(strrchr(path, '/'), "/ltp_library.so");
    static const struct {
        const char *name;
        int flags;
    } ways[] = { { "now", RTLD_NOW },
                 { "lazy", RTLD_LAZY },
                 { "global", RTLD_NOW | RTLD_GLOBAL },
                 { "deepbind", RTLD_NOW | RTLD_DEEPBIND },
                 { "lazy deepbind global", RTLD_LAZY | RTLD_DEEPBIND | RTLD_GLOBAL } };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        dprintf(1, "%s\n", ways[i].name);
        void *library = dlopen(path, ways[i].flags);
        NEED(library != NULL);
        int (*inside)(void) = (int (*)(void))dlsym(library, "ltp_library_talk");
        int (*next)(void) = (int (*)(void))dlsym(library, "ltp_library_next");
        NEED(inside != NULL && next != NULL);
        dprintf(1, "inside %d, next %d, main %d\n", inside(), next(), talk());
        struct talk_calls calls;
        find_all(&calls, by_dlsym, library);
        dprintf(1, "by its handle %d\n", talk_by(&calls));
        dprintf(1, "dlclose %d\n", dlclose(library));
        dprintf(1, "afterwards %d, by what it gave %d, there %d\n", talk(), talk_by(&calls),
                dlopen(path, RTLD_NOW | RTLD_NOLOAD) != NULL);
    }
    setenv("LTP_LIBRARY_AT_EXIT", "1", 1);
    NEED(dlopen(path, RTLD_NOW | RTLD_NODELETE) != NULL); /* goes with the program */
}

/* ---- ends ---- */

static void at_end(void)
{
    talk_all("atexit");
}
static void on_end(int status, void *text)
{
    dprintf(1, "status %d\n", status);
    talk_all(text);
}
static void at_quick_end(void)
{
    talk_all("at_quick_exit");
}
static void ends_again(void)
{
    dprintf(1, "exit in an exit handler\n");
    exit(34);
}
static void *ends_in_thread(void *unused)
{
    (void)unused;
    exit(300 + 5);
}
static void *is_last(void *unused)
{
    (void)unused;
    usleep(3000);
    talk_all("the last thread");
    return NULL;
}
static void ends_in_handler(int signo)
{
    (void)signo;
    exit(36);
}

static int end(const char *how)
{
    pthread_t thread;
    atexit(at_end);
    on_exit(on_end, "on_exit");
    at_quick_exit(at_quick_end);
    if (strcmp(how, "exit") == 0)
        exit(256 + 31);
    if (strcmp(how, "quick_exit") == 0)
        quick_exit(32);
    if (strcmp(how, "_exit") == 0)
        _exit(33);
    if (strcmp(how, "_Exit") == 0)
        _Exit(-1);
    if (strcmp(how, "thread") == 0)
        NEED(pthread_create(&thread, NULL, ends_in_thread, NULL) == 0 &&
             pthread_join(thread, NULL) == 0);
    if (strcmp(how, "last") == 0) {
        NEED(pthread_create(&thread, NULL, is_last, NULL) == 0);
        pthread_exit(NULL);
    }
    if (strcmp(how, "handler") == 0) {
        signal(SIGALRM, ends_in_handler);
        ltp_alarm_once_in(2);
        for (;;)
            pause();
    }
    if (strcmp(how, "nested") == 0)
        atexit(ends_again);
    return 35;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    ltp_begin();
    talk_all("main");
    if (strcmp(what, "functions") == 0)
        functions();
    else if (strcmp(what, "libraries") == 0)
        libraries();
    else
        return end(what);
    printf("end\n");
    return 0;
}
