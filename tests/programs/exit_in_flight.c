/*
 * Exits while the background thread is at each stage of its work: the argument
 * is how many microseconds it gets between the operation and the exit.
 */
#include <stdlib.h>
#include <unistd.h>
#include "lookup.h"

int main(int argc, char **argv)
{
    int r = lookup();
    if (argc > 1)
        usleep((useconds_t)atoi(argv[1]));
    printf("lookup %d\n", r);
    return 0;
}
