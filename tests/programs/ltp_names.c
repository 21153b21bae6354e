/*
 * Name lookups by all names and in every condition, and the calls after which a process may do less,
 * where they fail: ltp_names dns|confine. See ltp.h.
 */
#include "ltp.h"

#include <linux/seccomp.h>
#include <netdb.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ltp_talk.h"

int capset(void *header, const void *data);

/* ---- lookups ---- */

static void told_list(struct addrinfo *list)
{
    char text[100];
    for (; list != NULL; list = list->ai_next) {
        int r = getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, NULL, 0,
                            NI_NUMERICHOST);
        printf("  family %d, type %d, protocol %d, %s, %s\n", list->ai_family, list->ai_socktype,
               list->ai_protocol, r == 0 ? text : "?",
               list->ai_canonname != NULL ? list->ai_canonname : "-");
    }
}

static void lists(void)
{
    static char long_name[2000];
    memset(long_name, 'a', sizeof long_name - 1);
    static const struct addrinfo v4 = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    static const struct {
        const char *host, *service;
        struct addrinfo hints;
    } asked[] = {
        { "localhost", NULL, { .ai_family = AF_INET } },
        { "localhost", "80", { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM } },
        { "localhost", "http", { .ai_family = AF_INET, .ai_flags = AI_CANONNAME } },
        { "localhost", "no-such-service", { .ai_family = AF_INET } },
        { "localhost", "99999", { .ai_family = AF_INET, .ai_flags = AI_NUMERICSERV } },
        { "localhost", "http", { .ai_family = AF_INET, .ai_flags = AI_NUMERICSERV } },
        { "localhost", NULL, { .ai_family = 99 } },
        { "localhost", NULL, { .ai_family = AF_INET, .ai_socktype = 77 } },
        { "localhost", NULL, { .ai_family = AF_INET, .ai_flags = 0x40000000 } },
        { "localhost", NULL, { .ai_family = AF_INET, .ai_flags = AI_NUMERICHOST } },
        { "127.0.0.1", NULL, { .ai_family = AF_INET6 } },
        { "127.0.0.1", "1", { .ai_family = AF_INET6, .ai_flags = AI_V4MAPPED } },
        { "127.1", "1", { .ai_family = AF_INET } },
        { "::1", "1", { .ai_family = AF_UNSPEC, .ai_flags = AI_NUMERICHOST } },
        { "::1%lo", "1", { .ai_family = AF_INET6 } },
        { "fe80::1%nothing", "1", { .ai_family = AF_INET6 } },
        { NULL, "80", { .ai_family = AF_INET, .ai_flags = AI_PASSIVE } },
        { NULL, "80", { .ai_family = AF_INET } },
        { NULL, NULL, { .ai_family = AF_INET } },
        { NULL, "80", { .ai_family = AF_INET, .ai_flags = AI_CANONNAME } },
        { "", "80", { .ai_family = AF_INET } },
        { "a..b", NULL, { .ai_family = AF_INET } },
        { "-", NULL, { .ai_family = AF_INET } },
        { "a b", NULL, { .ai_family = AF_INET } },
        { long_name, NULL, { .ai_family = AF_INET } },
    };
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct addrinfo *list = ltp_any(NULL);
        CHECK(getaddrinfo(asked[i].host, asked[i].service, &asked[i].hints, &list),
              "getaddrinfo, %zu", i);
        told_list(list);
        if (list != NULL)
            freeaddrinfo(list);
    }
    struct addrinfo *list = NULL;
    CHECK(getaddrinfo("127.0.0.1", "5", NULL, &list), "getaddrinfo, no hints");
    told_list(list);
    CHECK(getaddrinfo("localhost", "5", &v4, &list), "getaddrinfo, localhost");
    told_list(list);
}

