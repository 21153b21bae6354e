/* Pools of blocks (shim/conn/pool.c). */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "conn/pool.h"
#include "no_hooks.h"

TestSuite(pool, .timeout = 60);

Test(pool, gives_every_block_once_then_none)
{
    STATIC_POOL(pool, 64, 16, 40);
    bool seen[41] = { false };
    for (unsigned i = 0; i < 40; i++) {
        uint32_t n = pool_take(&pool);
        cr_assert(n >= 1 && n <= 40 && !seen[n]);
        seen[n] = true;
        memset(pool_at(&pool, n), (int)n, 64);
    }
    cr_assert_eq(pool_take(&pool), POOL_NONE);
    for (uint32_t n = 1; n <= 40; n++)
        for (unsigned i = 0; i < 64; i++)
            cr_assert_eq(((unsigned char *)pool_at(&pool, n))[i], n);
    pool_give(&pool, 7);
    cr_assert_eq(pool_take(&pool), 7);
}

STATIC_POOL(shared, 64, 32, 64);

static void *take_and_give(void *failed)
{
    uintptr_t me = (uintptr_t)pthread_self();
    for (unsigned i = 0; i < 200000; i++) {
        uint32_t n = pool_take(&shared);
        if (n == POOL_NONE)
            continue;
        volatile uintptr_t *block = pool_at(&shared, n);
        block[0] = me;
        block[7] = me;
        if (block[0] != me || block[7] != me)
            *(bool *)failed = true;
        pool_give(&shared, n);
    }
    return NULL;
}

Test(pool, a_block_has_one_owner_at_a_time)
{
    pthread_t threads[4];
    bool failed = false;
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, take_and_give, &failed);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_not(failed);
}
