/*
 * Descriptors: doubled, closed one by one and by ranges, passed on, used again for something else,
 * by all names and in every condition: ltp_fds [lowest descriptor]. See ltp.h.
 */
#include "ltp.h"

#include <linux/close_range.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int __dup2(int, int);
int __close(int);
int __fcntl(int, int, ...);
int __dprintf_chk(int, int, const char *, ...);
int __vdprintf_chk(int, int, const char *, va_list);

#define ASK "GET /ltp HTTP/1.1\r\nHost: ltp.test\r\n\r\n"

/* A connection that has a request under way: what is kept of it is to go with it. */
static void asked(int pair[2])
{
    char text[512];
    ltp_tcp(pair);
    NEED(write(pair[0], ASK, sizeof ASK - 1) == sizeof ASK - 1 &&
         read(pair[1], text, sizeof text) > 0);
}

/* Whether the other end sees that it is over. */
static const char *over(int fd)
{
    char byte;
    usleep(300);
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return n == 0 ? "over" : n < 0 && errno == EAGAIN ? "open" : "odd";
}

/* ---- copies ---- */

typedef int copy(int from, int to);

static int by_dup2(int from, int to)
{
    return dup2(from, to);
}
static int by___dup2(int from, int to)
{
    return __dup2(from, to);
}
static int by_dup3(int from, int to)
{
    return dup3(from, to, O_CLOEXEC);
}
static int by_fcntl(int from, int to)
{
    return fcntl(from, F_DUPFD, to);
}
static int by___fcntl(int from, int to)
{
    return __fcntl(from, F_DUPFD_CLOEXEC, to);
}
static int by_fcntl64(int from, int to)
{
    return fcntl64(from, F_DUPFD_CLOEXEC, to);
}

static const struct {
    const char *name;
    copy *call;
} copies[] = { { "dup2", by_dup2 },
               { "__dup2", by___dup2 },
               { "dup3", by_dup3 },
               { "fcntl", by_fcntl },
               { "__fcntl", by___fcntl },
               { "fcntl64", by_fcntl64 },
               { 0 } };

static void copied(void)
{
    for (int i = 0; copies[i].name != NULL; i++) {
        const char *by = copies[i].name;
        int one[2], two[2], r = -1;
        asked(one);
        asked(two);
        int free_fd = ltp_base + 700;
        CHECK(copies[i].call(-1, free_fd), "%s, from -1", by);
        CHECK(copies[i].call(free_fd + 5, free_fd), "%s, from a closed one", by);
        CHECK(copies[i].call(INT32_MAX, free_fd), "%s, from INT_MAX", by);
        CHECK(copies[i].call(one[0], -1), "%s, to -1", by);
        CHECK(copies[i].call(one[0], INT32_MAX), "%s, to INT_MAX", by);
        CHECK((r = copies[i].call(one[0], free_fd)), "%s, to a free one", by);
        close(one[0]);
        printf("one %s\n", over(one[1]));
        CHECK(send(r, ASK, sizeof ASK - 1, 0), "%s, send by the copy", by);
        NEED(recv(one[1], (char[500]){ 0 }, 500, 0) > 0);
        CHECK(copies[i].call(r, r) == r, "%s, to itself", by);
        printf("one %s\n", over(one[1]));
        if (i < 3) {
            CHECK(copies[i].call(two[0], r) == r, "%s, over another", by);
            printf("one %s, two %s\n", over(one[1]), over(two[1]));
            CHECK(send(r, ASK, sizeof ASK - 1, 0), "%s, send by what it is now", by);
            NEED(recv(two[1], (char[500]){ 0 }, 500, 0) > 0);
            int file = memfd_create("ltp", 0);
            CHECK(copies[i].call(file, r) == r, "%s, a file over it", by);
            CHECK(write(r, ASK, sizeof ASK - 1), "%s, write to the file", by);
            CHECK(lseek(r, 0, SEEK_END), "%s, its size", by);
            close(file);
        }
        CHECK(close(r), "%s, close", by);
        close_range((unsigned)free_fd, (unsigned)free_fd + 5, 0); /* the copies of fcntl */
        close(two[0]);
        printf("one %s, two %s\n", over(one[1]), over(two[1]));
        close(one[1]);
        close(two[1]);
    }
    int pair[2], r;
    asked(pair);
    CHECK(dup3(pair[0], pair[0], 0), "dup3, to itself");
    CHECK(dup3(pair[0], 400, 0x55), "dup3, odd flags");
    CHECK(dup(-1), "dup, -1");
    CHECK((r = dup(pair[0])) > 2, "dup");
    close(pair[0]);
    printf("%s\n", over(pair[1]));
    CHECK(__close(r), "__close");
    printf("%s\n", over(pair[1]));
    close(pair[1]);
}

