/*
 * Waiting for descriptors by all names of poll, select and epoll_wait, and the calls that move
 * bytes without reading them (sendfile, splice), in every condition. See ltp.h.
 */
#include "ltp.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>

int __poll(struct pollfd *, nfds_t, int);
int __poll_chk(struct pollfd *, nfds_t, int, size_t);
int __ppoll_chk(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t);
int __select(int, fd_set *, fd_set *, fd_set *, struct timeval *);

#define ASK "GET /ltp HTTP/1.1\r\nHost: ltp.test\r\n\r\n"

static struct timespec *spec_of(int ms)
{
    static struct timespec t;
    t = (struct timespec){ ms / 1000, ms % 1000 * 1000000 };
    return ms < 0 ? NULL : &t;
}
static struct timeval *val_of(int ms)
{
    static struct timeval t;
    t = (struct timeval){ ms / 1000, ms % 1000 * 1000 };
    return ms < 0 ? NULL : &t;
}

/* ---- poll and its kin ---- */

typedef int poll_form(struct pollfd *p, nfds_t n, int ms);

static int by_poll(struct pollfd *p, nfds_t n, int ms)
{
    return poll(p, n, ms);
}
static int by___poll(struct pollfd *p, nfds_t n, int ms)
{
    return __poll(p, n, ms);
}
static int by___poll_chk(struct pollfd *p, nfds_t n, int ms)
{
    return __poll_chk(p, n, ms, SIZE_MAX);
}
static int by_ppoll(struct pollfd *p, nfds_t n, int ms)
{
    return ppoll(p, n, spec_of(ms), NULL);
}
static int by___ppoll_chk(struct pollfd *p, nfds_t n, int ms)
{
    return __ppoll_chk(p, n, spec_of(ms), NULL, SIZE_MAX);
}

static const struct {
    const char *name;
    poll_form *call;
} polls[] = {
    { "poll", by_poll },   { "__poll", by___poll },           { "__poll_chk", by___poll_chk },
    { "ppoll", by_ppoll }, { "__ppoll_chk", by___ppoll_chk }, { 0 }
};

static int pair[2]; /* a connection; pair[0] has sent a request, which pair[1] has not read */

static void polled(void)
{
    for (int i = 0; polls[i].name != NULL; i++) {
        const char *by = polls[i].name;
        poll_form *call = polls[i].call;
        struct pollfd p[5] = { { pair[1], POLLIN | POLLOUT, 77 },
                               { pair[0], POLLIN | POLLOUT, 77 },
                               { -1, POLLIN, 77 },
                               { 999, POLLIN, 77 },
                               { pair[0], 0, 77 } };
        CHECK(call(p, 5, 0), "%s", by);
        for (int k = 0; k < 5; k++)
            printf("%x ", (unsigned)(unsigned short)p[k].revents);
        printf("\n");
        CHECK(call(p + 1, 0, 0), "%s, none", by);
        p[1].events = POLLIN;
        CHECK(call(p + 1, 1, 3), "%s, nothing comes", by);
        CHECK(call(NULL, 0, 3), "%s, only time", by);
        CHECK(call(ltp_any(NULL), 1, 0), "%s, NULL", by);
        CHECK(call(ltp_any(ltp_unmapped), 1, 0), "%s, unmapped", by);
        CHECK(call(ltp_any(ltp_constant), 1, 0), "%s, read only", by);
        CHECK(call(ltp_any(ltp_hole - 8), 2, 0), "%s, into a hole", by);
        CHECK(call(p, 5000000, 0), "%s, 5000000", by);
        if (strstr(by, "chk") == NULL) /* they would end the program */
            CHECK(call(p, (nfds_t)-1, 0), "%s, -1", by);
        for (int restart = 0; restart < 2; restart++) {
            ltp_handle(SIGALRM, restart ? SA_RESTART : 0);
            ltp_alarm_in(2);
            CHECK(call(p + 1, 1, -1), "%s, interrupted%s", by, restart ? ", SA_RESTART" : "");
        }
    }
    struct timespec odd = { 0, 2000000000 };
    CHECK(ppoll(NULL, 0, &odd, NULL), "ppoll, odd time");
    odd = (struct timespec){ -1, 0 };
    CHECK(ppoll(NULL, 0, &odd, NULL), "ppoll, negative time");
    CHECK(ppoll(NULL, 0, spec_of(0), ltp_any(ltp_unmapped)), "ppoll, mask unmapped");
    CHECK(poll(NULL, 0, 0), "poll, after all");
}

