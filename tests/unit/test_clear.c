/* Memory is cleared to the byte, and no further. */
#include <criterion/criterion.h>

#include "mem/clear.h"

TestSuite(clear, .timeout = 10);

Test(clear, clears_what_it_is_told_and_nothing_beside_it)
{
    char memory[512];
    for (size_t bytes = 0; bytes <= 400; bytes++) {
        memset(memory, 1, sizeof memory);
        clear_bytes(memory + 8, bytes);
        for (size_t i = 0; i < sizeof memory; i++)
            cr_assert_eq(memory[i], !(i >= 8 && i < 8 + bytes), "%zu of %zu", i, bytes);
    }
}
