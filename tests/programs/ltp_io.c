/*
 * Reads and writes by all their names, on every kind of descriptor and in every state of a
 * connection: ltp_io write|read [lowest descriptor]. See ltp.h.
 */
#include "ltp_io.h"

/* ---- writes ---- */

/* Until nothing goes; how much that is, is the kernel's, and it may find some more room later. */
static void fill(const int pair[2], const struct named *by)
{
    static char zeros[1 << 16];
    int size = 1 << 16;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(pair[1], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    ltp_nonblock(pair[0], true);
    for (int i = 0; i < 2; i++) {
        ssize_t n;
        do {
            n = by->call(pair[0], zeros, sizeof zeros, MSG_NOSIGNAL);
            if (n < 0 && errno == EMSGSIZE)
                n = by->call(pair[0], zeros, 1000, MSG_NOSIGNAL);
        } while (n > 0);
        usleep(200);
    }
}

static void limit_wait(int fd, int option, long us)
{
    struct timeval limit = { us / 1000000, us % 1000000 };
    NEED(setsockopt(fd, SOL_SOCKET, option, &limit, sizeof limit) == 0);
}

static void write_bad_memory(const struct named *w, const struct state *s)
{
    const struct {
        const char *name;
        char *at;
        size_t len;
    } bad[] = {
        { "unmapped", ltp_unmapped, 100 },
        { "PROT_NONE", ltp_hole, 100 },
        { "NULL", NULL, 1 },
        { "kernel's", (char *)(uintptr_t)0xffff800000000000, 100 },
        { "end of memory", (char *)UINTPTR_MAX, 1 },
        { "head into a hole", ltp_before_hole(ASK), 5000 },
        { "head into a hole, SIZE_MAX", ltp_before_hole(ASK), SIZE_MAX },
        { "head into a hole, SSIZE_MAX", ltp_before_hole(ASK), SSIZE_MAX },
        { "head into a hole, 4 GB", ltp_before_hole(ASK), (size_t)1 << 32 },
        { "body into a hole", ltp_hole - 30, 3000 },
        { "a page into a hole", ltp_hole - LTP_PAGE, LTP_PAGE + 1 },
        { "nothing at NULL", NULL, 0 },
        { "nothing, unmapped", ltp_unmapped, 0 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int pair[2];
        s->make(pair);
        ltp_before_hole(ASK);
        ltp_nonblock(pair[0], true);
        CHECK(w->call(pair[0], ltp_any(bad[i].at), bad[i].len, MSG_NOSIGNAL), "%s, %s, %s", w->name,
              s->name, bad[i].name);
        arrived(bad[i].name, pair[1]);
        CHECK(w->call(pair[0], ASK, sizeof ASK - 1, MSG_NOSIGNAL), "%s, %s, then a request",
              w->name, s->name);
        arrived("then", pair[1]);
        finish(pair);
    }
}

static void write_flags(const struct named *w, const struct state *s)
{
    static const struct {
        const char *name;
        int flags;
    } flags[] = {
        { "DONTWAIT", MSG_DONTWAIT },  { "NOSIGNAL", MSG_NOSIGNAL }, { "OOB", MSG_OOB },
        { "MORE", MSG_MORE },          { "EOR", MSG_EOR },           { "CONFIRM", MSG_CONFIRM },
        { "PEEK", MSG_PEEK },          { "WAITALL", MSG_WAITALL },   { "ERRQUEUE", MSG_ERRQUEUE },
        { "all", -1 & ~MSG_FASTOPEN }, { "ZEROCOPY", MSG_ZEROCOPY }, { "DONTROUTE", MSG_DONTROUTE },
    };
    for (size_t i = 0; w->has_flags && i < sizeof flags / sizeof flags[0]; i++) {
        int pair[2];
        s->make(pair);
        CHECK(w->call(pair[0], ASK, sizeof ASK - 1, flags[i].flags), "%s, %s, MSG_%s", w->name,
              s->name, flags[i].name);
        ltp_nonblock(pair[0], true);
        shutdown(pair[0], SHUT_WR);
        arrived(flags[i].name, pair[1]);
        finish(pair);
    }
}

/*
 * Blocked in the call until SIGALRM or the socket's own limit. The kernel may find room for
 * some bytes after all: then it is filled up and tried again.
 */
static ssize_t write_blocked(const struct named *w, const int pair[2], int alarm_ms)
{
    static char zeros[1 << 16];
    ssize_t n;
    do {
        fill(pair, w);
        ltp_nonblock(pair[0], false);
        if (alarm_ms > 0)
            ltp_alarm_in(alarm_ms);
        errno = LTP_KEPT;
        n = w->call(pair[0], zeros, 1000, 0);
    } while (n > 0);
    return n;
}

/* With SA_RESTART a write goes on, but not one with a limit of its own. */
static void write_interrupted(const struct named *w, const struct state *s)
{
    int pair[2];
    if (s->make == udp)
        return;
    s->make(pair);
    ltp_handle(SIGALRM, 0);
    CHECK(write_blocked(w, pair, 3), "%s, %s, interrupted", w->name, s->name);
    limit_wait(pair[0], SO_SNDTIMEO, 3000);
    CHECK(write_blocked(w, pair, 0), "%s, %s, SO_SNDTIMEO", w->name, s->name);
    limit_wait(pair[0], SO_SNDTIMEO, 20000000);
    ltp_handle(SIGALRM, SA_RESTART);
    CHECK(write_blocked(w, pair, 2), "%s, %s, interrupted under SO_SNDTIMEO", w->name, s->name);
    finish(pair);
}

/* A head, and a length that no memory has. How much goes is the kernel's. */
static void write_too_much(const struct named *w, const struct state *s)
{
    static const size_t lengths[] = { 200000, 1u << 31, (size_t)1 << 32, SSIZE_MAX, SIZE_MAX };
    char *big = mmap(NULL, 200000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(big != MAP_FAILED);
    memcpy(big, POST, sizeof POST - 1);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int pair[2];
        s->make(pair);
        ltp_nonblock(pair[0], true);
        errno = LTP_KEPT;
        ssize_t n = w->call(pair[0], big, lengths[i], MSG_NOSIGNAL);
        printf("%s, %s, %zx bytes: %s %s\n", w->name, s->name, lengths[i],
               n > 0    ? "some"
               : n == 0 ? "none"
                        : "-1",
               ltp_errno(errno));
        finish(pair);
    }
    munmap(big, 200000);
}

static void write_to_the_gone(const struct named *w, const struct state *s)
{
    int pair[2];
    s->make(pair);
    ltp_pipes = 0;
    NEED(shutdown(pair[0], SHUT_WR) == 0 || errno == EOPNOTSUPP);
    CHECK(w->call(pair[0], ASK, sizeof ASK - 1, 0), "%s, %s, after shutdown", w->name, s->name);
    printf("%d SIGPIPE\n", (int)ltp_pipes);
    CHECK(w->call(pair[0], ASK, sizeof ASK - 1, MSG_NOSIGNAL), "%s, %s, again, NOSIGNAL", w->name,
          s->name);
    printf("%d SIGPIPE\n", (int)ltp_pipes);
    CHECK(w->call(pair[0], ASK, 0, 0), "%s, %s, nothing", w->name, s->name);
    finish(pair);

    s->make(pair);
    ltp_pipes = 0;
    if (s->stream && s->make != unix_stream)
        ltp_reset(pair[1]);
    else
        close(pair[1]);
    usleep(1000);
    for (int i = 0; i < 3; i++)
        CHECK(w->call(pair[0], ASK, sizeof ASK - 1, 0), "%s, %s, other end gone, %d", w->name,
              s->name, i);
    printf("%d SIGPIPE\n", (int)ltp_pipes);
    close(pair[0]);
}

static void write_well(const struct named *w, const struct state *s)
{
    int pair[2];
    s->make(pair);
    CHECK(w->call(pair[0], ASK, sizeof ASK - 1, 0), "%s, %s, a request", w->name, s->name);
    CHECK(w->call(pair[0], ASK, 0, 0), "%s, %s, nothing", w->name, s->name);
    CHECK(w->call(pair[0], "x", 1, 0), "%s, %s, a byte", w->name, s->name);
    CHECK(w->call(pair[0], ASK ASK ASK, 3 * (sizeof ASK - 1), 0), "%s, %s, three requests", w->name,
          s->name);
    arrived("of these", pair[1]);
    if (s->make == udp) { /* never full: what finds no room at the other end is thrown away */
        finish(pair);
        return;
    }
    fill(pair, w);
    CHECK(w->call(pair[0], ASK, sizeof ASK - 1, 0), "%s, %s, full", w->name, s->name);
    CHECK(w->call(pair[0], ASK, 0, 0), "%s, %s, full, nothing", w->name, s->name);
    CHECK(w->call(pair[0], ltp_unmapped, 10, 0), "%s, %s, full, unmapped", w->name, s->name);
    finish(pair);
}

/* ---- reads ---- */

static void read_bad_memory(const struct named *r, const struct state *s)
{
    const struct {
        const char *name;
        char *at;
        size_t len;
    } bad[] = {
        { "unmapped", ltp_unmapped, 100 },
        { "PROT_NONE", ltp_hole, 100 },
        { "read only", ltp_constant, 100 },
        { "NULL", NULL, 1 },
        { "kernel's", (char *)(uintptr_t)0xffff800000000000, 100 },
        { "into a hole", ltp_hole - 20, 100 },
        { "into a hole, SIZE_MAX", ltp_hole - 1000, SIZE_MAX },
        { "into a hole, SSIZE_MAX", ltp_hole - 1000, SSIZE_MAX },
        { "into a hole, 4 GB", ltp_hole - 1000, (size_t)1 << 32 },
        { "nothing at NULL", NULL, 0 },
        { "nothing, unmapped", ltp_unmapped, 0 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int pair[2];
        s->make(pair);
        say(pair[1], ANSWER);
        ltp_nonblock(pair[0], true);
        CHECK(r->call(pair[0], ltp_any(bad[i].at), bad[i].len, MSG_DONTWAIT), "%s, %s, %s", r->name,
              s->name, bad[i].name);
        arrived("left", pair[0]);
        finish(pair);
    }
}

static void read_flags(const struct named *r, const struct state *s)
{
    static const struct {
        const char *name;
        int flags;
    } flags[] = {
        { "PEEK", MSG_PEEK },         { "DONTWAIT", MSG_DONTWAIT },
        { "TRUNC", MSG_TRUNC },       { "PEEK|TRUNC", MSG_PEEK | MSG_TRUNC },
        { "OOB", MSG_OOB },           { "ERRQUEUE", MSG_ERRQUEUE | MSG_DONTWAIT },
        { "WAITALL", MSG_WAITALL },   { "CMSG_CLOEXEC", MSG_CMSG_CLOEXEC },
        { "NOSIGNAL", MSG_NOSIGNAL }, { "CTRUNC", MSG_CTRUNC },
    };
    for (size_t i = 0; r->has_flags && i < sizeof flags / sizeof flags[0]; i++) {
        int pair[2];
        char bytes[64];
        s->make(pair);
        say(pair[1], ANSWER);
        memset(bytes, '.', sizeof bytes);
        CHECK(r->call(pair[0], bytes, 20, flags[i].flags), "%s, %s, MSG_%s", r->name, s->name,
              flags[i].name);
        printf("%.24s\n", bytes[0] == '.' ? "untouched" : bytes);
        arrived("left", pair[0]);
        finish(pair);
    }
}

static void read_interrupted(const struct named *r, const struct state *s)
{
    char bytes[64];
    int pair[2];
    s->make(pair);
    ltp_handle(SIGALRM, 0);
    ltp_alarm_in(3);
    CHECK(r->call(pair[0], bytes, sizeof bytes, 0), "%s, %s, interrupted", r->name, s->name);
    limit_wait(pair[0], SO_RCVTIMEO, 3000);
    CHECK(r->call(pair[0], bytes, sizeof bytes, 0), "%s, %s, SO_RCVTIMEO", r->name, s->name);
    limit_wait(pair[0], SO_RCVTIMEO, 20000000);
    ltp_handle(SIGALRM, SA_RESTART);
    ltp_alarm_in(2);
    CHECK(r->call(pair[0], bytes, sizeof bytes, 0), "%s, %s, interrupted under SO_RCVTIMEO",
          r->name, s->name);
    if (r->has_flags && s->stream) {
        say(pair[1], "0123456789");
        limit_wait(pair[0], SO_RCVTIMEO, 0);
        ltp_handle(SIGALRM, 0);
        ltp_alarm_in(3);
        CHECK(r->call(pair[0], bytes, sizeof bytes, MSG_WAITALL), "%s, %s, interrupted with a part",
              r->name, s->name);
    }
    finish(pair);
}

static void read_well(const struct named *r, const struct state *s)
{
    char bytes[512];
    int pair[2];
    s->make(pair);
    ltp_nonblock(pair[0], true);
    CHECK(r->call(pair[0], bytes, sizeof bytes, 0), "%s, %s, empty", r->name, s->name);
    CHECK(r->call(pair[0], bytes, 0, 0), "%s, %s, empty, nothing asked", r->name, s->name);
    CHECK(r->call(pair[0], ltp_unmapped, 10, 0), "%s, %s, empty, unmapped", r->name, s->name);
    say(pair[1], ANSWER);
    memset(bytes, 0, sizeof bytes);
    CHECK(r->call(pair[0], bytes, 9, 0), "%s, %s, a part", r->name, s->name);
    printf("%s\n", bytes);
    CHECK(r->call(pair[0], bytes, 0, 0), "%s, %s, nothing asked", r->name, s->name);
    CHECK(r->call(pair[0], bytes, sizeof bytes, 0), "%s, %s, the rest", r->name, s->name);
    printf("%s\n", strtok(bytes, "\r"));
    close(pair[1]);
    usleep(500);
    CHECK(r->call(pair[0], bytes, sizeof bytes, 0), "%s, %s, the end", r->name, s->name);
    CHECK(r->call(pair[0], bytes, sizeof bytes, 0), "%s, %s, behind the end", r->name, s->name);
    close(pair[0]);

    s->make(pair);
    if (s->stream && s->make != unix_stream) {
        ltp_reset(pair[1]);
        usleep(1000);
        for (int i = 0; i < 2; i++)
            CHECK(r->call(pair[0], bytes, sizeof bytes, 0), "%s, %s, reset, %d", r->name, s->name,
                  i);
    } else {
        close(pair[1]);
    }
    close(pair[0]);
    s->make(pair);
    CHECK(shutdown(pair[0], SHUT_RD), "shutdown, %s", s->name);
    ltp_nonblock(pair[0], true);
    CHECK(r->call(pair[0], bytes, sizeof bytes, 0), "%s, %s, shut down", r->name, s->name);
    finish(pair);
}

/* ---- tables of buffers, addresses, control data ---- */

static ssize_t table(bool writes, bool msg, int fd, struct iovec *iov, long nr)
{
    if (!msg)
        return writes ? writev(fd, iov, (int)nr) : readv(fd, iov, (int)nr);
    struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)nr };
    return writes ? sendmsg(fd, &m, MSG_DONTWAIT) : recvmsg(fd, &m, MSG_DONTWAIT);
}

static void tables(bool writes)
{
    static char text[1025][4];
    static struct iovec many[1025];
    for (int i = 0; i < 1025; i++)
        many[i] = (struct iovec){ strcpy(text[i], "ab"), 2 };
    for (int k = 0; states[k].name != NULL; k++) {
        for (int msg = 0; msg < 2; msg++) {
            const char *by = msg ? (writes ? "sendmsg" : "recvmsg") : writes ? "writev" : "readv";
            static const long counts[] = { 0, 1, 24, 25, 30, 31, 1024, 1025, -1, INT32_MIN };
            for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
                int pair[2];
                states[k].make(pair);
                ltp_nonblock(pair[0], true);
                if (!writes)
                    say(pair[1], ANSWER);
                CHECK(table(writes, msg, pair[0], many, counts[i]), "%s, %s, %ld buffers", by,
                      states[k].name, counts[i]);
                arrived("it", pair[writes ? 1 : 0]);
                finish(pair);
            }
            char head[] = ASK;
            struct iovec *at_hole = (struct iovec *)ltp_hole - 1;
            *at_hole = (struct iovec){ head, sizeof ASK - 1 };
            struct iovec good_bad[] = { { head, sizeof ASK - 1 }, { ltp_unmapped, 100 } };
            struct iovec bad_good[] = { { ltp_hole, 100 }, { head, sizeof ASK - 1 } };
            struct iovec negative[] = { { head, sizeof ASK - 1 }, { head, SIZE_MAX } };
            struct iovec too_long[] = { { head, sizeof ASK - 1 }, { ltp_hole - 100, SSIZE_MAX } };
            struct iovec empty_first[] = { { NULL, 0 },
                                           { ltp_unmapped, 0 },
                                           { head, sizeof ASK - 1 } };
            const struct {
                const char *name;
                struct iovec *iov;
                long nr;
            } odd[] = {
                { "table NULL", NULL, 2 },
                { "table unmapped", (struct iovec *)ltp_unmapped, 2 },
                { "table into a hole", at_hole, 2 },
                { "table before a hole", at_hole, 1 },
                { "bad second", good_bad, 2 },
                { "bad first", bad_good, 2 },
                { "negative length", negative, 2 },
                { "lengths beyond SSIZE_MAX", too_long, 2 },
                { "empty first", empty_first, 3 },
            };
            for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
                int pair[2];
                states[k].make(pair);
                ltp_nonblock(pair[0], true);
                if (!writes)
                    say(pair[1], ANSWER);
                CHECK(table(writes, msg, pair[0], ltp_any(odd[i].iov), odd[i].nr), "%s, %s, %s", by,
                      states[k].name, odd[i].name);
                arrived("it", pair[writes ? 1 : 0]);
                finish(pair);
            }
        }
    }
}

