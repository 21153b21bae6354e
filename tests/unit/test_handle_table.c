/* The table of handles: what is claimed is found until it is freed, in any order. */
#include <criterion/criterion.h>

#include "mem/handle_table.h"

#define CELLS 1024u

TestSuite(handle_table, .timeout = 30);

static uintptr_t handle(unsigned i)
{
    return 0x55550000u + (uintptr_t)i * 0x1d0; /* as a heap lays them out */
}

Test(handle_table, finds_what_was_claimed_and_nothing_else)
{
    static atomic_uintptr_t keys[CELLS];
    for (unsigned i = 0; i < CELLS / 2; i++)
        cr_assert_geq(handle_claim(keys, CELLS, handle(i)), 0);
    for (unsigned i = 0; i < CELLS / 2; i++) {
        int cell = handle_find(keys, CELLS, handle(i));
        cr_assert_geq(cell, 0);
        cr_assert_eq(keys[cell], handle(i));
    }
    for (unsigned i = CELLS / 2; i < CELLS; i++)
        cr_assert_eq(handle_find(keys, CELLS, handle(i)), -1);
}

Test(handle_table, finds_the_others_when_one_in_front_of_them_is_freed)
{
    static atomic_uintptr_t keys[CELLS];
    for (unsigned i = 0; i < CELLS / 2; i++)
        cr_assert_geq(handle_claim(keys, CELLS, handle(i)), 0);
    for (unsigned i = 0; i < CELLS / 2; i += 2)
        handle_free(keys, (unsigned)handle_find(keys, CELLS, handle(i)));
    for (unsigned i = 0; i < CELLS / 2; i++)
        cr_assert_eq(handle_find(keys, CELLS, handle(i)) >= 0, i % 2 == 1, "handle %u", i);
}

Test(handle_table, takes_three_quarters_of_its_cells_before_it_refuses)
{
    static atomic_uintptr_t keys[CELLS];
    unsigned n = 0;
    while (handle_claim(keys, CELLS, handle(n)) >= 0)
        n++;
    cr_assert_geq(n, CELLS * 3 / 4);
    cr_assert_leq(n, CELLS);
    handle_free(keys, (unsigned)handle_find(keys, CELLS, handle(0)));
    cr_assert_eq(handle_find(keys, CELLS, handle(0)), -1);
}
