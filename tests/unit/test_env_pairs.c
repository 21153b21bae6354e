/* Lists of name=value: headers and resource attributes. */
#include "env_case.h"

Test(env_pairs, headers_are_decoded_and_lowered_and_the_last_one_holds)
{
    const struct config *c = LOAD("OTEL_EXPORTER_OTLP_HEADERS=API-Key = a%20b%3D, x=1 ,,"
                                  "authorization=Basic dTpw=,X=2,empty=");
    cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    cr_assert_eq(c->otlp.nr_headers, 4);
    cr_assert_str_eq(c->otlp.headers[0].key, "api-key");
    cr_assert_str_eq(c->otlp.headers[0].value, "a b=");
    cr_assert_str_eq(c->otlp.headers[1].key, "x");
    cr_assert_str_eq(c->otlp.headers[1].value, "2");
    cr_assert_str_eq(c->otlp.headers[2].value, "Basic dTpw=");
    cr_assert_str_eq(c->otlp.headers[3].value, "");
}

Test(env_pairs, headers_for_traces_replace_the_general_ones)
{
    const struct config *c =
        LOAD("OTEL_EXPORTER_OTLP_HEADERS=a=1,b=2", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=c=3");
    cr_assert_eq(c->otlp.nr_headers, 1);
    cr_assert_str_eq(c->otlp.headers[0].key, "c");
}

Test(env_pairs, bad_header_is_left_out_in_one_line_without_its_value)
{
    static const char *const bad[] = {
        "secret",     "=secret",       "na me=secret", "na\x01me=secret",
        "k=sec\"ret", "k=sec\\ret",    "k=sec;ret",    "k=%0d%0asecret:x",
        "k=secret%",  "k=secret%zz",   "k=%00secret",  "k=secret\xff",
        "%0a=secret", "k=secret\r\nx", "k%=secret",    ";=secret",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char env[256];
        snprintf(env, sizeof env, "OTEL_EXPORTER_OTLP_HEADERS=good=1,%s,fine=2", bad[i]);
        const struct config *c = LOAD(env);
        cr_assert_eq(c->otlp.nr_headers, 2, "%s", bad[i]);
        cr_assert_eq(nr_mistakes, 1, "%s", bad[i]);
        cr_assert_null(strstr(mistakes[0], "secret"), "%s", mistakes[0]);
        cr_assert_not_null(strstr(mistakes[0], "item 2 "), "%s", mistakes[0]);
    }
}

Test(env_pairs, resource_attributes_are_decoded_and_the_last_one_holds)
{
    const struct config *c =
        LOAD("OTEL_RESOURCE_ATTRIBUTES= deployment = a b , k%3D=v%2Cw=x,k=1,k=2,"
             "empty=,umlaut=\xc3\xa4%C3%B6,");
    cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    cr_assert_eq(c->nr_resource, 5);
    cr_assert_str_eq(c->resource[0].key, "deployment");
    cr_assert_str_eq(c->resource[0].value, "a b");
    cr_assert_str_eq(c->resource[1].key, "k=");
    cr_assert_str_eq(c->resource[1].value, "v,w=x");
    cr_assert_str_eq(c->resource[2].value, "2");
    cr_assert_str_eq(c->resource[3].value, "");
    cr_assert_str_eq(c->resource[4].value, "\xc3\xa4\xc3\xb6");
}

Test(env_pairs, one_bad_resource_attribute_discards_all)
{
    static const char *const bad[] = { "b",     "=b",  "b=%",   "b=%4", "b=%gg", "b=\xff",
                                       "b=%ff", "%=1", "b=%00", " =b",  "b=%C3" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char env[256];
        snprintf(env, sizeof env, "OTEL_RESOURCE_ATTRIBUTES=a=1,%s", bad[i]);
        cr_assert_eq(LOAD(env)->nr_resource, 0, "%s", bad[i]);
        cr_assert_eq(nr_mistakes, 1, "%s", bad[i]);
    }
}

Test(env_pairs, lists_of_pairs_are_bounded)
{
    static char env[8192];
    strcpy(env, "OTEL_RESOURCE_ATTRIBUTES=");
    for (int i = 0; i < 200; i++)
        sprintf(env + strlen(env), "k%d=v,", i);
    cr_assert_eq(LOAD(env)->nr_resource, CONFIG_MAX_RESOURCE_ATTRIBUTES);
    cr_assert_str_eq(mistakes[0],
                     "OTEL_RESOURCE_ATTRIBUTES: more than 128 attributes; 72 left out");
    memcpy(env, "OTEL_EXPORTER_OTLP_HEADERS=k=v,", 31);
    cr_assert_eq(LOAD(env)->otlp.nr_headers, CONFIG_MAX_HEADERS);
    cr_assert_eq(nr_mistakes, 1);
}