static void write_addresses(void)
{
    char room[256] = { AF_INET };
    for (int k = 0; states[k].name != NULL; k++) {
        struct sockaddr_in at = ltp_loopback(9);
        struct sockaddr_in odd = at;
        odd.sin_family = 99;
        const struct {
            const char *name;
            void *address;
            long len;
        } to[] = {
            { "address", &at, sizeof at },     { "short address", &at, 4 },
            { "no bytes of it", &at, 0 },      { "200 bytes of it", room, 200 },
            { "128 bytes of it", room, 128 },  { "129 bytes of it", room, 129 },
            { "-1 bytes of it", &at, -1 },     { "unmapped address", ltp_unmapped, 16 },
            { "family 99", &odd, sizeof odd }, { "NULL, 16 bytes", NULL, 16 },
        };
        for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
            int pair[2];
            states[k].make(pair);
            CHECK(sendto(pair[0], ASK, sizeof ASK - 1, MSG_NOSIGNAL, ltp_any(to[i].address),
                         (socklen_t)to[i].len),
                  "sendto, %s, %s", states[k].name, to[i].name);
            arrived("it", pair[1]);
            struct iovec iov = { ASK, sizeof ASK - 1 };
            struct msghdr m = { .msg_name = ltp_any(to[i].address),
                                .msg_namelen = (socklen_t)to[i].len,
                                .msg_iov = &iov,
                                .msg_iovlen = 1 };
            CHECK(sendmsg(pair[0], &m, MSG_NOSIGNAL), "sendmsg, %s, %s", states[k].name,
                  to[i].name);
            arrived("it", pair[1]);
            finish(pair);
        }
        int pair[2];
        states[k].make(pair);
        ltp_nonblock(pair[0], true);
        struct iovec iov = { ASK, sizeof ASK - 1 };
        struct msghdr m = {
            .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ltp_unmapped, .msg_controllen = 32
        };
        CHECK(sendmsg(pair[0], &m, MSG_NOSIGNAL), "sendmsg, %s, control unmapped", states[k].name);
        m.msg_control = room;
        CHECK(sendmsg(pair[0], &m, MSG_NOSIGNAL), "sendmsg, %s, control garbage", states[k].name);
        CHECK(sendmsg(pair[0], ltp_any(NULL), 0), "sendmsg, %s, NULL", states[k].name);
        CHECK(sendmsg(pair[0], ltp_any(ltp_hole), 0), "sendmsg, %s, PROT_NONE", states[k].name);
        CHECK(sendmsg(pair[0], ltp_any(ltp_hole - 24), 0), "sendmsg, %s, into a hole",
              states[k].name);
        CHECK(sendmmsg(pair[0], ltp_any(NULL), 1, 0), "sendmmsg, %s, NULL", states[k].name);
        CHECK(sendmmsg(pair[0], ltp_any(NULL), 0, 0), "sendmmsg, %s, none", states[k].name);
        arrived("it", pair[1]);
        finish(pair);
    }
}