/* A signal that is blocked but for the wait, and pending before it. */
static void masked(void)
{
    sigset_t block, none;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    ltp_handle(SIGALRM, 0);
    NEED(sigprocmask(SIG_BLOCK, &block, NULL) == 0);
    struct pollfd p = { pair[0], POLLIN, 0 };
    struct epoll_event event = { .events = EPOLLIN };
    int set = epoll_create1(0);
    NEED(epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event) == 0);
    ltp_alarms = 0;
    struct timespec *limit = spec_of(1000);
    raise(SIGALRM);
    CHECK(ppoll(&p, 1, limit, &none), "ppoll, pending");
    raise(SIGALRM);
    CHECK(__ppoll_chk(&p, 1, limit, &none, sizeof p), "__ppoll_chk, pending");
    raise(SIGALRM);
    CHECK(pselect(0, NULL, NULL, NULL, limit, &none), "pselect, pending");
    raise(SIGALRM);
    CHECK(epoll_pwait(set, &event, 1, 1000, &none), "epoll_pwait, pending");
    raise(SIGALRM);
    CHECK(epoll_pwait2(set, &event, 1, limit, &none), "epoll_pwait2, pending");
    printf("%d alarms\n", (int)ltp_alarms);
    raise(SIGALRM);
    CHECK(poll(&p, 1, 2), "poll, pending and blocked");
    sigset_t pending;
    sigpending(&pending);
    printf("%d alarms, pending %d\n", (int)ltp_alarms, sigismember(&pending, SIGALRM));
    NEED(sigprocmask(SIG_UNBLOCK, &block, NULL) == 0);
    printf("%d alarms\n", (int)ltp_alarms);
    close(set);
}

/* ---- select ---- */

static int by_select(int n, fd_set *in, fd_set *out, fd_set *except, int ms)
{
    return select(n, in, out, except, val_of(ms));
}
static int by___select(int n, fd_set *in, fd_set *out, fd_set *except, int ms)
{
    return __select(n, in, out, except, val_of(ms));
}
static int by_pselect(int n, fd_set *in, fd_set *out, fd_set *except, int ms)
{
    return pselect(n, in, out, except, spec_of(ms), NULL);
}

static const struct {
    const char *name;
    int (*call)(int n, fd_set *in, fd_set *out, fd_set *except, int ms);
} selects[] = {
    { "select", by_select }, { "__select", by___select }, { "pselect", by_pselect }, { 0 }
};

static void selected(void)
{
    for (int i = 0; selects[i].name != NULL; i++) {
        const char *by = selects[i].name;
        fd_set in, out, except;
        FD_ZERO(&in);
        FD_SET(pair[0], &in);
        FD_SET(pair[1], &in);
        out = except = in;
        CHECK(selects[i].call(pair[1] + 1, &in, &out, &except, 0), "%s", by);
        printf("%d %d, %d %d, %d %d\n", FD_ISSET(pair[0], &in), FD_ISSET(pair[1], &in),
               FD_ISSET(pair[0], &out), FD_ISSET(pair[1], &out), FD_ISSET(pair[0], &except),
               FD_ISSET(pair[1], &except));
        FD_ZERO(&in);
        FD_SET(pair[0], &in);
        CHECK(selects[i].call(pair[1] + 1, &in, NULL, NULL, 3), "%s, nothing comes", by);
        CHECK(selects[i].call(0, NULL, NULL, NULL, 3), "%s, only time", by);
        CHECK(selects[i].call(-1, &in, NULL, NULL, 0), "%s, -1", by);
        CHECK(selects[i].call(64, ltp_any(ltp_unmapped), NULL, NULL, 0), "%s, unmapped", by);
        CHECK(selects[i].call(64, ltp_any(ltp_constant), NULL, NULL, 0), "%s, read only", by);
        FD_SET(200, &in);
        CHECK(selects[i].call(201, &in, NULL, NULL, 0), "%s, closed", by);
        FD_CLR(200, &in);
        for (int restart = 0; restart < 2; restart++) {
            FD_SET(pair[0], &in);
            ltp_handle(SIGALRM, restart ? SA_RESTART : 0);
            ltp_alarm_in(2);
            CHECK(selects[i].call(pair[0] + 1, &in, NULL, NULL, -1), "%s, interrupted%s", by,
                  restart ? ", SA_RESTART" : "");
        }
    }
    struct timeval odd = { -1, 0 };
    CHECK(select(0, NULL, NULL, NULL, &odd), "select, negative time");
    odd = (struct timeval){ 0, -1 };
    CHECK(select(0, NULL, NULL, NULL, &odd), "select, negative microseconds");
    CHECK(pselect(0, NULL, NULL, NULL, spec_of(0), ltp_any(ltp_unmapped)),
          "pselect, mask unmapped");
    fd_set in;
    FD_ZERO(&in);
    FD_SET(pair[1], &in);
    struct timeval left = { 100, 0 };
    CHECK(select(pair[1] + 1, &in, NULL, NULL, &left), "select, what is left");
    printf("%d seconds or more\n", left.tv_sec >= 99 ? 99 : (int)left.tv_sec);
}