static void names(void)
{
    struct sockaddr_storage room = { .ss_family = AF_INET };
    struct sockaddr_in at = ltp_loopback(80);
    struct sockaddr *sa = (struct sockaddr *)&at;
    char host[200], service[50];
    static const int flags[] = { 0,        NI_NUMERICHOST, NI_NAMEREQD, NI_NOFQDN,
                                 NI_DGRAM, NI_NUMERICSERV, 0x4000 };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        memset(host, 0, sizeof host);
        memset(service, 0, sizeof service);
        CHECK(getnameinfo(sa, sizeof at, host, sizeof host, service, sizeof service, flags[i]),
              "getnameinfo, %x", (unsigned)flags[i]);
        printf("  %s %s\n", host, service);
    }
    CHECK(getnameinfo(sa, sizeof at, host, 3, NULL, 0, 0), "getnameinfo, little room");
    CHECK(getnameinfo(sa, sizeof at, host, 0, NULL, 0, 0), "getnameinfo, no room");
    CHECK(getnameinfo(sa, sizeof at, NULL, 0, NULL, 0, 0), "getnameinfo, nothing asked");
    CHECK(getnameinfo(sa, sizeof at, NULL, 0, NULL, 0, NI_NAMEREQD),
          "getnameinfo, nothing asked but the name");
    CHECK(getnameinfo(sa, sizeof at, NULL, 0, service, 1, 0),
          "getnameinfo, little room for the service");
    CHECK(getnameinfo(sa, 3, host, sizeof host, NULL, 0, 0), "getnameinfo, 3 bytes");
    CHECK(getnameinfo(sa, 0, host, sizeof host, NULL, 0, 0), "getnameinfo, no bytes");
    room.ss_family = 99;
    CHECK(getnameinfo((struct sockaddr *)&room, sizeof room, host, sizeof host, NULL, 0, 0),
          "getnameinfo, family 99");
    room.ss_family = AF_INET6;
    CHECK(getnameinfo((struct sockaddr *)&room, 16, host, sizeof host, NULL, 0, 0),
          "getnameinfo, short");
    CHECK(getnameinfo(ltp_any(NULL), 0, host, sizeof host, NULL, 0, 0), "getnameinfo, NULL");
}

static void told_host(const char *what, const struct hostent *h)
{
    printf("%s: %s, h_errno %d, errno %s\n", what, h != NULL ? h->h_name : "none", h_errno,
           ltp_errno(errno));
    for (int i = 0; h != NULL && h->h_addr_list[i] != NULL; i++)
        printf("  %d bytes, first %d\n", h->h_length, (unsigned char)h->h_addr_list[i][0]);
}

#define HOST(what, call) \
    do { \
        errno = LTP_KEPT; \
        h_errno = 77; \
        struct hostent *h_ = (call); \
        told_host(what, h_); \
    } while (0)

static void hosts(void)
{
    static const unsigned char loopback[4] = { 127, 0, 0, 1 };
    HOST("gethostbyname, localhost", gethostbyname("localhost"));
    HOST("gethostbyname, numeric", gethostbyname("127.0.0.9"));
    HOST("gethostbyname, short numeric", gethostbyname("127.9"));
    HOST("gethostbyname, IPv6", gethostbyname("::1"));
    HOST("gethostbyname, nothing", gethostbyname(""));
    HOST("gethostbyname, a..b", gethostbyname("a..b"));
    HOST("gethostbyname, odd", gethostbyname("a b"));
    HOST("gethostbyname2, IPv4", gethostbyname2("localhost", AF_INET));
    HOST("gethostbyname2, numeric for IPv6", gethostbyname2("127.0.0.1", AF_INET6));
    HOST("gethostbyname2, family 99", gethostbyname2("localhost", 99));
    HOST("gethostbyaddr", gethostbyaddr(loopback, 4, AF_INET));
    HOST("gethostbyaddr, 3 bytes", gethostbyaddr(loopback, 3, AF_INET));
    HOST("gethostbyaddr, family 99", gethostbyaddr(loopback, 4, 99));
    HOST("gethostbyaddr, no bytes", gethostbyaddr(loopback, 0, AF_INET));
    for (size_t size = 0; size <= 1024; size = size == 0 ? 16 : size * 8) {
        struct hostent entry, *found = ltp_any(&entry);
        char *buffer = malloc(size + 1);
        int error = 77;
        CHECK(gethostbyname_r("localhost", &entry, buffer, size, &found, &error),
              "gethostbyname_r, %zu bytes", size);
        printf("  found %d, error %d\n", found != NULL, error);
        CHECK(gethostbyname2_r("localhost", AF_INET, &entry, buffer, size, &found, &error),
              "gethostbyname2_r, %zu bytes", size);
        printf("  found %d, error %d\n", found != NULL, error);
        CHECK(gethostbyaddr_r(loopback, 4, AF_INET, &entry, buffer, size, &found, &error),
              "gethostbyaddr_r, %zu bytes", size);
        printf("  found %d, error %d\n", found != NULL, error);
        free(buffer);
    }
}

