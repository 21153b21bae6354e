/*
 * Threads and signals in the middle of calls: ltp_threads WHAT
 *
 *     cancel     each cancellation point, cancelled while it waits, before, and asynchronously
 *     pending    calls that are no cancellation points, with a cancellation pending
 *     jumps      siglongjmp out of a handler that has interrupted a call
 *     storm      the same at any instruction of calls that handlers may interrupt
 *     forks      handlers that fork, at any instruction of a fork
 *     atfork     the network, and further processes, in handlers of pthread_atfork
 *     longjmp    calls left by each of longjmp's names
 *     stacks     handlers on a small stack of their own, small threads
 *
 * See ltp.h.
 */
#include "ltp.h"

#include <dlfcn.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

#define ASK "GET /ltp HTTP/1.1\r\nHost: ltp.test\r\n\r\n"
#define ANSWER "HTTP/1.1 204 No Content\r\n\r\n"

/* ---- what a call waits for: none of it ever comes ---- */

static int quiet[2], full[2], listener, epoll_set, lock_file, ends[2];
static struct sockaddr_in nobody_accepts;
static pid_t sleeper;
static sem_t semaphore;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static char bytes[4096];
static struct iovec vec = { bytes, sizeof bytes };
static struct msghdr message = { .msg_iov = &vec, .msg_iovlen = 1 };
static struct mmsghdr messages = { .msg_hdr = { .msg_iov = &vec, .msg_iovlen = 1 } };

static void fill(int fd)
{
    ltp_nonblock(fd, true);
    for (int i = 0; i < 3; i++) {
        while (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0)
            ;
        usleep(500);
    }
    ltp_nonblock(fd, false);
}

