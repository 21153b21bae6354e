/* The lock between the worker and forks: exclusive and fair. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "fork_lock.h"
#include "no_hooks.h"

TestSuite(fork_lock, .timeout = 30);

static struct fork_lock lock;
static unsigned counter;
static atomic_bool stop;

static void *count(void *unused)
{
    (void)unused;
    for (int i = 0; i < 50000; i++) {
        fork_lock_acquire(&lock);
        counter++;
        fork_lock_release(&lock);
    }
    return NULL;
}

Test(fork_lock, one_holder_at_a_time)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, count, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(counter, 200000);
}

static void *hog(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop)) {
        fork_lock_acquire(&lock);
        struct timespec t = { 0, 1000000 };
        nanosleep(&t, NULL);
        fork_lock_release(&lock);
    }
    return NULL;
}

/* Measured with an unfair lock: a fork waited until the worker went idle. */
Test(fork_lock, a_waiter_is_not_starved_by_who_locks_again_at_once)
{
    pthread_t thread;
    pthread_create(&thread, NULL, hog, NULL);
    struct timespec t = { 0, 20000000 };
    nanosleep(&t, NULL);
    for (int i = 0; i < 20; i++) { /* ends at all: the suite's timeout */
        fork_lock_acquire(&lock);
        fork_lock_release(&lock);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}
