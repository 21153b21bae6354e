/*
 * Becomes itself again and again, then ends with 3: exec_chain TIMES.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char left[16];
    int times = argc > 1 ? atoi(argv[1]) : 0;
    if (times <= 0) {
        puts("the last one");
        return 3;
    }
    snprintf(left, sizeof left, "%d", times - 1);
    execl(argv[0], argv[0], left, (char *)NULL);
    perror("execl");
    return 1;
}