/* ---- fewer rights: refused, so all goes on ---- */

#define REFUSED(call, what) \
    do { \
        CHECK(call, "%s", what); \
        printf("  talk %d\n", talk()); \
    } while (0)

static void refused(void)
{
    REFUSED(unshare(0x7), "unshare, odd flags");
    REFUSED(unshare(0), "unshare, nothing");
    REFUSED(setns(-1, 0), "setns, -1");
    REFUSED(setns(0, CLONE_NEWNET), "setns, no namespace");
    REFUSED(chroot("/nowhere"), "chroot, not there");
    REFUSED(chroot("/etc/hostname"), "chroot, a file");
    REFUSED(chroot(ltp_any(NULL)), "chroot, NULL");
    REFUSED(chroot(ltp_any(ltp_unmapped)), "chroot, unmapped");
    REFUSED(capset(ltp_any(NULL), NULL), "capset, NULL");
    REFUSED(capset(ltp_any(ltp_unmapped), ltp_unmapped), "capset, unmapped");
    REFUSED(prctl(9999, 1, 2, 3, 4), "prctl, odd");
    REFUSED(prctl(PR_SET_NAME, ltp_unmapped), "prctl, name unmapped");
    REFUSED(prctl(PR_SET_NAME, "ltp"), "prctl, name");
    REFUSED(prctl(PR_GET_SECCOMP), "prctl, PR_GET_SECCOMP");
    REFUSED(prctl(PR_SET_SECCOMP, 99, 0, 0, 0), "prctl, seccomp 99");
    REFUSED(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0, 0, 0), "prctl, filter NULL");
    REFUSED(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ltp_unmapped, 0, 0),
            "prctl, filter unmapped");
    REFUSED(syscall(-1), "syscall, -1");
    REFUSED(syscall(100000), "syscall, 100000");
    REFUSED(syscall(SYS_unshare, 0x7), "syscall, unshare, odd flags");
    REFUSED(syscall(SYS_setns, -1, 0), "syscall, setns, -1");
    REFUSED(syscall(SYS_chroot, "/nowhere"), "syscall, chroot, not there");
    REFUSED(syscall(SYS_capset, NULL, NULL), "syscall, capset, NULL");
    REFUSED(syscall(SYS_landlock_restrict_self, -1, 0), "syscall, landlock, -1");
    REFUSED(syscall(SYS_seccomp, 99, 0, NULL), "syscall, seccomp 99");
    REFUSED(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, ltp_unmapped),
            "syscall, seccomp, filter unmapped");
    REFUSED(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL),
            "syscall, seccomp, strict with a flag");
    REFUSED(syscall(SYS_prctl, PR_SET_SECCOMP, 99, 0, 0, 0), "syscall, prctl, seccomp 99");
    REFUSED(syscall(SYS_read, -1, NULL, 0), "syscall, read");
    REFUSED(syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L) > 0,
            "syscall, six arguments");
    REFUSED(syscall(SYS_futex, NULL, 0, 0, NULL, NULL, 0), "syscall, futex NULL");
    REFUSED(syscall(SYS_getpid) == getpid(), "syscall, getpid");
}

int main(int argc, char **argv)
{
    ltp_begin();
    ltp_memory();
    if (argc < 2)
        return 2;
    if (strcmp(argv[1], "dns") == 0) {
        lists();
        names();
        hosts();
    } else {
        refused();
    }
    printf("end\n");
    return 0;
}
