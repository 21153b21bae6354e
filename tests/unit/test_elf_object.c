/* Symbol lookup of our own, held against the dynamic loader's. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <link.h>

#include "elf_object.h"
#include "no_hooks.h"

static struct elf_object open_object(void *handle)
{
    struct link_map *map = handle;
    struct elf_object object;
    cr_assert(elf_object_open(&object, map->l_addr, map->l_ld));
    return object;
}

Test(elf_object, finds_what_dlsym_finds)
{
    static const char *const names[] = { "read",        "fork",        "vfork",
                                         "posix_spawn", "quick_exit",  "pthread_cond_wait",
                                         "memcpy",      "getaddrinfo", "exit",
                                         "_exit",       "system",      "__libc_start_main",
                                         "dlsym" };
    void *handle = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    struct elf_object libc = open_object(handle);
    cr_assert_str_eq(libc.soname, "libc.so.6");
    for (unsigned i = 0; i < COUNT(names); i++)
        cr_assert_eq(elf_object_lookup(&libc, names[i]), dlsym(handle, names[i]), "%s", names[i]);
}

Test(elf_object, does_not_find_what_is_not_there)
{
    struct elf_object libc = open_object(dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD));
    cr_assert_null(elf_object_lookup(&libc, "sqlite3_step"));
    cr_assert_null(elf_object_lookup(&libc, ""));
}

Test(elf_object, knows_what_an_object_is_linked_against)
{
    void *handle = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
    cr_assert_not_null(handle);
    struct elf_object sqlite = open_object(handle);
    cr_assert_eq(elf_object_lookup(&sqlite, "sqlite3_step"), dlsym(handle, "sqlite3_step"));
    cr_assert(elf_object_needs(&sqlite, "libc.so.6"));
    cr_assert_not(elf_object_needs(&sqlite, "libcurl.so.4"));
}

/* A library behind RTLD_LOCAL, which RTLD_NEXT does not see. */
Test(real, finds_a_library_that_was_opened_locally)
{
    static const char *const sonames[] = { "libsqlite3.so.0", NULL };
    static struct hook hook = { .name = "sqlite3_libversion_number" };
    (void)sonames;
    void *handle = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
    cr_assert_null(dlsym(RTLD_NEXT, "sqlite3_libversion_number"));
    cr_assert_eq(real_of(&hook, (void *)&hook), dlsym(handle, "sqlite3_libversion_number"));
    cr_assert(real_exists(&hook));
}

Test(real, calls_of_a_function_that_nothing_defines_fail_and_do_not_crash)
{
    static struct hook hook = { .name = "no_library_defines_this" };
    long (*fn)(void) = (long (*)(void))real_of(&hook, (void *)&hook);
    cr_assert_not_null(fn);
    cr_assert_eq(fn(), 0);
    cr_assert_not(real_exists(&hook));
}

Test(real, looks_again_after_objects_changed)
{
    static struct hook hook = { .name = "sqlite3_libversion_number" };
    long (*missing)(void) = (long (*)(void))real_of(&hook, (void *)&hook);
    cr_assert_eq(missing(), 0);
    void *handle = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
    real_objects_changed();
    void *found = dlsym(handle, "sqlite3_libversion_number");
    for (int i = 0; i < 100; i++)
        cr_assert_eq(real_of(&hook, (void *)&hook), found);
    cr_assert_eq(atomic_load(&hook.valid_for), atomic_load(&real_generation), "settled");
}
