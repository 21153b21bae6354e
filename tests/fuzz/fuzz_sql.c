/*
 * libFuzzer entry for shim/proto/sql.c.
 *
 * Holds: both outputs within their bounds; no read beyond the input; a text
 * that was sanitised once has nothing left to sanitise.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/sql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[4096], again[4096], summary[SQL_MAX_SUMMARY], summary2[SQL_MAX_SUMMARY];
    unsigned flags = 0;
    size_t max = sizeof text;
    if (size > 0) { /* the first byte chooses flags and room */
        flags = data[0] & 1;
        max = data[0] & 2 ? data[0] : sizeof text;
        data++, size--;
    }
    struct sql_result first = { text, max, 0, summary, sizeof summary, 0 };
    sql_read((const char *)data, size, flags, &first);
    require(first.text_len <= max && first.text_len <= size);
    require(first.summary_len <= SQL_MAX_SUMMARY);
    if (max < sizeof text || size > sizeof text || flags)
        return 0; /* may have been cut, inside a name for instance */
    struct sql_result second = { again, sizeof again, 0, summary2, sizeof summary2, 0 };
    sql_read(text, first.text_len, flags, &second);
    require(second.text_len == first.text_len && memcmp(text, again, first.text_len) == 0);
    return 0;
}
