/* The tables of easy and multi handles, see shim/hooks/curl_handles.h. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

#include "../../shim/hooks/curl_handles.c"
#include "../../shim/hooks/curl_options.c"

static atomic_uint forgotten; /* captured headers of handles that go */
void curl_headers_forget(struct curl_easy *easy)
{
    forgotten += easy->request_headers != 0;
    easy->request_headers = 0;
}

/* Addresses as an allocator gives them: even distances. */
static CURL *easy_address(unsigned i)
{
    return (CURL *)(uintptr_t)(0x555555560000u + (uint64_t)i * 5536);
}

static CURLM *multi_address(unsigned i)
{
    return (CURLM *)(uintptr_t)(0x7ffff0000000u + (uint64_t)i * 480);
}

Test(curl_handles, finds_what_it_remembers_and_nothing_else)
{
    cr_expect_null(curl_easy_find(easy_address(0)));
    struct curl_easy *a = curl_easy_remember(easy_address(0));
    struct curl_easy *b = curl_easy_remember(easy_address(1));
    cr_assert(a != NULL && b != NULL && a != b);
    cr_expect_eq(curl_easy_find(easy_address(0)), a);
    cr_expect_eq(curl_easy_find(easy_address(1)), b);
    cr_expect_null(curl_easy_find(easy_address(2)));
    cr_expect_null(curl_easy_find(NULL));
    curl_easy_forget(a);
    cr_expect_null(curl_easy_find(easy_address(0)));
    cr_expect_eq(curl_easy_find(easy_address(1)), b);
}

Test(curl_handles, a_known_address_starts_afresh)
{
    struct curl_easy *a = curl_easy_remember(easy_address(0));
    a->options.port = 81;
    a->headers_injected = true;
    curl_option_set_url(&a->options, "http://h/");
    cr_expect_eq(curl_easy_remember(easy_address(0)), a);
    cr_expect_eq(a->options.port, 0);
    cr_expect_eq(a->options.url_len, 0);
    cr_expect(!a->headers_injected);
}

Test(curl_handles, holds_two_thirds_of_its_bound_before_it_refuses_one)
{
    unsigned kept = 0;
    while (curl_easy_remember(easy_address(kept)) != NULL)
        kept++;
    cr_expect_geq(kept, CURL_MAX_EASY * 2 / 3);
    for (unsigned i = 0; i < kept; i++)
        cr_assert_not_null(curl_easy_find(easy_address(i)));
    for (unsigned i = 0; i < kept; i++)
        curl_easy_forget(curl_easy_find(easy_address(i)));
    for (unsigned i = 0; i < kept; i++)
        cr_assert_not_null(curl_easy_remember(easy_address(i)));
}

Test(curl_handles, lists_a_multis_handles_new_ones_in_front)
{
    struct curl_multi *m = curl_multi_remember(multi_address(0));
    struct curl_easy *e[3];
    for (unsigned i = 0; i < 3; i++) {
        e[i] = curl_easy_remember(easy_address(i));
        e[i]->state = CURL_ADDED;
        curl_multi_link(m, e[i]);
    }
    cr_expect_eq(m->unstarted, 3);
    cr_expect_eq(curl_multi_first(m), e[2]);
    cr_expect_eq(curl_multi_next(e[2]), e[1]);
    cr_expect_eq(curl_multi_of(e[0]), m);
    curl_multi_unlink(e[1]);
    cr_expect_eq(curl_multi_next(e[2]), e[0]);
    cr_expect_null(curl_multi_of(e[1]));
    cr_expect_eq(m->unstarted, 2);
    curl_easy_forget(e[2]);
    cr_expect_eq(curl_multi_first(m), e[0]);
    curl_easy_forget(e[0]);
    cr_expect_null(curl_multi_first(m));
    cr_expect_eq(m->unstarted, 0);
}

Test(curl_handles, finds_a_multi_again)
{
    struct curl_multi *m = curl_multi_remember(multi_address(3));
    cr_expect_eq(curl_multi_remember(multi_address(3)), m);
    cr_expect_eq(curl_multi_find(multi_address(3)), m);
    curl_multi_forget(m);
    cr_expect_null(curl_multi_find(multi_address(3)));
}

Test(curl_handles, makes_one_line_per_baggage_text)
{
    static const char one[] = "a=1", two[] = "b=2", empty[] = "";
    static char large[BAGGAGE_MAX + 2];
    memset(large, 'x', sizeof large - 1);
    cr_assert_null(curl_baggage_line(one)); /* no handle yet, no table */
    curl_easy_remember(easy_address(0));
    cr_expect_str_eq(curl_baggage_line(one), "baggage: a=1");
    cr_expect_eq(curl_baggage_line(one), curl_baggage_line(one));
    cr_expect_str_eq(curl_baggage_line(two), "baggage: b=2");
    cr_expect_null(curl_baggage_line(empty));
    cr_expect_null(curl_baggage_line(large));
    cr_expect_null(curl_baggage_line(large));
    cr_expect_null(curl_baggage_line(NULL));
    static const char fifth[] = "c=3";
    cr_expect_null(curl_baggage_line(fifth), "more texts than lines");
}

#define THREADS 4u
#define ROUNDS 2000u
#define EACH 64u

static void *churn(void *arg)
{
    unsigned base = (unsigned)(uintptr_t)arg * EACH;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct curl_easy *mine[EACH];
        for (unsigned i = 0; i < EACH; i++) {
            mine[i] = curl_easy_remember(easy_address(base + i));
            if (mine[i] == NULL || mine[i]->easy != easy_address(base + i))
                return "not remembered";
            mine[i]->options.port = (uint16_t)(base + i + 1);
        }
        for (unsigned i = 0; i < EACH; i++) {
            if (curl_easy_find(easy_address(base + i)) != mine[i] ||
                mine[i]->options.port != base + i + 1)
                return "lost or overwritten";
            curl_easy_forget(mine[i]);
        }
    }
    return NULL;
}

Test(curl_handles, threads_do_not_get_each_others_records, .timeout = 30)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, churn, (void *)i);
    for (unsigned i = 0; i < THREADS; i++) {
        void *problem;
        pthread_join(threads[i], &problem);
        cr_expect_null(problem, "thread %u: %s", i, (const char *)problem);
    }
}

Test(curl_handles, a_handle_that_goes_gives_its_captured_headers_back)
{
    struct curl_easy *a = curl_easy_remember(easy_address(0));
    a->request_headers = 7;
    cr_expect_eq(curl_easy_remember(easy_address(0)), a); /* its cleanup was not seen */
    cr_expect_eq(forgotten, 1);
    a->request_headers = 7;
    curl_easy_forget(a);
    cr_expect_eq(forgotten, 2);
    cr_expect_leq(sizeof(struct curl_easy), 4096, "%zu", sizeof(struct curl_easy));
}
