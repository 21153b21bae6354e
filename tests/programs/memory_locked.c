/*
 * mlockall(MCL_CURRENT | MCL_FUTURE): from then on every mapping is resident and
 * counts against RLIMIT_MEMLOCK, so that ours may fail; the program's must not.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "lookup.h"

int main(void)
{
    int r = mlockall(MCL_CURRENT | MCL_FUTURE);
    printf("mlockall %d %d\n", r, r != 0 ? errno : 0);
    int failed = 0;
    for (int i = 0; i < 5; i++)
        failed += lookup() != 0;
    void *mine = malloc(100000);
    printf("failed %d, malloc %d\n", failed, mine != NULL);
    free(mine);
    return 0;
}