static void commands(void)
{
    int pair[2];
    asked(pair);
    int fd = pair[0], file = memfd_create("ltp", MFD_ALLOW_SEALING);
    CHECK(fcntl(fd, F_GETFD), "F_GETFD");
    CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC), "F_SETFD");
    CHECK(fcntl(fd, F_GETFD), "F_GETFD");
    CHECK(fcntl64(fd, F_GETFL), "F_GETFL");
    CHECK(__fcntl(fd, F_SETFL, O_NONBLOCK), "F_SETFL");
    CHECK(fcntl(fd, F_GETFL), "F_GETFL");
    CHECK(fcntl(fd, F_SETOWN, getpid()), "F_SETOWN");
    CHECK(fcntl(fd, F_GETOWN) == getpid(), "F_GETOWN");
    CHECK(fcntl(fd, F_GETOWN_EX, ltp_any(ltp_unmapped)), "F_GETOWN_EX, unmapped");
    CHECK(fcntl(fd, 9999), "an odd command");
    CHECK(fcntl(-1, F_GETFD), "F_GETFD, -1");
    CHECK(fcntl(fd, F_GETLK, ltp_any(ltp_unmapped)), "F_GETLK, unmapped");
    CHECK(fcntl(fd, F_SETLK, &(struct flock){ .l_type = 77 }), "F_SETLK, odd type");
    CHECK(fcntl(file, F_SETLK, &(struct flock){ .l_type = F_WRLCK }), "F_SETLK");
    CHECK(fcntl(file, F_OFD_SETLK, &(struct flock){ .l_type = F_WRLCK }), "F_OFD_SETLK");
    CHECK(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), "F_ADD_SEALS");
    CHECK(fcntl(file, F_GET_SEALS), "F_GET_SEALS");
    CHECK(fcntl(fd, F_GETPIPE_SZ), "F_GETPIPE_SZ");
    close(file);
    close(pair[0]);
    close(pair[1]);
}

/* ---- closes ---- */

