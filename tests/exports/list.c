/*
 * Prints the name of every function that the registry replaces, one a line; with an argument
 * the names of the instrumentations that can be disabled. Linked with all objects of the
 * shim: the list is the one the shim itself uses. A function that dlsym would not find in it is left out.
 */
#include <stdio.h>

#include "hook.h"

int main(int argc, char *argv[])
{
    (void)argv;
    for (unsigned i = 0; argc > 1 && i < registry_count; i++)
        if (!registry[i]->core)
            puts(registry[i]->name);
    if (argc > 1)
        return 0;
    for (unsigned i = 0; i < registry_count; i++) {
        for (unsigned k = 0; k < registry[i]->nr_hooks; k++) {
            struct hook *hook = &registry[i]->hooks[k];
            struct instrumentation *owner = NULL;
            if (registry_find_hook(hook->name, &owner) == hook && owner == registry[i])
                puts(hook->name);
        }
    }
    return 0;
}