static void set_up(void)
{
    int size = 1 << 14;
    ltp_tcp(quiet);
    ltp_tcp(full);
    setsockopt(full[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(full[1], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    fill(full[0]);
    listener = ltp_listener(4);
    int crowded = ltp_listener(0);
    nobody_accepts = ltp_name(crowded);
    for (int i = 0; i < 4; i++)
        connect(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), (struct sockaddr *)&nobody_accepts,
                sizeof nobody_accepts);
    struct epoll_event event = { .events = EPOLLIN };
    epoll_set = epoll_create1(0);
    NEED(epoll_ctl(epoll_set, EPOLL_CTL_ADD, quiet[0], &event) == 0);
    NEED(pipe(ends) == 0);
    lock_file = memfd_create("lock", 0);
    sem_init(&semaphore, 0, 0);
    int ready[2];
    char byte;
    NEED(pipe(ready) == 0);
    sleeper = fork();
    if (sleeper == 0) {
        struct flock whole = { .l_type = F_WRLCK };
        NEED(fcntl(lock_file, F_SETLK, &whole) == 0 && write(ready[1], "x", 1) == 1);
        for (;;)
            pause();
    }
    NEED(sleeper > 0 && read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
}

/* A request and its answer, on a connection of their own. */
static bool talks(void)
{
    char text[512];
    struct sockaddr_in at = ltp_name(listener);
    int client = socket(AF_INET, SOCK_STREAM, 0), server;
    if (client < 0 || connect(client, (struct sockaddr *)&at, sizeof at) != 0)
        return false;
    server = accept(listener, NULL, NULL);
    bool good = server >= 0 && write(client, ASK, sizeof ASK - 1) == sizeof ASK - 1;
    ssize_t n = good ? read(server, text, sizeof text) : -1;
    good = good && n > 4 && memcmp(text + n - 4, "\r\n\r\n", 4) == 0;
    good = good && write(server, ANSWER, sizeof ANSWER - 1) == sizeof ANSWER - 1;
    good = good && read(client, text, sizeof text) == sizeof ANSWER - 1;
    close(client);
    close(server);
    return good;
}

static struct timespec far(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_sec += 100;
    return t;
}

/* Each waits for ever. */
#define WAITS(X) \
    X(read, read(quiet[0], bytes, 100)) \
    X(readv, readv(quiet[0], &vec, 1)) \
    X(recv, recv(quiet[0], bytes, 100, 0)) \
    X(recvfrom, recvfrom(quiet[0], bytes, 100, 0, NULL, NULL)) \
    X(recvmsg, recvmsg(quiet[0], &message, 0)) \
    X(recvmmsg, recvmmsg(quiet[0], &messages, 1, 0, NULL)) \
    X(write, write(full[0], bytes, sizeof bytes)) \
    X(writev, writev(full[0], &vec, 1)) \
    X(send, send(full[0], bytes, sizeof bytes, 0)) \
    X(sendto, sendto(full[0], bytes, sizeof bytes, 0, NULL, 0)) \
    X(sendmsg, sendmsg(full[0], &message, 0)) \
    X(sendmmsg, sendmmsg(full[0], &messages, 1, 0)) \
    X(accept, accept(listener, NULL, NULL)) \
    X(accept4, accept4(listener, NULL, NULL, 0)) \
    X(connect, connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&nobody_accepts, \
                       sizeof nobody_accepts)) \
    X(poll, poll(&(struct pollfd){ quiet[0], POLLIN, 0 }, 1, -1)) \
    X(ppoll, ppoll(&(struct pollfd){ quiet[0], POLLIN, 0 }, 1, NULL, NULL)) \
    X(select, select(0, NULL, NULL, NULL, NULL)) \
    X(pselect, pselect(0, NULL, NULL, NULL, NULL, NULL)) \
    X(epoll_wait, epoll_wait(epoll_set, &(struct epoll_event){ 0 }, 1, -1)) \
    X(epoll_pwait, epoll_pwait(epoll_set, &(struct epoll_event){ 0 }, 1, -1, NULL)) \
    X(epoll_pwait2, epoll_pwait2(epoll_set, &(struct epoll_event){ 0 }, 1, NULL, NULL)) \
    X(splice, splice(ends[0], NULL, full[0], NULL, 100, 0)) \
    X(fcntl, fcntl(lock_file, F_SETLKW, &(struct flock){ .l_type = F_WRLCK })) \
    X(wait, wait(NULL)) \
    X(waitpid, waitpid(sleeper, NULL, 0)) \
    X(wait3, wait3(NULL, 0, NULL)) \
    X(wait4, wait4(sleeper, NULL, 0, NULL)) \
    X(waitid, waitid(P_PID, (id_t)sleeper, &(siginfo_t){ 0 }, WEXITED)) \
    X(system, system("exec sleep 100")) \
    X(sem_wait, sem_wait(&semaphore)) \
    X(sem_timedwait, sem_timedwait(&semaphore, &(struct timespec[]){ far(CLOCK_REALTIME) }[0])) \
    X(sem_clockwait, \
      sem_clockwait(&semaphore, CLOCK_MONOTONIC, &(struct timespec[]){ far(CLOCK_MONOTONIC) }[0])) \
    X(pthread_cond_wait, pthread_cond_wait(&condition, &mutex)) \
    X(pthread_cond_timedwait, \
      pthread_cond_timedwait(&condition, &mutex, &(struct timespec[]){ far(CLOCK_REALTIME) }[0])) \
    X(pthread_cond_clockwait, \
      pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, \
                             &(struct timespec[]){ far(CLOCK_MONOTONIC) }[0]))

#define X(name, call) \
    static long by_##name(void) \
    { \
        return (long)(call); \
    }
WAITS(X)
#undef X

static const struct {
    const char *name;
    long (*call)(void);
    bool locks; /* with the mutex held */
} waits[] = {
#define X(name, call) \
    { #name, by_##name, sizeof #name > 13 && strncmp(#name, "pthread_cond_", 13) == 0 },
    WAITS(X)
#undef X
        { 0 },
};

/* ---- cancellation ---- */

enum mode { WAITING, BEFORE, ASYNCHRONOUS };

static struct {
    int index;
    enum mode mode;
    sem_t about_to;
    volatile int cleaned;
} now;

static void clean(void *locked)
{
    now.cleaned++;
    if (locked != NULL)
        now.cleaned += 10 * (pthread_mutex_unlock(&mutex) == 0);
}

static void *cancelled(void *unused)
{
    long result;
    (void)unused;
    if (now.mode == BEFORE)
        pthread_cancel(pthread_self());
    if (now.mode == ASYNCHRONOUS)
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    bool locks = waits[now.index].locks;
    if (locks)
        pthread_mutex_lock(&mutex);
    pthread_cleanup_push(clean, locks ? &mutex : NULL);
    sem_post(&now.about_to);
    result = waits[now.index].call();
    pthread_cleanup_pop(1);
    return (void *)(intptr_t)result;
}

static bool writes(const char *name)
{
    return strncmp(name, "write", 5) == 0 || strncmp(name, "send", 4) == 0;
}

static void cancel_each(void)
{
    static const char *const modes[] = { "while it waits", "before", "asynchronously" };
    sem_init(&now.about_to, 0, 0);
    for (now.index = 0; waits[now.index].name != NULL; now.index++) {
        for (now.mode = WAITING; now.mode <= ASYNCHRONOUS; now.mode++) {
            void *result = NULL;
            /* The kernel may find room for some bytes after all. */
            for (int i = 0; i < 20 && result != PTHREAD_CANCELED; i++) {
                pthread_t thread;
                now.cleaned = 0;
                if (writes(waits[now.index].name))
                    fill(full[0]);
                NEED(pthread_create(&thread, NULL, cancelled, NULL) == 0);
                sem_wait(&now.about_to);
                if (now.mode != BEFORE) {
                    /* Before it has its child, bare system is not safe to be cancelled. */
                    usleep(strcmp(waits[now.index].name, "system") == 0 ? 200000 : 2000);
                    pthread_cancel(thread);
                }
                NEED(pthread_join(thread, &result) == 0);
            }
            printf("%s, %s: %s, cleaned up %d\n", waits[now.index].name, modes[now.mode],
                   result == PTHREAD_CANCELED ? "cancelled" : "returned", now.cleaned);
        }
        struct sigaction interrupt;
        sigaction(SIGINT, NULL, &interrupt);
        if (!talks() || interrupt.sa_handler != SIG_DFL)
            printf("after %s not all is as it was\n", waits[now.index].name);
    }
}

/* ---- pending, at calls that are no cancellation points ---- */

static char *nothing[] = { "true", NULL };

static void *returns(void *p)
{
    return p;
}

static long forked(pid_t (*by)(void))
{
    pid_t child = by();
    if (child == 0)
        _exit(7);
    int state, status = -1;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    waitpid(child, &status, 0);
    pthread_setcancelstate(state, NULL);
    return status;
}

static long spawned(void)
{
    pid_t child;
    int state, status = -1, r = posix_spawn(&child, "/bin/true", NULL, NULL, nothing, environ);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    waitpid(child, &status, 0);
    pthread_setcancelstate(state, NULL);
    return r * 1000 + status;
}

static long created(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, returns, NULL) + pthread_detach(thread);
}

static char told[2000];

static void *goes_on(void *result)
{
    volatile int *step = result;
    char *at = told;
    int pair[2];
    pthread_cancel(pthread_self());
/* Not printed at once: to print is a cancellation point. */
#define STEP(name, call) \
    do { \
        errno = LTP_KEPT; \
        long result_ = (long)(call); \
        int error_ = errno; \
        at += sprintf(at, "%s, pending: %ld %s\n", name, result_, ltp_errno(error_)); \
        *step += 1; \
    } while (0)
    STEP("posix_spawn", spawned());
    STEP("execve", execve("/nowhere", nothing, environ));
    STEP("socket", socket(AF_INET, SOCK_STREAM, 0) > 2);
    STEP("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    STEP("dup", dup(pair[0]) > 2);
    STEP("dup2", dup2(pair[0], 300));
    STEP("dup3", dup3(pair[0], 301, O_CLOEXEC));
    STEP("fcntl", fcntl(pair[0], F_GETFL));
    STEP("listen", listen(-1, 1));
    STEP("shutdown", shutdown(quiet[1], SHUT_RD));
    STEP("close_range", close_range(300, 301, 0));
    STEP("pthread_create", created());
    STEP("fork", forked(fork));
    STEP("dlsym", dlsym(RTLD_DEFAULT, "getaddrinfo") != NULL);
    STEP("dlopen", dlclose(dlopen("libresolv.so.2", RTLD_NOW)));
    STEP("end", 0L);
#undef STEP
    return NULL;
}

static void pending(void)
{
    pthread_t thread;
    static volatile int steps;
    NEED(pthread_create(&thread, NULL, goes_on, (void *)(uintptr_t)&steps) == 0);
    void *result;
    NEED(pthread_join(thread, &result) == 0);
    printf("%s%d steps, %s\n", told, (int)steps,
           result == PTHREAD_CANCELED ? "cancelled" : "returned");
    set_up();
    printf("it works: %d\n", talks());
}

/* ---- jumps ---- */

static sigjmp_buf back;
static volatile sig_atomic_t talked;

static void jump(int signo)
{
    (void)signo;
    siglongjmp(back, 1);
}

static void talk_and_jump(int signo)
{
    (void)signo;
    talked = talks();
    siglongjmp(back, 1);
}

static void jump_out_of_each(void)
{
    for (int talking = 0; talking < 2; talking++) {
        struct sigaction action = { .sa_handler = talking ? talk_and_jump : jump };
        NEED(sigaction(SIGALRM, &action, NULL) == 0);
        for (volatile int i = 0; waits[i].name != NULL; i++) {
            const char *name = waits[i].name;
            if (waits[i].locks || strcmp(name, "system") == 0)
                continue; /* bare they leave a lock, too */
            talked = 0;
            if (sigsetjmp(back, 1) == 0) {
                do {
                    if (writes(name))
                        fill(full[0]);
                    ltp_alarm_once_in(3);
                } while (waits[i].call() > 0 && writes(name));
                printf("%s: returned\n", name);
            } else {
                bool works = talks();
                printf("%s: left, works %d, talked inside %d\n", name, works, (int)talked);
            }
        }
    }
}

/* Handlers may interrupt, and leave, each of these calls anywhere. */
static void storm(void)
{
    struct sigaction action = { .sa_handler = jump };
    NEED(sigaction(SIGALRM, &action, NULL) == 0);
    volatile int rounds = 0;
    for (volatile int turn = 0; turn < 500; turn++) {
        volatile int open_fds[2] = { -1, -1 };
        struct itimerval soon = { .it_value = { 0, 20 + turn * 37 % 400 } },
                         never = { { 0, 0 }, { 0, 0 } };
        if (sigsetjmp(back, 1) == 0) {
            int pair[2];
            char text[300];
            setitimer(ITIMER_REAL, &soon, NULL);
            if (turn % 3 == 0) {
                pid_t child = fork();
                if (child == 0)
                    _exit(0);
                waitpid(child, NULL, 0);
            }
            NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
            open_fds[0] = pair[0];
            open_fds[1] = pair[1];
            if (write(pair[0], ASK, sizeof ASK - 1) > 0 && read(pair[1], text, sizeof text) > 0 &&
                write(pair[1], ANSWER, sizeof ANSWER - 1) > 0 &&
                read(pair[0], text, sizeof text) > 0)
                rounds++;
            execve("/nowhere", nothing, environ);
            poll(NULL, 0, 0);
        }
        setitimer(ITIMER_REAL, &never, NULL);
        for (int i = 0; i < 2; i++)
            if (open_fds[i] >= 0)
                close(open_fds[i]);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
    signal(SIGALRM, SIG_IGN);
    printf("some went well: %d\n", rounds > 0);
    set_up();
    for (int i = 0; i < 20; i++)
        if (!talks())
            printf("after the storm nothing works\n");
    pid_t child = fork();
    if (child == 0)
        _exit(talks() ? 0 : 1);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child, "waitpid, after the storm");
    printf("the child's end %d\n", status);
    CHECK(system("exit 3"), "system, after the storm");
}

static volatile sig_atomic_t inner_forks, inner_failed;

static void fork_there(int signo)
{
    int saved = errno, status = -1;
    (void)signo;
    pid_t child = fork();
    if (child == 0)
        _exit(5);
    if (child > 0 && waitpid(child, &status, 0) == child && status == 5 << 8)
        inner_forks++;
    else
        inner_failed++;
    errno = saved;
}

/* The mask of signals is the same in parent and child, before and behind. */
static void forks(void)
{
    struct sigaction action = { .sa_handler = fork_there, .sa_flags = SA_RESTART };
    NEED(sigaction(SIGALRM, &action, NULL) == 0);
    int good = 0;
    for (int turn = 0; turn < 150; turn++) {
        struct itimerval soon = { .it_value = { 0, 10 + turn * 37 % 300 } };
        setitimer(ITIMER_REAL, &soon, NULL);
        pid_t child = fork();
        sigset_t mask;
        NEED(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0);
        bool open = sigisemptyset(&mask);
        if (child == 0)
            _exit(open ? 6 : 7);
        int status = -1;
        waitpid(child, &status, 0);
        good += open && status == 6 << 8;
        soon = (struct itimerval){ 0 };
        setitimer(ITIMER_REAL, &soon, NULL);
    }
    printf("%d good, some in handlers %d, failed there %d\n", good, inner_forks > 0,
           (int)inner_failed);
}

static int in_prepare, in_parent, in_child;

static int all_there(void)
{
    void *result = NULL;
    pthread_t thread;
    int good = talks() + (spawned() == 0);
    good += pthread_create(&thread, NULL, returns, &in_child) == 0 &&
            pthread_join(thread, &result) == 0 && result == &in_child;
    return good + (system("exit 3") == 3 << 8);
}

static void at_prepare(void)
{
    in_prepare += all_there();
}
static void at_parent(void)
{
    in_parent += all_there();
}
static void at_child(void)
{
    in_child = all_there();
}

static void atfork(void)
{
    set_up();
    NEED(pthread_atfork(at_prepare, at_parent, at_child) == 0);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(in_child * 10 + all_there());
        int status = -1;
        NEED(waitpid(child, &status, 0) == child);
        printf("%d before, %d in the parent, child %d\n", in_prepare, in_parent,
               WEXITSTATUS(status));
    }
}

void __longjmp_chk(sigjmp_buf, int) __attribute__((noreturn));

static void (*volatile leave)(struct __jmp_buf_tag *, int);

static void leave_there(int signo)
{
    (void)signo;
    leave(back, 1);
}

static void jump_by_each(void)
{
    static const struct {
        const char *name;
        void (*call)(struct __jmp_buf_tag *, int);
    } jumps[] = { { "longjmp", longjmp },
                  { "_longjmp", _longjmp },
                  { "siglongjmp", siglongjmp },
                  { "__longjmp_chk", __longjmp_chk } };
    set_up();
    for (volatile size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        struct sigaction action = { .sa_handler = leave_there };
        leave = jumps[i].call;
        NEED(sigaction(SIGALRM, &action, NULL) == 0);
        for (volatile int turn = 0; turn < 3; turn++) {
            if (sigsetjmp(back, 1) == 0) {
                ltp_alarm_once_in(2);
                if (turn == 0)
                    NEED(read(quiet[0], bytes, 10) < 0);
                else if (turn == 1)
                    waitpid(sleeper, NULL, 0);
                else
                    poll(NULL, 0, -1);
                printf("not left\n");
            }
            printf("%s, %d: works %d, spawns %d\n", jumps[i].name, turn, talks(), spawned() == 0);
        }
    }
}

/* ---- stacks ---- */

static volatile sig_atomic_t on_stack;
static char *lowest, *highest;

static void talk_on_stack(int signo)
{
    char here;
    (void)signo;
    on_stack = &here > lowest && &here < highest ? 1 + talks() : 0;
}

/* So much beyond what the kernel needs itself. */
static void on_small_stack(size_t more)
{
    size_t size = (getauxval(AT_MINSIGSTKSZ) + more + LTP_PAGE - 1) & ~(size_t)(LTP_PAGE - 1);
    char *stack =
        mmap(NULL, size + LTP_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(stack != MAP_FAILED && mprotect(stack, LTP_PAGE, PROT_NONE) == 0);
    lowest = stack + LTP_PAGE;
    highest = lowest + size;
    stack_t its = { .ss_sp = highest - (getauxval(AT_MINSIGSTKSZ) + more),
                    .ss_size = getauxval(AT_MINSIGSTKSZ) + more };
    struct sigaction action = { .sa_handler = talk_on_stack, .sa_flags = SA_ONSTACK };
    NEED(sigaltstack(&its, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    on_stack = 0;
    raise(SIGUSR1);
    printf("on a stack of %zu bytes more than the least: %d\n", more, (int)on_stack);
    /* While a call waits. */
    on_stack = 0;
    action.sa_handler = talk_on_stack;
    NEED(sigaction(SIGALRM, &action, NULL) == 0);
    ltp_alarm_in(2);
    CHECK(read(quiet[0], bytes, 10), "read, interrupted by a handler on its own stack");
    printf("there: %d\n", (int)on_stack);
    stack_t none = { .ss_flags = SS_DISABLE };
    NEED(sigaltstack(&none, NULL) == 0);
}

static void *small_thread(void *result)
{
    char text[64];
    pthread_t inner;
    int good = 0;
    good += talks();
    good += spawned() == 0;
    good += forked(fork) == 7 << 8;
    good += pthread_create(&inner, NULL, returns, NULL) == 0 && pthread_join(inner, NULL) == 0;
    struct sockaddr_in at = ltp_loopback(80);
    good += getnameinfo((struct sockaddr *)&at, sizeof at, text, sizeof text, NULL, 0,
                        NI_NUMERICHOST) == 0;
    *(int *)result = good;
    return NULL;
}

static void small_threads(void)
{
    pthread_attr_t attributes;
    for (int i = 0; i < 3; i++) {
        int result = -1;
        pthread_t thread;
        pthread_attr_init(&attributes);
        NEED(pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN) == 0);
        NEED(pthread_create(&thread, &attributes, small_thread, &result) == 0);
        NEED(pthread_join(thread, NULL) == 0);
        printf("a thread of %d bytes: %d of 5\n", (int)PTHREAD_STACK_MIN, result);
    }
    CHECK(pthread_attr_setstacksize(&attributes, 100), "pthread_attr_setstacksize, 100");
    pthread_t thread;
    pthread_attr_setstacksize(&attributes, (size_t)1 << 46);
    CHECK(pthread_create(&thread, &attributes, small_thread, NULL), "pthread_create, 64 TB");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    ltp_begin();
    ltp_memory();
    ltp_handle(SIGPIPE, 0);
    alarm(0);
    if (strcmp(what, "pending") == 0) {
        pending();
    } else if (strcmp(what, "storm") == 0) {
        storm();
    } else if (strcmp(what, "forks") == 0) {
        forks();
    } else if (strcmp(what, "atfork") == 0) {
        atfork();
    } else if (strcmp(what, "longjmp") == 0) {
        jump_by_each();
    } else {
        set_up();
        if (strcmp(what, "cancel") == 0)
            cancel_each();
        else if (strcmp(what, "jumps") == 0)
            jump_out_of_each();
        else if (strcmp(what, "stacks") == 0) {
            small_threads();
            on_small_stack(8192);
            on_small_stack(4096);
            on_small_stack(2048);
        } else {
            kill(sleeper, SIGKILL);
            return 2;
        }
    }
    if (sleeper > 0)
        kill(sleeper, SIGKILL);
    printf("end\n");
    return 0;
}
