/* libs: -lsqlite3 */
/*
 * Works, gives rights away, works on: what it may do no more would be its end if a guest
 * did it here. Ten statements before (with `at_once`, none), ten after; everything is there before.
 *
 *     sandboxed strict | filter | filter_by_syscall | tsync | probe | refused
 *               | landlock | capset | ids | none [at_once]
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int capset(void *header, const void *data);

enum { STATEMENTS = 10, NOBODY = 65534 };

static sqlite3_stmt *statement;
static atomic_int stage; /* of tsync: 1 the filter is there, 2 the thread is through */

static int work(void)
{
    int sum = 0;
    for (int i = 0; i < STATEMENTS; i++) {
        while (sqlite3_step(statement) == SQLITE_ROW)
            sum += sqlite3_column_int(statement, 0);
        sqlite3_reset(statement);
    }
    return sum;
}

#define ALLOW(number) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* What this program does from here on; anything else kills it. A futex is the C library's
 * business, and that of exit handlers: OpenSSL's wakes whoever waits, also when nobody does. */
static struct sock_filter rules[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(SYS_write),
    ALLOW(SYS_futex),
    ALLOW(SYS_exit_group),
    ALLOW(SYS_exit),
    ALLOW(SYS_brk),
    ALLOW(SYS_mmap),
    ALLOW(SYS_munmap),
    ALLOW(SYS_mprotect),
    ALLOW(SYS_madvise),
    ALLOW(SYS_rt_sigprocmask),
    ALLOW(SYS_rseq),
    ALLOW(SYS_set_robust_list),
    ALLOW(SYS_newfstatat),
    ALLOW(SYS_lseek),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
static struct sock_fprog filter = { sizeof rules / sizeof rules[0], rules };

/* Of all files those beneath `open_to` remain. */
static long landlock(const char *open_to)
{
    struct landlock_ruleset_attr all = { .handled_access_fs =
                                             (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
    long set = syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    struct landlock_path_beneath_attr some = { all.handled_access_fs, open(open_to, O_PATH) };
    if (set < 0 || syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &some, 0) != 0)
        return -1;
    long result = syscall(SYS_landlock_restrict_self, set, 0);
    return result != 0 || open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES;
}

/* A thread that were not the C library's own would keep the ids that it was made with. */
static int threads_with_other_ids(void)
{
    char path[300], line[256];
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *e; tasks != NULL && (e = readdir(tasks)) != NULL;) {
        unsigned real, effective, saved;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
        FILE *status = e->d_name[0] != '.' ? fopen(path, "r") : NULL;
        while (status != NULL && fgets(line, sizeof line, status) != NULL)
            if (sscanf(line, "Uid: %u %u %u", &real, &effective, &saved) == 3 ||
                sscanf(line, "Gid: %u %u %u", &real, &effective, &saved) == 3)
                n += real != NOBODY || effective != NOBODY || saved != NOBODY;
        if (status != NULL)
            fclose(status);
    }
    return tasks != NULL ? n : -1;
}

static long change_ids(void)
{
    if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0)
        return -1;
    /* Readable by itself again, as a program is that was started so. */
    prctl(PR_SET_DUMPABLE, 1);
    return threads_with_other_ids();
}

static long confine(const char *how)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (strcmp(how, "strict") == 0)
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    if (strcmp(how, "filter") == 0)
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
    if (strcmp(how, "filter_by_syscall") == 0)
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
    if (strcmp(how, "tsync") == 0)
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
    if (strcmp(how, "probe") == 0)
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL);
    if (strcmp(how, "refused") == 0)
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &(struct sock_fprog){ 0, rules });
    if (strcmp(how, "landlock") == 0)
        return landlock("..");
    if (strcmp(how, "ids") == 0)
        return change_ids();
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
    return strcmp(how, "capset") == 0 ? capset(&header, none) : 0;
}

static void *other_thread(void *unused)
{
    static char text[] = "the other thread worked: ??\n";
    while (atomic_load(&stage) != 1)
        ;
    int sum = work();
    text[sizeof text - 4] = (char)('0' + sum / 10 % 10);
    text[sizeof text - 3] = (char)('0' + sum % 10);
    if (write(1, text, sizeof text - 1) < 0)
        abort();
    atomic_store(&stage, 2);
    for (;;) /* its end would be more calls than are allowed */
        ;
    return unused;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "none";
    sqlite3 *db;
    pthread_t thread;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "SELECT 1", -1, &statement, NULL) != SQLITE_OK)
        return 1;
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc < 3)
        printf("before %d\n", work());
    if (strcmp(how, "tsync") == 0 && pthread_create(&thread, NULL, other_thread, NULL) != 0)
        return 1;
    usleep(50000); /* whatever was begun for it has gone to sleep */
    errno = 0;
    long result = confine(how);
    printf("%s %ld errno %d\n", how, result, errno);
    printf("after %d\n", work());
    atomic_store(&stage, 1);
    while (strcmp(how, "tsync") == 0 && atomic_load(&stage) != 2)
        ;
    if (strcmp(how, "strict") == 0)
        syscall(SYS_exit, 0); /* exit_group is none of its four calls */
    return 0;
}