/* ---- epoll ---- */

static int by_epoll_wait(int set, struct epoll_event *e, int max, int ms)
{
    return epoll_wait(set, e, max, ms);
}
static int by_epoll_pwait(int set, struct epoll_event *e, int max, int ms)
{
    return epoll_pwait(set, e, max, ms, NULL);
}
static int by_epoll_pwait2(int set, struct epoll_event *e, int max, int ms)
{
    return epoll_pwait2(set, e, max, spec_of(ms), NULL);
}

static const struct {
    const char *name;
    int (*call)(int set, struct epoll_event *e, int max, int ms);
} epolls[] = { { "epoll_wait", by_epoll_wait },
               { "epoll_pwait", by_epoll_pwait },
               { "epoll_pwait2", by_epoll_pwait2 },
               { 0 } };

static void epolled(void)
{
    for (int i = 0; epolls[i].name != NULL; i++) {
        const char *by = epolls[i].name;
        struct epoll_event e[4] = { { .events = EPOLLIN, .data.u64 = 7 } };
        int set = epoll_create1(0);
        CHECK(epolls[i].call(set, e, 4, 0), "%s, empty", by);
        NEED(epoll_ctl(set, EPOLL_CTL_ADD, pair[0], e) == 0);
        CHECK(epolls[i].call(set, e, 4, 3), "%s, nothing comes", by);
        for (int restart = 0; restart < 2; restart++) {
            ltp_handle(SIGALRM, restart ? SA_RESTART : 0);
            ltp_alarm_in(2);
            CHECK(epolls[i].call(set, e, 4, -1), "%s, interrupted%s", by,
                  restart ? ", SA_RESTART" : "");
        }
        e[0] = (struct epoll_event){ .events = EPOLLIN | EPOLLOUT, .data.u64 = 9 };
        NEED(epoll_ctl(set, EPOLL_CTL_ADD, pair[1], e) == 0);
        CHECK(epolls[i].call(set, e, 4, 0), "%s", by);
        printf("%x %llu\n", e[0].events, (unsigned long long)e[0].data.u64);
        CHECK(epolls[i].call(set, e, 0, 0), "%s, none", by);
        CHECK(epolls[i].call(set, e, -1, 0), "%s, -1", by);
        CHECK(epolls[i].call(set, e, INT32_MAX, 0), "%s, INT_MAX", by);
        CHECK(epolls[i].call(set, ltp_any(ltp_unmapped), 1, 0), "%s, unmapped", by);
        CHECK(epolls[i].call(set, ltp_any(NULL), 1, 0), "%s, NULL", by);
        CHECK(epolls[i].call(set, ltp_any(ltp_constant), 1, 0), "%s, read only", by);
        CHECK(epolls[i].call(-1, e, 1, 0), "%s, -1", by);
        CHECK(epolls[i].call(pair[0], e, 1, 0), "%s, a socket", by);
        close(set);
        CHECK(epolls[i].call(set, e, 1, 0), "%s, closed", by);
    }
    struct epoll_event e;
    int set = epoll_create1(0);
    struct timespec odd = { 0, -1 };
    CHECK(epoll_pwait2(set, &e, 1, &odd, NULL), "epoll_pwait2, odd time");
    CHECK(epoll_pwait2(set, &e, 1, ltp_any(ltp_unmapped), NULL), "epoll_pwait2, time unmapped");
    CHECK(epoll_pwait(set, &e, 1, 0, ltp_any(ltp_unmapped)), "epoll_pwait, mask unmapped");
    close(set);
}

/* ---- sendfile, splice ---- */

