/*
 * A program that gives rights away after it was traced: what it may do must not
 * change by our thread, and what it does afterwards is still told.
 *
 *     confine userns | netns | setns | chroot
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lookup.h"

static void look_up(void)
{
    printf("lookup %d\n", lookup());
}

static int confine(const char *how)
{
    if (strcmp(how, "userns") == 0)
        return unshare(CLONE_NEWUSER);
    if (strcmp(how, "netns") == 0)
        return unshare(CLONE_NEWUTS);
    if (strcmp(how, "setns") == 0)
        return setns(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), CLONE_NEWNS);
    return mkdir("jail", 0755) != 0 && errno != EEXIST ? -1 : (errno = 0, chroot("jail"));
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    look_up();
    errno = 0;
    int result = confine(argv[1]);
    printf("%s %d errno %d\n", argv[1], result, errno);
    look_up();
    return 0;
}
