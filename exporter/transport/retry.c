/*
 * The rules of retry.h. Dates are read by hand: strptime and timegm look at
 * locale and time zone, which belong to the program.
 */
#include "retry.h"

#include <stdbool.h>
#include <string.h>

#define MS_PER_S 1000
#define SECONDS_PER_DAY 86400

enum verdict retry_verdict(long http_status)
{
    if (http_status >= 200 && http_status < 300)
        return VERDICT_DELIVERED;
    switch (http_status) {
    case 429:
    case 502:
    case 503:
    case 504: return VERDICT_RETRY;
    default: return VERDICT_REJECTED;
    }
}

uint64_t retry_delay_ms(unsigned attempt, int64_t after_ms, uint32_t random)
{
    if (after_ms != RETRY_AFTER_NONE)
        return after_ms < RETRY_AFTER_MAX_MS ? (uint64_t)after_ms : RETRY_AFTER_MAX_MS;
    uint64_t delay = RETRY_FIRST_DELAY_MS;
    for (unsigned i = 1; i < attempt && delay < RETRY_MAX_DELAY_MS; i++)
        delay += delay / 2;
    if (delay > RETRY_MAX_DELAY_MS)
        delay = RETRY_MAX_DELAY_MS;
    uint64_t jitter = delay * RETRY_JITTER_PERCENT / 100;
    return delay - jitter + random % (2 * jitter + 1);
}

/* What is left of a text that is read from the front. */
struct input {
    const char *at, *end;
};

static void skip_blanks(struct input *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t'))
        in->at++;
}

static bool skip_char(struct input *in, char c)
{
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

/* A number of at most `max_digits` digits. */
static bool read_number(struct input *in, unsigned max_digits, int64_t *out)
{
    const char *start = in->at;
    *out = 0;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9') {
        if ((unsigned)(in->at - start) == max_digits)
            return false;
        *out = *out * 10 + (*in->at++ - '0');
    }
    return in->at > start;
}

static bool read_month(struct input *in, int64_t *month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (in->end - in->at < 3)
        return false;
    for (*month = 1; *month <= 12; ++*month) {
        if (memcmp(in->at, names + 3 * (*month - 1), 3) == 0) {
            in->at += 3;
            return true;
        }
    }
    return false;
}

/* Exactly two digits, at most `max`. */
static bool read_pair(struct input *in, int64_t max, int64_t *out)
{
    const char *start = in->at;
    return read_number(in, 2, out) && in->at - start == 2 && *out <= max;
}

static bool read_time(struct input *in, int64_t *seconds)
{
    int64_t h, m, s;
    if (!read_pair(in, 23, &h) || !skip_char(in, ':') || !read_pair(in, 59, &m) ||
        !skip_char(in, ':') || !read_pair(in, 60, &s))
        return false;
    *seconds = (h * 60 + m) * 60 + s;
    return true;
}

/* Days from 1970-01-01 in the Gregorian calendar; years start in March, so that
 * the leap day is the last one. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    if (month <= 2)
        year--;
    int64_t era = year / 400, year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* "06 Nov 1994 08:49:37 GMT" or "06-Nov-94 08:49:37 GMT". */
static bool read_date_after_comma(struct input *in, int64_t *unix_s)
{
    int64_t day, month, year, seconds;
    skip_blanks(in);
    if (!read_number(in, 2, &day))
        return false;
    bool dashes = skip_char(in, '-');
    skip_blanks(in);
    if (!read_month(in, &month) || (dashes && !skip_char(in, '-')))
        return false;
    skip_blanks(in);
    if (!read_number(in, 4, &year))
        return false;
    if (dashes && year < 100) /* two digits, as POSIX reads them */
        year += year < 70 ? 2000 : 1900;
    skip_blanks(in);
    if (!read_time(in, &seconds))
        return false;
    *unix_s = days_from_date(year, month, day) * SECONDS_PER_DAY + seconds;
    return true;
}

/* "Nov  6 08:49:37 1994". */
static bool read_asctime_date(struct input *in, int64_t *unix_s)
{
    int64_t day, month, year, seconds;
    skip_blanks(in);
    if (!read_month(in, &month))
        return false;
    skip_blanks(in);
    if (!read_number(in, 2, &day))
        return false;
    skip_blanks(in);
    if (!read_time(in, &seconds))
        return false;
    skip_blanks(in);
    if (!read_number(in, 4, &year))
        return false;
    *unix_s = days_from_date(year, month, day) * SECONDS_PER_DAY + seconds;
    return true;
}

static bool read_http_date(struct input *in, int64_t *unix_s)
{
    while (in->at < in->end && *in->at != ',' && *in->at != ' ') /* day of the week */
        in->at++;
    return skip_char(in, ',') ? read_date_after_comma(in, unix_s) : read_asctime_date(in, unix_s);
}

int64_t retry_after_ms(const char *text, size_t len, int64_t now_unix_s)
{
    struct input in = { text, text + len };
    int64_t seconds, unix_s;
    while (in.end > in.at &&
           (in.end[-1] == ' ' || in.end[-1] == '\t' || in.end[-1] == '\r' || in.end[-1] == '\n'))
        in.end--;
    skip_blanks(&in);
    struct input date = in;
    if (read_number(&in, 10, &seconds))
        return in.at == in.end ? seconds * MS_PER_S : RETRY_AFTER_NONE;
    if (!read_http_date(&date, &unix_s))
        return RETRY_AFTER_NONE;
    return unix_s > now_unix_s ? (unix_s - now_unix_s) * MS_PER_S : 0;
}
