/*
 * Many short threads, each with operations of its own: returned from, left by
 * pthread_exit, cancelled in mid-sleep.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>
#include "lookup.h"

enum { THREADS = 24, AT_ONCE = 8, LOOKUPS = 5 };

static sem_t worked;

static void *work(void *arg)
{
    long n = (long)arg, failed = 0;
    for (int i = 0; i < LOOKUPS; i++)
        failed += lookup() != 0;
    sem_post(&worked);
    if (n % 3 == 1)
        pthread_exit((void *)failed);
    if (n % 3 == 2)
        pause();
    return (void *)failed;
}

int main(void)
{
    long failed = 0, cancelled = 0;
    sem_init(&worked, 0, 0);
    for (long first = 0; first < THREADS; first += AT_ONCE) {
        pthread_t threads[AT_ONCE];
        for (long n = 0; n < AT_ONCE; n++)
            if (pthread_create(&threads[n], NULL, work, (void *)(first + n)) != 0)
                return 1;
        for (long n = 0; n < AT_ONCE; n++)
            sem_wait(&worked);
        for (long n = 0; n < AT_ONCE; n++) {
            void *result;
            if ((first + n) % 3 == 2)
                pthread_cancel(threads[n]);
            pthread_join(threads[n], &result);
            if (result == PTHREAD_CANCELED)
                cancelled++;
            else
                failed += (long)result;
        }
    }
    printf("failed %ld, cancelled %ld\n", failed, cancelled);
    return 0;
}
