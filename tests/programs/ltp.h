/*
 * What the programs ltp_*.c share: each makes calls in every condition that can be brought
 * about, and prints one line a check: call, condition, result, errno and what came out. The
 * lines must be the same bare and under the shim.
 *
 * errno is set to a value of no meaning before each call: "-" says that it is still there.
 */
#ifndef LTP_H
#define LTP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define LTP_KEPT 4242 /* errno before a call */

__attribute__((unused)) static const char *ltp_errno(int error)
{
    static __thread char text[16];
    const char *name = error == LTP_KEPT ? "-" : error == 0 ? "0" : strerrorname_np(error);
    if (name != NULL)
        return name;
    snprintf(text, sizeof text, "%d", error);
    return text;
}

static volatile bool ltp_alarm_is_on;

__attribute__((unused)) static void ltp_alarm_off(void)
{
    static const struct itimerval never;
    setitimer(ITIMER_REAL, &never, NULL);
    ltp_alarm_is_on = false;
}

/* One check. `what` is a printf format with its arguments in brackets: ("read %s", name). */
#define CHECK(call, ...) \
    do { \
        errno = LTP_KEPT; \
        long result_ = (long)(call); \
        int error_ = errno; \
        if (ltp_alarm_is_on) \
            ltp_alarm_off(); \
        printf(__VA_ARGS__); \
        printf(": %ld %s\n", result_, ltp_errno(error_)); \
    } while (0)

/* What the test itself needs; not what is tested. */
#define NEED(condition) \
    do { \
        if (!(condition)) { \
            printf("%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, ltp_errno(errno)); \
            fflush(NULL); \
            exit(3); \
        } \
    } while (0)

/* Lines as they come, so that a crash shows where; and no descriptor of ours moves. */
__attribute__((unused)) static void ltp_begin(void)
{
    setvbuf(stdout, NULL, _IOLBF, 1 << 16);
}

/* ---- memory ---- */

#define LTP_PAGE 4096
static char *ltp_hole;     /* PROT_NONE; the page before it can be used */
static char *ltp_unmapped; /* nothing */
static char *ltp_constant; /* PROT_READ */

__attribute__((unused)) static void ltp_memory(void)
{
    char *pages =
        mmap(NULL, 8 * LTP_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(pages != MAP_FAILED);
    ltp_hole = pages + LTP_PAGE;
    NEED(mprotect(ltp_hole, 3 * LTP_PAGE, PROT_NONE) == 0);
    ltp_constant = pages + 5 * LTP_PAGE;
    NEED(mprotect(ltp_constant, LTP_PAGE, PROT_READ) == 0);
    ltp_unmapped = pages + 7 * LTP_PAGE;
    NEED(munmap(ltp_unmapped, LTP_PAGE) == 0);
}

/* The text right before the hole. */
__attribute__((unused)) static char *ltp_before_hole(const char *text)
{
    size_t len = strlen(text);
    memcpy(ltp_hole - len, text, len);
    return ltp_hole - len;
}

/* What a compiler must not know. */
__attribute__((unused)) static void *ltp_any(void *p)
{
    void *volatile hidden = p;
    return hidden;
}

/* ---- descriptors ---- */

static int ltp_base; /* descriptors of connections are at least this */

/* Room for descriptors from `base` on; 0: where they come. */
__attribute__((unused)) static void ltp_descriptors_from(int base)
{
    struct rlimit limit;
    ltp_base = base;
    NEED(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = (rlim_t)(base < 1024 ? 1024 : base + 1024);
    if (limit.rlim_max < limit.rlim_cur)
        limit.rlim_max = limit.rlim_cur;
    NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

__attribute__((unused)) static int ltp_up(int fd)
{
    if (ltp_base == 0)
        return fd;
    int up = fcntl(fd, F_DUPFD, ltp_base);
    NEED(up >= ltp_base);
    close(fd);
    return up;
}

__attribute__((unused)) static struct sockaddr_in ltp_loopback(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* Where `fd` is bound. */
__attribute__((unused)) static struct sockaddr_in ltp_name(int fd)
{
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    NEED(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    return at;
}

__attribute__((unused)) static int ltp_bound(int type)
{
    struct sockaddr_in at = ltp_loopback(0);
    int fd = socket(AF_INET, type, 0);
    NEED(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    return fd;
}

__attribute__((unused)) static int ltp_listener(int backlog)
{
    int fd = ltp_bound(SOCK_STREAM);
    NEED(listen(fd, backlog) == 0);
    return fd;
}

/* pair[0] has called, pair[1] has accepted. */
__attribute__((unused)) static void ltp_tcp(int pair[2])
{
    static int listener = -1;
    if (listener < 0)
        listener = ltp_up(ltp_listener(64));
    struct sockaddr_in at = ltp_name(listener);
    pair[0] = ltp_up(socket(AF_INET, SOCK_STREAM, 0));
    NEED(connect(pair[0], (struct sockaddr *)&at, sizeof at) == 0);
    pair[1] = accept(listener, NULL, NULL);
    NEED(pair[1] >= 0);
    pair[1] = ltp_up(pair[1]);
}

/* The end of the connection is a reset for the other side. */
__attribute__((unused)) static void ltp_reset(int fd)
{
    struct linger none = { 1, 0 };
    NEED(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0);
    close(fd);
}

__attribute__((unused)) static void ltp_nonblock(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    NEED(flags >= 0 && fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0);
}

/* ---- signals ---- */

static volatile sig_atomic_t ltp_alarms, ltp_pipes;

__attribute__((unused)) static void ltp_count(int signo)
{
    if (signo == SIGPIPE)
        ltp_pipes++;
    else
        ltp_alarms++;
}

__attribute__((unused)) static void ltp_handle(int signo, int flags)
{
    struct sigaction action = { .sa_handler = ltp_count, .sa_flags = flags };
    NEED(sigaction(signo, &action, NULL) == 0);
}

/* SIGALRM once, so many milliseconds from now: for handlers that leave, wherever the program is by then. */
__attribute__((unused)) static void ltp_alarm_once_in(int ms)
{
    struct itimerval once = { .it_value = { ms / 1000, ms % 1000 * 1000 } };
    NEED(setitimer(ITIMER_REAL, &once, NULL) == 0);
}

/*
 * SIGALRM for the next CHECK, which is to wait for it. A program that loses its processor between the two has the
 * first one before its call, which would then wait for ever: so it comes again, until the call has returned.
 */
__attribute__((unused)) static void ltp_alarm_in(int ms)
{
    struct itimerval again = { .it_value = { ms / 1000, ms % 1000 * 1000 },
                               .it_interval = { 0, 300000 } };
    ltp_alarm_is_on = true;
    NEED(setitimer(ITIMER_REAL, &again, NULL) == 0);
}

#endif
