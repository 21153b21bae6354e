/* The PROXY protocol, see shim/proto/proxy.h. Every header is fed whole, byte by byte and
 * in two pieces cut anywhere. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "proto/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define REST "GET / HTTP/1.1\r\n"

static enum proxy_result feed(struct proxy *p, const char *bytes, size_t len, size_t first,
                              size_t then, size_t *used)
{
    enum proxy_result result = PROXY_MORE;
    *used = 0;
    memset(p, 0, sizeof *p);
    for (size_t piece = first; *used < len && result == PROXY_MORE; piece = then) {
        size_t taken, n = piece < len - *used ? piece : len - *used;
        result = proxy_feed(p, bytes + *used, n, &taken);
        cr_assert(result != PROXY_MORE || taken == n);
        *used += taken;
    }
    return result;
}

/* The header, and a request behind it, in every cut. */
static struct proxy expect_done(const char *header, size_t len)
{
    struct proxy whole, p;
    char bytes[1024];
    size_t used, all = len + sizeof REST - 1;
    memcpy(bytes, header, len);
    memcpy(bytes + len, REST, sizeof REST);
    cr_assert_eq(proxy_detect(bytes, all), PROXY_YES);
    cr_assert_eq(feed(&whole, bytes, all, all, all, &used), PROXY_DONE, "%s", header);
    cr_assert_eq(used, len, "%s: %zu bytes", header, used);
    cr_assert_eq(feed(&p, bytes, all, 1, 1, &used), PROXY_DONE);
    cr_assert_eq(used, len);
    for (size_t cut = 1; cut < len; cut++) {
        cr_assert_eq(feed(&p, bytes, all, cut, all, &used), PROXY_DONE);
        cr_assert_eq(used, len);
        cr_assert_eq(p.family, whole.family);
        cr_assert_eq(p.source_port, whole.source_port);
        cr_assert_eq(memcmp(p.source, whole.source, 16), 0);
    }
    return whole;
}

static void expect_bad(const char *header, size_t len)
{
    struct proxy p;
    size_t used;
    cr_expect_eq(feed(&p, header, len, len, len, &used), PROXY_BAD, "%s", header);
    cr_expect_eq(feed(&p, header, len, 1, 1, &used), PROXY_BAD, "%s", header);
}

static void expect_address(int af, const uint8_t *address, const char *expected)
{
    char text[INET6_ADDRSTRLEN];
    inet_ntop(af, address, text, sizeof text);
    cr_expect_str_eq(text, expected);
}

Test(proxy, reads_the_text_form)
{
    static const char v4[] = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n";
    struct proxy p = expect_done(v4, sizeof v4 - 1);
    cr_expect_eq(p.family, PROXY_INET);
    expect_address(AF_INET, p.source, "192.168.0.1");
    expect_address(AF_INET, p.destination, "192.168.0.11");
    cr_expect_eq(p.source_port, 56324);
    cr_expect_eq(p.destination_port, 443);

    static const char v6[] = "PROXY TCP6 2001:db8::1 ::1 0 65535\r\n";
    p = expect_done(v6, sizeof v6 - 1);
    cr_expect_eq(p.family, PROXY_INET6);
    expect_address(AF_INET6, p.source, "2001:db8::1");
    cr_expect_eq(p.destination_port, 65535);
}

Test(proxy, reads_the_longest_text)
{
    static const char text[] = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                               "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    cr_assert_eq(sizeof text - 1, PROXY_MAX_TEXT);
    cr_expect_eq(expect_done(text, sizeof text - 1).family, PROXY_UNKNOWN);
    cr_expect_eq(expect_done("PROXY UNKNOWN\r\n", 15).family, PROXY_UNKNOWN);
}

Test(proxy, refuses_malformed_text)
{
    static const char *const texts[] = {
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
        "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
        "PROXY TCP4\r\n",
        "PROXY \r\n",
        "PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect_bad(texts[i], strlen(texts[i]));
    expect_bad("PROXY UNKNOWN\0\r\n", 16);
}

Test(proxy, reads_the_binary_form)
{
    static const char v4[] =
        SIGNATURE "\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x50\x01\xbb";
    struct proxy p = expect_done(v4, sizeof v4 - 1);
    cr_expect_eq(p.family, PROXY_INET);
    expect_address(AF_INET, p.source, "1.2.3.4");
    expect_address(AF_INET, p.destination, "5.6.7.8");
    cr_expect_eq(p.source_port, 80);
    cr_expect_eq(p.destination_port, 443);

    static const char v6[] = SIGNATURE "\x21\x21\x00\x28"
                                       "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                                       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x34\x00\x50"
                                       "\x03\x00\x01z";
    p = expect_done(v6, sizeof v6 - 1);
    cr_expect_eq(p.family, PROXY_INET6);
    expect_address(AF_INET6, p.source, "2001:db8::1");
    cr_expect_eq(p.source_port, 0x1234);
}

Test(proxy, keeps_the_sockets_peer_where_the_sender_says_nothing)
{
    static const char local[] = SIGNATURE "\x20\x00\x00\x00";
    cr_expect_eq(expect_done(local, sizeof local - 1).family, PROXY_UNKNOWN);
    static const char local_with_addresses[] = SIGNATURE "\x20\x11\x00\x0c............";
    cr_expect_eq(expect_done(local_with_addresses, sizeof local_with_addresses - 1).family,
                 PROXY_UNKNOWN);
    static char unix_sockets[16 + 216] = SIGNATURE "\x21\x31\x00\xd8/a";
    cr_expect_eq(expect_done(unix_sockets, sizeof unix_sockets).family, PROXY_UNKNOWN);
}

Test(proxy, refuses_malformed_bytes)
{
    expect_bad(SIGNATURE "\x31\x11\x00\x0c............", 28);
    expect_bad(SIGNATURE "\x22\x11\x00\x0c............", 28);
    expect_bad(SIGNATURE "\x21\x11\x00\x0b...........", 27);
    expect_bad(SIGNATURE "\x21\x21\x00\x0c............", 28);
}

Test(proxy, tells_what_is_none)
{
    cr_expect_eq(proxy_detect("", 0), PROXY_UNSURE);
    cr_expect_eq(proxy_detect("P", 1), PROXY_UNSURE);
    cr_expect_eq(proxy_detect("PRI * HTTP/2.0", 14), PROXY_NO);
    cr_expect_eq(proxy_detect("PUT / HTTP/1.1", 14), PROXY_NO);
    cr_expect_eq(proxy_detect("\r\n\r\nGET /", 9), PROXY_NO);
    cr_expect_eq(proxy_detect("\r\n\r\n", 4), PROXY_UNSURE);
    cr_expect_eq(proxy_detect("GET", 3), PROXY_NO);
}
