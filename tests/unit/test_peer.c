/* The other end of a connection: addresses as text, and the client a PROXY header names. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "conn/peer.h"

static void expect(struct text t, const char *text)
{
    cr_assert_eq(t.len, strlen(text), "%.*s, not %s", (int)t.len, t.at, text);
    cr_assert_arr_eq(t.at, text, t.len);
}

static struct peer peer_of(const void *address, size_t len)
{
    struct peer p = { .flags = 0 };
    peer_set(&p, address, (socklen_t)len);
    return p;
}

static struct peer inet(const char *digits, uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    cr_assert_eq(inet_pton(AF_INET, digits, &in.sin_addr), 1);
    return peer_of(&in, sizeof in);
}

static struct proxy header(const char *text)
{
    struct proxy p = { 0 };
    size_t taken;
    cr_assert_eq(proxy_feed(&p, text, strlen(text), &taken), PROXY_DONE);
    return p;
}

Test(peer, internet_addresses_are_digits)
{
    static const char *const texts[] = { "0.0.0.0", "127.0.0.1", "255.255.255.255", "10.9.8.210" };
    char room[PEER_TEXT];
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct peer p = inet(texts[i], 65535);
        expect(peer_address(&p, room), texts[i]);
        expect(peer_client(&p, room), texts[i]);
        cr_assert_eq(peer_port(&p), 65535);
    }
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(81) };
    inet_pton(AF_INET6, "2001:db8::7", &in6.sin6_addr);
    struct peer p = peer_of(&in6, sizeof in6);
    expect(peer_address(&p, room), "2001:db8::7");
    cr_assert_eq(peer_port(&p), 81);
    inet_pton(AF_INET6, "::ffff:10.1.2.3", &in6.sin6_addr); /* a dual-stack listener's client */
    p = peer_of(&in6, sizeof in6);
    expect(peer_address(&p, room), "10.1.2.3");
}

Test(peer, what_is_not_known_or_too_short_has_no_text)
{
    char room[PEER_TEXT];
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr other = { .sa_family = AF_APPLETALK };
    struct peer none[] = { { .flags = 0 },
                           peer_of(NULL, 0),
                           peer_of(&in, 1),
                           peer_of(&in, sizeof in - 1),
                           peer_of(&other, sizeof other) };
    for (unsigned i = 0; i < sizeof none / sizeof *none; i++) {
        cr_assert_eq(none[i].flags, 0);
        expect(peer_address(&none[i], room), "");
        expect(peer_client(&none[i], room), "");
        cr_assert_eq(peer_port(&none[i]), 0);
    }
}

Test(peer, a_unix_socket_is_its_path)
{
    char room[PEER_TEXT];
    struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/run/app.sock" };
    const size_t at = offsetof(struct sockaddr_un, sun_path);
    struct peer p = peer_of(&un, sizeof un);
    expect(peer_address(&p, room), "/run/app.sock");
    cr_assert_eq(p.family, AF_UNIX);
    cr_assert_eq(peer_port(&p), 0);
    peer_forget(&p);
    expect(peer_address(&p, room), "");
    p = peer_of(&un, at + 4); /* not terminated within its length */
    expect(peer_address(&p, room), "/run");
    peer_forget(&p);
    p = peer_of(&un, at); /* a socketpair */
    cr_assert_eq(p.family, AF_UNIX);
    cr_assert_eq(p.flags, PEER_KNOWN);
    expect(peer_address(&p, room), "");
    memset(un.sun_path, 'x', sizeof un.sun_path);
    p = peer_of(&un, sizeof un); /* the longest one, without a zero */
    cr_assert_eq(peer_address(&p, room).len, sizeof un.sun_path);
    peer_forget(&p);
    memcpy(un.sun_path, "\0name", 5);
    p = peer_of(&un, at + 5);
    expect(peer_address(&p, room), "@name");
    peer_forget(&p);
}

Test(peer, behind_a_proxy_header_both_are_told)
{
    char room[PEER_TEXT];
    struct peer p = inet("10.0.0.1", 4000);
    struct proxy h = header("PROXY TCP6 2001:db8::9 ::1 5000 80\r\n");
    peer_proxied(&p, &h);
    expect(peer_address(&p, room), "10.0.0.1");
    cr_assert_eq(peer_port(&p), 4000);
    expect(peer_client(&p, room), "2001:db8::9");
    peer_forget(&p);
    cr_assert_eq(p.flags, 0);

    struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/a" };
    p = peer_of(&un, sizeof un);
    h = header("PROXY TCP4 1.2.3.4 5.6.7.8 5000 80\r\n");
    peer_proxied(&p, &h);
    expect(peer_address(&p, room), "/a");
    expect(peer_client(&p, room), "1.2.3.4");
    peer_forget(&p);

    p = inet("10.0.0.1", 4000);
    h = header("PROXY UNKNOWN\r\n");
    peer_proxied(&p, &h);
    expect(peer_client(&p, room), "10.0.0.1");
}

Test(peer, without_room_for_the_source_nobody_else_is_told)
{
    char room[PEER_TEXT];
    static struct peer all[PEER_MAX_FAR];
    struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/a" };
    for (unsigned i = 0; i < PEER_MAX_FAR; i++) {
        all[i] = peer_of(&un, sizeof un);
        cr_assert(all[i].flags & PEER_FAR);
    }
    struct peer p = inet("10.0.0.1", 4000);
    struct proxy h = header("PROXY TCP4 1.2.3.4 5.6.7.8 5000 80\r\n");
    peer_proxied(&p, &h);
    expect(peer_address(&p, room), "10.0.0.1");
    expect(peer_client(&p, room), "");
    peer_forget(&all[7]);
    p = peer_of(&un, sizeof un);
    expect(peer_address(&p, room), "/a");
}

Test(peer, the_kernel_is_asked_once)
{
    int ends[2];
    char room[PEER_TEXT];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct peer p = { .flags = 0 };
    cr_assert(!peer_ask(&p, -1));
    cr_assert(peer_ask(&p, ends[0]));
    cr_assert_eq(p.family, AF_UNIX);
    expect(peer_address(&p, room), "");
    close(ends[0]);
    cr_assert(peer_ask(&p, ends[0]));
}
