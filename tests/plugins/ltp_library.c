/* A library that uses the network when it comes and when it goes, and in exit handlers of its own. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#include "../programs/ltp_talk.h"

/* A function of its own by the name of one that is replaced, and what it finds by RTLD_NEXT. */
int ltp_library_talk(void)
{
    return talk();
}

int ltp_library_next(void)
{
    void *next = dlsym(RTLD_NEXT, "getaddrinfo");
    return next != NULL;
}

static void at_exit(void)
{
    talk_all("the library's exit handler");
}

__attribute__((constructor(101))) static void comes(void)
{
    talk_all("the library's constructor");
    if (getenv("LTP_LIBRARY_AT_EXIT") != NULL)
        atexit(at_exit);
}

__attribute__((destructor(101))) static void goes(void)
{
    talk_all("the library's destructor");
}