static void moved(void)
{
    char text[256];
    int file = memfd_create("ltp", 0), ends[2];
    NEED(write(file, ASK, sizeof ASK - 1) == sizeof ASK - 1 && lseek(file, 0, SEEK_SET) == 0);
    NEED(pipe(ends) == 0);
    for (int fresh = 0; fresh < 2; fresh++) {
        int tcp[2];
        ltp_tcp(tcp);
        if (!fresh)
            NEED(send(tcp[0], "GET / HTTP/1.1\r\nA: ", 19, 0) == 19 &&
                 recv(tcp[1], text, 19, MSG_WAITALL) == 19);
        off_t from = 0;
        off64_t from64 = 4;
        CHECK(sendfile(tcp[0], file, &from, sizeof ASK - 1), "sendfile");
        printf("offset %d\n", (int)from);
        CHECK(sendfile(tcp[0], file, &from, 100), "sendfile, at the end");
        CHECK(sendfile64(tcp[0], file, &from64, 5), "sendfile64");
        printf("offset %d\n", (int)from64);
        CHECK(sendfile(tcp[0], file, NULL, 5), "sendfile, its own offset");
        CHECK(sendfile(tcp[0], file, NULL, 0), "sendfile, nothing");
        from = -1;
        CHECK(sendfile(tcp[0], file, &from, 5), "sendfile, offset -1");
        CHECK(sendfile(tcp[0], file, ltp_any(ltp_unmapped), 5), "sendfile, offset unmapped");
        CHECK(sendfile(tcp[0], file, ltp_any(ltp_constant), 5), "sendfile, offset read only");
        CHECK(sendfile(tcp[0], file, NULL, SIZE_MAX), "sendfile, SIZE_MAX");
        CHECK(sendfile(tcp[0], -1, NULL, 5), "sendfile, from -1");
        CHECK(sendfile(-1, file, NULL, 5), "sendfile, to -1");
        CHECK(sendfile(tcp[0], tcp[1], NULL, 5), "sendfile, from a socket");
        CHECK(sendfile64(tcp[0], ends[0], &from64, 5), "sendfile64, from a pipe");
        NEED(write(ends[1], "0123456789", 10) == 10);
        CHECK(splice(ends[0], NULL, tcp[0], NULL, 10, 0), "splice, to the socket");
        CHECK(splice(ends[0], NULL, tcp[0], NULL, 10, SPLICE_F_NONBLOCK), "splice, empty pipe");
        CHECK(splice(ends[0], &from64, tcp[0], NULL, 10, 0), "splice, offset in a pipe");
        CHECK(splice(file, NULL, tcp[0], NULL, 10, 0), "splice, no pipe");
        CHECK(splice(ends[0], NULL, tcp[0], NULL, 10, 0xff00), "splice, odd flags");
        CHECK(splice(-1, NULL, tcp[0], NULL, 10, 0), "splice, from -1");
        CHECK(splice(ends[0], NULL, -1, NULL, 10, 0), "splice, to -1");
        CHECK(splice(ends[0], ltp_any(ltp_unmapped), file, NULL, 10, 0), "splice, offset unmapped");
        CHECK(splice(ends[0], NULL, tcp[0], NULL, 0, 0), "splice, nothing");
        CHECK(splice(tcp[1], NULL, ends[1], NULL, 20, 0), "splice, from the socket");
        memset(text, 0, sizeof text);
        CHECK(read(ends[0], text, sizeof text - 1), "what came out");
        printf("%s\n", strtok(text, "\r"));
        ltp_nonblock(tcp[1], true);
        CHECK(recv(tcp[1], text, sizeof text, 0), "the rest");
        ltp_pipes = 0;
        shutdown(tcp[0], SHUT_WR);
        from = 0;
        CHECK(sendfile(tcp[0], file, &from, 5), "sendfile, shut down");
        NEED(write(ends[1], "0123456789", 10) == 10);
        CHECK(splice(ends[0], NULL, tcp[0], NULL, 10, 0), "splice, shut down");
        NEED(read(ends[0], text, 10) == 10);
        printf("%d SIGPIPE\n", (int)ltp_pipes);
        close(tcp[0]);
        close(tcp[1]);
    }
    close(file);
}

int main(int argc, char **argv)
{
    ltp_begin();
    ltp_memory();
    ltp_handle(SIGPIPE, 0);
    ltp_tcp(pair);
    NEED(send(pair[0], ASK, sizeof ASK - 1, 0) == sizeof ASK - 1);
    usleep(1000);
    polled();
    masked();
    selected();
    epolled();
    moved();
    if (argc > 1) { /* the other numbers are beyond what select can name */
        close(pair[0]);
        close(pair[1]);
        ltp_descriptors_from(atoi(argv[1]));
        ltp_tcp(pair);
        NEED(send(pair[0], ASK, sizeof ASK - 1, 0) == sizeof ASK - 1);
        usleep(1000);
        polled();
        masked();
        epolled();
        moved();
    }
    printf("end\n");
    return 0;
}
