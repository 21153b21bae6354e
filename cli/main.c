/* The command otelshim. */
#include <stdio.h>
#include <string.h>

int main(int argc, char *argv[])
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("otelshim " OTELSHIM_VERSION);
        return 0;
    }
    fputs("usage: otelshim --version\n", stderr);
    return 2;
}
