/*
 * When is a batch sent again, and when? (OTLP/HTTP response rules and
 * docs/LIMITS.md.) Pure functions: no clock, no I/O, no allocation.
 */
#ifndef OTELSHIM_RETRY_H
#define OTELSHIM_RETRY_H

#include <stddef.h>
#include <stdint.h>

#define RETRY_MAX_ATTEMPTS 5u
#define RETRY_FIRST_DELAY_MS 1000u
#define RETRY_MAX_DELAY_MS 5000u
#define RETRY_JITTER_PERCENT 20u
#define RETRY_AFTER_MAX_MS 30000u

#define RETRY_AFTER_NONE (-1)

enum verdict {
    VERDICT_DELIVERED, /* look for a partial success */
    VERDICT_RETRY,
    VERDICT_REJECTED, /* for good */
    VERDICT_UNUSABLE, /* the transport cannot be had on this machine, now or later */
};

/* By the status of a complete response. Redirects are not followed: an exporter
 * carries credentials, and was told where to send. */
enum verdict retry_verdict(long http_status);

/*
 * How long to wait after `attempt` attempts (1 = the first one failed):
 * exponential, jittered by `random` (any 32 bits), or what the collector asked
 * for, up to RETRY_AFTER_MAX_MS.
 */
uint64_t retry_delay_ms(unsigned attempt, int64_t retry_after_ms, uint32_t random);

/*
 * Reads a Retry-After value: seconds, or an HTTP-date (IMF-fixdate, RFC 850 or
 * asctime form) as seen at `now_unix_s`. RETRY_AFTER_NONE: neither.
 */
int64_t retry_after_ms(const char *text, size_t len, int64_t now_unix_s);

#endif