static void read_addresses(void)
{
    for (int k = 0; states[k].name != NULL; k++) {
        char bytes[100];
        int pair[2];
        struct sockaddr_storage from;
        socklen_t len;
        states[k].make(pair);
        ltp_nonblock(pair[0], true);
#define FROM(what, address, room, length) \
    do { \
        say(pair[1], "0123456789"); \
        memset(&from, 0, sizeof from); \
        len = room; \
        CHECK(recvfrom(pair[0], bytes, sizeof bytes, 0, ltp_any(address), ltp_any(length)), \
              "recvfrom, %s, %s", states[k].name, what); \
        printf("length %d, family %d\n", (int)len, from.ss_family); \
    } while (0)
        FROM("address", &from, sizeof from, &len);
        FROM("no room", &from, 0, &len);
        FROM("little room", &from, 1, &len);
        FROM("negative room", &from, (socklen_t)-1, &len);
        FROM("no length", &from, 0, NULL);
        FROM("unmapped", ltp_unmapped, 16, &len);
        FROM("length unmapped", &from, 16, ltp_unmapped);
        FROM("length read only", &from, 16, ltp_constant);
#undef FROM
        arrived("left", pair[0]);
        struct iovec iov = { bytes, sizeof bytes };
        struct msghdr m = {
            .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1
        };
        say(pair[1], "0123456789");
        CHECK(recvmsg(pair[0], &m, 0), "recvmsg, %s", states[k].name);
        printf("name %d, control %d, flags %x\n", (int)m.msg_namelen, (int)m.msg_controllen,
               (unsigned)m.msg_flags);
        m.msg_control = ltp_unmapped;
        m.msg_controllen = 64;
        say(pair[1], "0123456789");
        CHECK(recvmsg(pair[0], &m, 0), "recvmsg, %s, control unmapped", states[k].name);
        printf("name %d, control %d, flags %x\n", (int)m.msg_namelen, (int)m.msg_controllen,
               (unsigned)m.msg_flags);
        CHECK(recvmsg(pair[0], ltp_any(NULL), 0), "recvmsg, %s, NULL", states[k].name);
        CHECK(recvmsg(pair[0], ltp_any(ltp_hole), 0), "recvmsg, %s, PROT_NONE", states[k].name);
        CHECK(recvmsg(pair[0], ltp_any(ltp_constant), 0), "recvmsg, %s, read only", states[k].name);
        CHECK(recvmmsg(pair[0], ltp_any(NULL), 1, 0, NULL), "recvmmsg, %s, NULL", states[k].name);
        CHECK(recvmmsg(pair[0], ltp_any(NULL), 0, 0, NULL), "recvmmsg, %s, none", states[k].name);
        struct mmsghdr one = { .msg_hdr = m };
        one.msg_hdr.msg_control = NULL;
        one.msg_hdr.msg_controllen = 0;
        CHECK(recvmmsg(pair[0], &one, 1, MSG_DONTWAIT, ltp_any(ltp_unmapped)),
              "recvmmsg, %s, time unmapped", states[k].name);
        struct timespec odd = { 0, -1 };
        CHECK(recvmmsg(pair[0], &one, 1, MSG_DONTWAIT, &odd), "recvmmsg, %s, time odd",
              states[k].name);
        finish(pair);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    ltp_begin();
    ltp_memory();
    if (argc > 2)
        ltp_descriptors_from(atoi(argv[2]));
    bool writes = strcmp(argv[1], "write") == 0;
    const struct named *list = writes ? writers : readers;
    ltp_handle(SIGPIPE, 0);
    on_kinds(list);
    for (const struct named *by = list; by->name != NULL; by++) {
        /* With other numbers it is the descriptor that counts: two names of the call will do. */
        if (ltp_base != 0 && by != list && strcmp(by->name, writes ? "sendmsg" : "recvmsg") != 0)
            continue;
        for (const struct state *s = states; s->name != NULL; s++) {
            (writes ? write_well : read_well)(by, s);
            (writes ? write_bad_memory : read_bad_memory)(by, s);
            (writes ? write_flags : read_flags)(by, s);
            (writes ? write_interrupted : read_interrupted)(by, s);
            if (writes) {
                write_to_the_gone(by, s);
                write_too_much(by, s);
            }
        }
    }
    tables(writes);
    (writes ? write_addresses : read_addresses)();
    printf("end\n");
    return 0;
}
