/* libs: -lcurl */
/*
 * curl_loop URL THREADS TRANSFERS PAUSE_MS: each thread makes its transfers one
 * after the other, every second one on a multi handle, and takes a new handle for
 * every tenth. Prints how many went well.
 */
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *url;
static int nr_transfers, pause_ms;
static atomic_int nr_good;

static size_t discard(char *data, size_t size, size_t n, void *to)
{
    (void)data, (void)to;
    return size * n;
}

static CURL *make(void)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(easy, CURLOPT_CAINFO, getenv("CA_FILE"));
    return easy;
}

static CURLcode on_multi(CURLM *multi, CURL *easy)
{
    CURLcode result = CURLE_FAILED_INIT;
    int running = 1, left;
    curl_multi_add_handle(multi, easy);
    while (running > 0 && curl_multi_perform(multi, &running) == CURLM_OK) {
        if (running > 0)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    CURLMsg *message = curl_multi_info_read(multi, &left);
    if (message != NULL && message->msg == CURLMSG_DONE)
        result = message->data.result;
    curl_multi_remove_handle(multi, easy);
    return result;
}

static void *run(void *unused)
{
    CURLM *multi = curl_multi_init();
    CURL *easy = make();
    for (int i = 0; i < nr_transfers; i++) {
        long status = 0;
        CURLcode result = i % 2 ? on_multi(multi, easy) : curl_easy_perform(easy);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        nr_good += result == CURLE_OK && status == 200;
        usleep((useconds_t)pause_ms * 1000);
        if (i % 10 == 9) {
            curl_easy_cleanup(easy);
            easy = make();
        }
    }
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    int nr_threads = argc > 4 ? atoi(argv[2]) : 0;
    if (nr_threads < 1 || nr_threads > 64)
        return 2;
    url = argv[1];
    nr_transfers = atoi(argv[3]);
    pause_ms = atoi(argv[4]);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (int i = 0; i < nr_threads; i++)
        pthread_create(&threads[i], NULL, run, NULL);
    for (int i = 0; i < nr_threads; i++)
        pthread_join(threads[i], NULL);
    printf("%d of %d\n", nr_good, nr_threads * nr_transfers);
    return 0;
}
