/* What is remembered of curl_easy_setopt, see shim/hooks/curl_options.h. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../shim/hooks/curl_options.c"
#include "../../shim/hooks/curl_errors.h"

static struct curl_options options;

static void set(CURLoption option, const void *value)
{
    void *v;
    memcpy(&v, &value, sizeof v);
    cr_assert(curl_option_matters(option), "option %d", (int)option);
    curl_option_set(&options, option, v);
}

static void set_long(CURLoption option, long value)
{
    set(option, (const void *)value);
}

static void expect_method(const char *expected)
{
    size_t len;
    const char *method = curl_options_method(&options, &len);
    cr_expect(len == strlen(expected) && memcmp(method, expected, len) == 0, "%.*s, expected %s",
              (int)len, method, expected);
}

static void expect_url(const char *expected)
{
    size_t len;
    const char *url = curl_options_url(&options, &len);
    cr_expect(len == strlen(expected) && memcmp(url, expected, len) == 0, "%.*s, expected %s",
              (int)len, url, expected);
}

static void fresh(void)
{
    memset(&options, 0, sizeof options);
}

TestSuite(curl_options, .init = fresh);

Test(curl_options, a_new_handle_gets)
{
    expect_method("GET");
    expect_url("");
}

Test(curl_options, the_last_method_option_wins)
{
    set(CURLOPT_POSTFIELDS, "a");
    expect_method("POST");
    set_long(CURLOPT_UPLOAD, 1);
    expect_method("PUT");
    set_long(CURLOPT_HTTPGET, 1);
    expect_method("GET");
    set_long(CURLOPT_POST, 1);
    expect_method("POST");
    set_long(CURLOPT_POST, 0);
    expect_method("GET");
    set(CURLOPT_MIMEPOST, "mime");
    expect_method("POST");
    set_long(CURLOPT_PUT, 1);
    expect_method("PUT");
    set_long(CURLOPT_PUT, 0);
    expect_method("GET");
}

Test(curl_options, nobody_is_head_until_it_is_switched_off)
{
    set(CURLOPT_COPYPOSTFIELDS, "a");
    set_long(CURLOPT_NOBODY, 1);
    expect_method("HEAD");
    set_long(CURLOPT_NOBODY, 0);
    expect_method("GET");
    set_long(CURLOPT_NOBODY, 1);
    set_long(CURLOPT_POST, 1);
    expect_method("POST");
    set_long(CURLOPT_NOBODY, 1);
    set_long(CURLOPT_HTTPGET, 1);
    expect_method("GET");
}

Test(curl_options, a_custom_request_replaces_the_word)
{
    set_long(CURLOPT_NOBODY, 1);
    set(CURLOPT_CUSTOMREQUEST, "PROPFIND");
    expect_method("PROPFIND");
    set(CURLOPT_CUSTOMREQUEST, NULL);
    expect_method("HEAD");
}

Test(curl_options, long_texts_are_cut_and_marked)
{
    char text[CURL_URL_MAX + 10];
    memset(text, 'A', sizeof text);
    text[sizeof text - 1] = 0;
    set(CURLOPT_CUSTOMREQUEST, text);
    cr_expect_eq(options.method_len, CURL_METHOD_MAX);
    cr_expect(options.method_cut);
    set(CURLOPT_URL, text);
    cr_expect_eq(options.url_len, CURL_URL_MAX);
    cr_expect(options.url_cut);
    set(CURLOPT_URL, "http://h/");
    cr_expect(!options.url_cut);
    expect_url("http://h/");
}

static void expect_socket(const char *expected)
{
    cr_expect(options.socket_len == strlen(expected) &&
                  memcmp(options.socket, expected, options.socket_len) == 0,
              "%.*s, expected %s", (int)options.socket_len, options.socket, expected);
}

Test(curl_options, the_last_unix_socket_wins)
{
    char longest[CURL_SOCKET_MAX + 1] = { 0 }, longer[CURL_SOCKET_MAX + 2] = { 0 };
    memset(longest, 'x', sizeof longest - 1);
    memset(longer, 'x', sizeof longer - 1);
    expect_socket("");
    set(CURLOPT_UNIX_SOCKET_PATH, "/run/a.sock");
    expect_socket("/run/a.sock");
    set(CURLOPT_ABSTRACT_UNIX_SOCKET, "b");
    expect_socket("@b");
    set(CURLOPT_UNIX_SOCKET_PATH, longest);
    expect_socket(longest);
    set(CURLOPT_UNIX_SOCKET_PATH, longer);
    expect_socket("");
    set(CURLOPT_ABSTRACT_UNIX_SOCKET, longest); /* no room for its @ */
    expect_socket("");
    set(CURLOPT_UNIX_SOCKET_PATH, "/run/a.sock");
    set(CURLOPT_UNIX_SOCKET_PATH, NULL);
    expect_socket("");
    set(CURLOPT_UNIX_SOCKET_PATH, "/run/a.sock");
    curl_options_reset(&options);
    expect_socket("");
}

Test(curl_options, a_url_without_scheme_gets_libcurls)
{
    set(CURLOPT_URL, "example.com:8080/x");
    expect_url("http://example.com:8080/x");
    set(CURLOPT_URL, "ftp.example.com");
    expect_url("ftp://ftp.example.com");
    set(CURLOPT_DEFAULT_PROTOCOL, "https");
    expect_url("https://ftp.example.com");
    set(CURLOPT_DEFAULT_PROTOCOL, NULL);
    set(CURLOPT_URL, NULL);
    expect_url("");
}

Test(curl_options, reset_forgets_everything)
{
    set(CURLOPT_URL, "https://h/");
    set(CURLOPT_CUSTOMREQUEST, "X");
    set_long(CURLOPT_PORT, 81);
    set_long(CURLOPT_CONNECT_ONLY, 2);
    set(CURLOPT_HTTPHEADER, "list");
    set(CURLOPT_PREREQDATA, "data");
    set(CURLOPT_RESOLVER_START_DATA, "data");
    cr_expect(options.connect_only);
    curl_options_reset(&options);
    expect_url("");
    expect_method("GET");
    cr_expect_eq(options.port, 0);
    cr_expect(!options.connect_only);
    cr_expect_null(options.headers);
    cr_expect_null(options.prereq_data);
    cr_expect_null(options.resolver_start_data);
}

Test(curl_options, others_are_none_of_our_business)
{
    cr_expect(!curl_option_matters(CURLOPT_WRITEDATA));
    cr_expect(!curl_option_matters(CURLOPT_INFILESIZE_LARGE));
    cr_expect(!curl_option_matters((CURLoption)123456));
}

Test(curl_errors, every_code_of_the_header_has_its_own_name)
{
    cr_expect_str_eq(curl_error_name(CURLE_COULDNT_CONNECT), "CURLE_COULDNT_CONNECT");
    cr_expect_str_eq(curl_error_name(CURLE_OPERATION_TIMEDOUT), "CURLE_OPERATION_TIMEDOUT");
    cr_expect_str_eq(curl_error_name(CURLE_PEER_FAILED_VERIFICATION),
                     "CURLE_PEER_FAILED_VERIFICATION");
    cr_expect_str_eq(curl_error_name(CURLE_SSL_SHUTDOWN_FAILED), "CURLE_SSL_SHUTDOWN_FAILED");
    cr_expect_str_eq(curl_error_name(CURLE_UNRECOVERABLE_POLL), "CURLE_UNRECOVERABLE_POLL");
    cr_expect_str_eq(curl_error_name(4999), "_OTHER");
}
