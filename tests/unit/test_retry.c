/* When a batch is sent again. */
#include <criterion/criterion.h>

#include "transport/retry.h"

#define NOW INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */

static int64_t after(const char *text)
{
    return retry_after_ms(text, strlen(text), NOW);
}

Test(retry, takes_any_2xx_as_delivered)
{
    cr_assert_eq(retry_verdict(200), VERDICT_DELIVERED);
    cr_assert_eq(retry_verdict(202), VERDICT_DELIVERED);
    cr_assert_eq(retry_verdict(299), VERDICT_DELIVERED);
}

Test(retry, tries_again_after_429_502_503_504_only)
{
    for (long status = 300; status < 600; status++) {
        int again = status == 429 || status == 502 || status == 503 || status == 504;
        cr_assert_eq(retry_verdict(status), again ? VERDICT_RETRY : VERDICT_REJECTED, "status %ld",
                     status);
    }
    cr_assert_eq(retry_verdict(0), VERDICT_REJECTED);
    cr_assert_eq(retry_verdict(101), VERDICT_REJECTED);
}

Test(retry, delays_grow_by_half_from_one_second_to_five)
{
    static const uint64_t expected[] = { 1000, 1500, 2250, 3375, 5000, 5000 };
    for (unsigned attempt = 1; attempt <= 6; attempt++) {
        uint64_t middle = expected[attempt - 1], jitter = middle / 5;
        uint64_t low = retry_delay_ms(attempt, RETRY_AFTER_NONE, 0);
        uint64_t high = retry_delay_ms(attempt, RETRY_AFTER_NONE, (uint32_t)(2 * jitter));
        cr_assert_eq(low, middle - jitter, "attempt %u: %lu", attempt, (unsigned long)low);
        cr_assert_eq(high, middle + jitter, "attempt %u: %lu", attempt, (unsigned long)high);
    }
}

Test(retry, jitter_stays_within_a_fifth_for_any_random_number)
{
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t delay = retry_delay_ms(1, RETRY_AFTER_NONE, i * 2654435761u);
        cr_assert(delay >= 800 && delay <= 1200, "%lu", (unsigned long)delay);
    }
}

Test(retry, waits_as_long_as_it_was_asked_to_but_no_longer_than_thirty_seconds)
{
    cr_assert_eq(retry_delay_ms(1, 0, 7), 0);
    cr_assert_eq(retry_delay_ms(1, 7000, 7), 7000);
    cr_assert_eq(retry_delay_ms(4, 30000, 7), 30000);
    cr_assert_eq(retry_delay_ms(1, 86400000, 7), 30000);
}

Test(retry, reads_seconds)
{
    cr_assert_eq(after("120"), 120000);
    cr_assert_eq(after("  0 \r\n"), 0);
    cr_assert_eq(after("9999999999"), INT64_C(9999999999000));
}

Test(retry, reads_the_three_forms_of_a_date)
{
    cr_assert_eq(after("Sun, 06 Nov 1994 08:49:47 GMT"), 10000);
    cr_assert_eq(after("Sunday, 06-Nov-94 08:49:47 GMT"), 10000);
    cr_assert_eq(after("Sun Nov  6 08:49:47 1994"), 10000);
    cr_assert_eq(after("Mon, 07 Nov 1994 08:49:37 GMT\r\n"), 86400000);
}

Test(retry, counts_leap_days)
{
    int64_t march_1_2024 = 1709251200;
    static const char text[] = "Fri, 01 Mar 2024 00:00:00 GMT";
    cr_assert_eq(retry_after_ms(text, sizeof text - 1, march_1_2024 - 2), 2000);
    static const char leap[] = "Thu, 29 Feb 2024 23:59:59 GMT";
    cr_assert_eq(retry_after_ms(leap, sizeof leap - 1, march_1_2024 - 2), 1000);
}

Test(retry, a_date_that_is_over_means_now)
{
    cr_assert_eq(after("Sun, 06 Nov 1994 08:49:00 GMT"), 0);
}

Test(retry, ignores_what_is_neither)
{
    static const char *const bad[] = {
        "",
        " ",
        "-1",
        "1.5",
        "soon",
        "12s",
        "99999999999999999999",
        "Sun, 06",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:00:00 GMT",
        "Sun, 06 Nov 1994 08:49",
        ",",
        "Sun Nov",
        "Sun, 06-Nov 94 08:49:37",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_eq(after(bad[i]), RETRY_AFTER_NONE, "%s", bad[i]);
}

Test(retry, reads_no_further_than_the_length_given)
{
    cr_assert_eq(retry_after_ms("1234", 2, NOW), 12000);
    static const char date[] = "Sun, 06 Nov 1994 08:49:47 GMT";
    for (size_t len = 0; len < 25; len++) {
        char *exact = malloc(len ? len : 1); /* valgrind and ASan see a byte too many */
        memcpy(exact, date, len);
        cr_assert_eq(retry_after_ms(exact, len, NOW), RETRY_AFTER_NONE, "%zu", len);
        free(exact);
    }
}
