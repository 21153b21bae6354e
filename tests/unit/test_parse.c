/* The types of values, each with what its rule accepts and refuses. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

Test(parse, bool_is_true_in_any_case_and_else_false)
{
    static const struct {
        const char *text;
        bool value, good;
    } rows[] = {
        { "true", true, true },   { "TRUE", true, true },   { " True\t", true, true },
        { "false", false, true }, { "fAlse", false, true }, { "1", false, false },
        { "yes", false, false },  { "", false, false },     { "truely", false, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool value = !rows[i].value;
        cr_assert_eq(parse_bool(slice_of(rows[i].text), &value), rows[i].good, "%s", rows[i].text);
        cr_assert_eq(value, rows[i].value, "%s", rows[i].text);
    }
}

Test(parse, uint_takes_decimal_digits_within_bounds)
{
    static const char *const bad[] = { "",
                                       " ",
                                       "-1",
                                       "+1",
                                       "1.0",
                                       "1 2",
                                       "0x10",
                                       "1e3",
                                       "abc",
                                       "2147483648",
                                       "99999999999999999999999999",
                                       "1\n",
                                       "\xb2" };
    uint32_t value = 77;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert(!parse_uint(slice_of(bad[i]), 0, PARSE_UINT_MAX, &value), "%s", bad[i]);
    cr_assert_eq(value, 77);
    cr_assert(parse_uint(slice_of(" 2147483647 "), 0, PARSE_UINT_MAX, &value));
    cr_assert_eq(value, 2147483647u);
    cr_assert(parse_uint(slice_of("007"), 0, PARSE_UINT_MAX, &value));
    cr_assert_eq(value, 7);
    cr_assert(!parse_uint(slice_of("0"), 1, PARSE_UINT_MAX, &value));
}

Test(parse, ratio_reads_what_strtod_reads)
{
    static const char *const good[] = { "0",      "1",
                                        "1.0",    ".5",
                                        "0.",     "0.1",
                                        "0.3",    "0.0001",
                                        "1e-3",   "1E-10",
                                        "5e-1",   "+0.7",
                                        " 0.25 ", "0.123456789012345",
                                        "100e-2", "0.999999999999999",
                                        "0e99",   "00000.50000",
                                        "1e-300" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = -1;
        cr_assert(parse_ratio(slice_of(good[i]), &value), "%s", good[i]);
        cr_assert_float_eq(value, strtod(good[i], NULL), 1e-16, "%s: %.17g", good[i], value);
        if (strlen(good[i]) < 18 && strcmp(good[i], "1e-300") != 0)
            cr_assert_eq(value, strtod(good[i], NULL), "%s: %.17g", good[i], value);
    }
}

Test(parse, ratio_refuses_the_rest)
{
    static const char *const bad[] = {
        "",     ".",   "-0.1",  "1.1",    "2",   "1e1",  "nan",   "inf",          "0x1p-1",
        "0.5x", "0,5", "e5",    "1e",     "1e-", "1e 1", "0.1.2", "1e9999999999", "1.0000001",
        "--1",  " ",   "1e+-1", "0.5 0.5"
    };
    double value = 77;
    char digits[1024];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert(!parse_ratio(slice_of(bad[i]), &value), "%s", bad[i]);
    memset(digits, '9', sizeof digits);
    cr_assert(!parse_ratio((struct slice){ digits, sizeof digits }, &value));
    cr_assert(!parse_ratio((struct slice){ digits, 300 }, &value));
    cr_assert_eq(value, 77);
}

Test(parse, list_trims_and_drops_empty_items)
{
    struct slice rest = slice_of(" ,a b ,,\tc\t,"), item;
    cr_assert(parse_list_next(&rest, &item));
    cr_assert(slice_is(item, "a b"));
    cr_assert(parse_list_next(&rest, &item));
    cr_assert(slice_is(item, "c"));
    cr_assert(!parse_list_next(&rest, &item));
    cr_assert(!parse_list_next(&rest, &item));
}

Test(parse, percent_decoding)
{
    static const struct {
        const char *text, *decoded;
    } rows[] = {
        { "", "" },         { "a+b", "a+b" }, { "%41%7e", "A~" }, { "%C3%a4", "\xc3\xa4" },
        { "%2525", "%25" }, { "%", NULL },    { "%4", NULL },     { "a%", NULL },
        { "%4g", NULL },    { "%00", NULL },  { "%%41", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[32] = "";
        long n = percent_decode(slice_of(rows[i].text), out);
        cr_assert_eq(n < 0, rows[i].decoded == NULL, "%s", rows[i].text);
        if (n >= 0)
            cr_assert(slice_is((struct slice){ out, (size_t)n }, rows[i].decoded), "%s",
                      rows[i].text);
    }
}

Test(parse, utf8)
{
    static const char *const good[] = { "",
                                        "abc",
                                        "\xc2\x80",
                                        "\xdf\xbf",
                                        "\xe0\xa0\x80",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xef\xbf\xbf",
                                        "\xf0\x90\x80\x80",
                                        "\xf4\x8f\xbf\xbf" };
    static const char *const bad[] = { "\x80",
                                       "\xc0\x80",
                                       "\xc1\xbf",
                                       "\xc2",
                                       "\xe0\x9f\xbf",
                                       "\xed\xa0\x80",
                                       "\xf0\x8f\xbf\xbf",
                                       "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80",
                                       "a\xe2\x82",
                                       "\xff",
                                       "\xc2\x41" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_assert(utf8_is_valid(good[i], strlen(good[i])), "good %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert(!utf8_is_valid(bad[i], strlen(bad[i])), "bad %zu", i);
}

Test(parse, shown_values_are_printable_short_and_without_passwords)
{
    char out[SHOWN_BYTES], text[4096];
    text_shown(slice_of("a\n\x1b\xff~"), out);
    cr_assert_str_eq(out, "a\\x0a\\x1b\\xff~");
    text_shown(slice_of("http://joe:secret@pa@host/x"), out);
    cr_assert_str_eq(out, "REDACTED@host/x");
    memset(text, '\x01', sizeof text);
    text_shown((struct slice){ text, sizeof text }, out);
    cr_assert_str_eq(out + 48 * 4, "... (4096 bytes)");
    text_shown((struct slice){ text, 0 }, out);
    cr_assert_str_eq(out, "");
}