static void closed(void)
{
    CHECK(close(-1), "close, -1");
    CHECK(close(INT32_MAX), "close, INT_MAX");
    CHECK(close(INT32_MIN), "close, INT_MIN");
    CHECK(__close(-1), "__close, -1");
    CHECK(close_range(5, 4, 0), "close_range, from 5 to 4");
    CHECK(close_range(400, 500, 0x100), "close_range, odd flags");
    for (int way = 0; way < 7; way++) {
        static const char *const ways[] = { "close, twice",         "close_range",
                                            "close_range, CLOEXEC", "closefrom",
                                            "shutdown, then close", "fclose",
                                            "the kernel's close" };
        int pair[2];
        asked(pair);
        int fd = dup2(pair[0], ltp_base + 800);
        NEED(fd > 0);
        close(pair[0]);
        switch (way) {
        case 0:
            CHECK(close(fd), "%s", ways[way]);
            CHECK(close(fd), "%s", ways[way]);
            break;
        case 1: CHECK(close_range((unsigned)fd, (unsigned)fd + 3, 0), "%s", ways[way]); break;
        case 2:
            CHECK(close_range((unsigned)fd, (unsigned)fd, CLOSE_RANGE_CLOEXEC), "%s", ways[way]);
            printf("%s, flags %x\n", over(pair[1]), (unsigned)fcntl(fd, F_GETFD));
            CHECK(send(fd, ASK, sizeof ASK - 1, MSG_NOSIGNAL), "%s, send", ways[way]);
            close(fd);
            break;
        case 3: closefrom(fd); break;
        case 4:
            CHECK(shutdown(fd, SHUT_RDWR), "%s", ways[way]);
            printf("%s\n", over(pair[1]));
            close(fd);
            break;
        case 5: CHECK(fclose(fdopen(fd, "r+")), "%s", ways[way]); break;
        default: CHECK(syscall(SYS_close, fd), "%s", ways[way]); break;
        }
        printf("%s: %s\n", ways[way], over(pair[1]));
        close(pair[1]);
        /* The number is a file's now: what looks like a request stays as it is. */
        int file = memfd_create("ltp", 0), at = dup2(file, fd);
        close(file);
        if (way == 6) { /* nobody has told that it is another one */
            syscall(SYS_close, at);
            file = (int)syscall(SYS_memfd_create, "ltp", 0);
            NEED(syscall(SYS_dup2, file, fd) == fd);
            syscall(SYS_close, file);
        }
        CHECK(write(fd, ASK, sizeof ASK - 1), "%s, write to a file of its number", ways[way]);
        CHECK(lseek(fd, 0, SEEK_END), "%s, size", ways[way]);
        close(fd);
    }
    /* The number of a connection that the kernel has closed behind our back. */
    int pair[2], text_size;
    char text[200] = "";
    asked(pair);
    syscall(SYS_close, pair[0]);
    int file = (int)syscall(SYS_memfd_create, "ltp", 0);
    if (file != pair[0])
        NEED(syscall(SYS_dup2, file, pair[0]) == pair[0]);
    CHECK(write(pair[0], ASK, sizeof ASK - 1), "write, the connection has become a file");
    text_size = (int)pread(pair[0], text, sizeof text, 0);
    printf("%d bytes, the same %d\n", text_size, memcmp(text, ASK, sizeof ASK - 1) == 0);
    close(pair[0]);
    close(pair[1]);
    pid_t child = fork();
    if (child == 0) {
        asked(pair);
        CHECK(close_range(3, ~0U, CLOSE_RANGE_UNSHARE), "close_range, all, UNSHARE");
        CHECK(write(pair[0], ASK, 3), "write, after that");
        _exit(0);
    }
    NEED(waitpid(child, NULL, 0) == child);
}

/* ---- stdio on descriptors ---- */

static int listed(int (*print)(int, const char *, va_list), int fd, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = print(fd, format, args);
    va_end(args);
    return r;
}
static int checked(int fd, const char *format, va_list args)
{
    return __vdprintf_chk(fd, 1, format, args);
}

