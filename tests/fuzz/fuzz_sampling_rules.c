/*
 * libFuzzer entry for shim/sdk/rules.c: rules, a zero byte, a path.
 *
 * Holds: as many rules are told of as bad as there are more than are kept; a decision ends;
 * a rule of one `*` decides everything.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[4096];
    static const uint8_t id[16] = { 1 };
    struct rule_fault fault;
    struct span_known known = { 0 };
    const uint8_t *zero = memchr(data, 0, size);
    size_t len = zero != NULL ? (size_t)(zero - data) : size;
    if (len >= sizeof text)
        return 0;
    memcpy(text, data, len);
    text[len] = 0;
    struct rules *rules = rules_make(text, &fault);
    if ((fault.nr_bad > 0) != (fault.what != NULL))
        abort();
    if (fault.nr_bad > 0 && (fault.at < text || fault.at + fault.len > text + len))
        abort();
    if (zero != NULL)
        span_known_set(&known, RULE_PATH, (const char *)zero + 1, size - len - 1);
    if (rules == NULL)
        return 0;
    rules_decide(rules, &known, id, true, true);
    if (rules_decide(rules, &known, id, true, false) == RULES_KEEP)
        abort();
    return 0;
}
