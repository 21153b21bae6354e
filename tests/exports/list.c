/*
 * Prints the name of every function that the registry replaces, one a line.
 * Linked with all objects of the shim: the list is the one the shim itself uses.
 */
#include <stdio.h>

#include "hook.h"

int main(void)
{
    for (unsigned i = 0; i < registry_count; i++)
        for (unsigned k = 0; k < registry[i]->nr_hooks; k++)
            puts(registry[i]->hooks[k].name);
    return 0;
}