static void streams(void)
{
    int pair[2];
    char text[300];
    static const char *const modes[] = { "r", "w", "r+", "a", "x", "" };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        asked(pair);
        errno = LTP_KEPT;
        FILE *f = fdopen(pair[0], modes[i]);
        printf("fdopen \"%s\": %d %s\n", modes[i], f != NULL, ltp_errno(errno));
        if (f != NULL) {
            CHECK(fputs(ASK, f) >= 0 && fflush(f) == 0, "fputs");
            CHECK(recv(pair[1], text, sizeof text, MSG_DONTWAIT), "recv");
            CHECK(fclose(f), "fclose");
        } else {
            close(pair[0]);
        }
        printf("%s\n", over(pair[1]));
        close(pair[1]);
    }
    errno = LTP_KEPT;
    printf("fdopen of -1: %d", fdopen(-1, "r") != NULL);
    printf(" %s\n", ltp_errno(errno));
    int bad[] = { -1, ltp_base + 900, open("/dev/null", O_RDONLY) };
    for (int i = 0; i < 3; i++) {
        CHECK(dprintf(bad[i], "%s", ASK), "dprintf, %d", i);
        CHECK(__dprintf_chk(bad[i], 1, "%s", ASK), "__dprintf_chk, %d", i);
        CHECK(listed(vdprintf, bad[i], "%s", ASK), "vdprintf, %d", i);
        CHECK(listed(checked, bad[i], "%s", ASK), "__vdprintf_chk, %d", i);
    }
    close(bad[2]);
    asked(pair);
    ltp_pipes = 0;
    CHECK(dprintf(pair[0], "%s%d", ASK, 7), "dprintf");
    CHECK(recv(pair[1], text, sizeof text, 0), "recv");
    CHECK(dprintf(pair[0], "%s", ""), "dprintf, nothing");
    ltp_reset(pair[1]);
    usleep(500);
    CHECK(dprintf(pair[0], "%s", ASK), "dprintf, reset");
    CHECK(dprintf(pair[0], "%s", ASK), "dprintf, reset before");
    printf("%d SIGPIPE\n", (int)ltp_pipes);
    close(pair[0]);
}

/* ---- passed on ---- */

static ssize_t pass(int over_fd, const int *fds, int n)
{
    char room[CMSG_SPACE(4 * sizeof(int))] = "";
    struct iovec iov = { "x", 1 };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room };
    m.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
    memcpy(CMSG_DATA(h), fds, (size_t)n * sizeof(int));
    return sendmsg(over_fd, &m, 0);
}

static ssize_t take(int over_fd, int *fd, size_t room_len)
{
    char room[CMSG_SPACE(4 * sizeof(int))] = "", byte;
    struct iovec iov = { &byte, 1 };
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = room_len
    };
    ssize_t n = recvmsg(over_fd, &m, MSG_CMSG_CLOEXEC);
    int error = errno;
    struct cmsghdr *h = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
    *fd = -1;
    if (h != NULL && h->cmsg_len >= CMSG_LEN(sizeof(int)))
        memcpy(fd, CMSG_DATA(h), sizeof *fd);
    printf("control %d, flags %x, one %d\n", (int)m.msg_controllen, (unsigned)m.msg_flags,
           *fd >= 0);
    errno = error;
    return n;
}

static void passed(void)
{
    int way[2], pair[2], got;
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, way) == 0);
    asked(pair);
    CHECK(pass(way[0], pair, 2), "pass");
    CHECK(take(way[1], &got, CMSG_SPACE(2 * sizeof(int))), "take");
    close(pair[0]);
    printf("%s\n", over(pair[1]));
    CHECK(send(got, ASK, sizeof ASK - 1, MSG_NOSIGNAL), "send by it");
    close_range((unsigned)got, (unsigned)got + 1, 0);
    CHECK(pass(way[0], pair + 1, 1), "pass");
    CHECK(take(way[1], &got, 0), "take, no room");
    CHECK(pass(way[0], pair + 1, 1), "pass");
    struct rlimit limit, none;
    NEED(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    none = limit;
    none.rlim_cur = 0;
    NEED(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK(take(way[1], &got, CMSG_SPACE(sizeof(int))), "take, none left");
    CHECK(dup(0), "dup, none left");
    CHECK(dup2(0, 5), "dup2, none left");
    CHECK(dup3(0, 5, 0), "dup3, none left");
    CHECK(fcntl(0, F_DUPFD, 0), "F_DUPFD, none left");
    NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(pass(way[0], &(int){ 950 }, 1), "pass, a closed one");
    close(way[0]);
    close(way[1]);
}

int main(int argc, char **argv)
{
    ltp_begin();
    ltp_memory();
    ltp_descriptors_from(argc > 1 ? atoi(argv[1]) : 0);
    ltp_handle(SIGPIPE, 0);
    copied();
    commands();
    closed();
    streams();
    passed();
    printf("end\n");
    return 0;
}
