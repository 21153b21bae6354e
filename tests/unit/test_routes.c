/* Routes: paths to names of low cardinality, see shim/proto/routes.h. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "proto/routes.h"

static char found[ROUTES_MAX_BYTES + 1];

static const char *find_learning(const struct routes *routes, const char *path, bool learn)
{
    size_t len = routes_find(routes, path, strlen(path), learn, found);
    cr_assert_leq(len, ROUTES_MAX_BYTES);
    found[len] = 0;
    return found;
}

static const char *find(const struct routes *routes, const char *path)
{
    return find_learning(routes, path, true);
}

static const struct routes *make(const char *list)
{
    return routes_make("OTEL_SHIM_HTTP_ROUTES", list);
}

Test(routes, match_templates)
{
    static const struct {
        const char *list, *path, *route;
    } cases[] = {
        { "/user/{id}", "/user/5", "/user/{id}" },
        { "/user/{id}", "/user/", "" },
        { "/user/{id}", "/user/5/", "" },
        { "/user/{id}", "/user/5/x", "" },
        { "/user/{id}", "/User/5", "" },
        { "/user/{id}/x", "/user/5/x", "/user/{id}/x" },
        { "/user/{id}/x", "/user/5/y", "" },
        { "/{a}/{b}", "/x/y", "/{a}/{b}" },
        { "/{a}/{b}", "/x", "" },
        { "/f/{name}.{ext}", "/f/a.b.c", "/f/{name}.{ext}" },
        { "/f/{name}.{ext}", "/f/.c", "" },
        { "/f/{name}ab", "/f/aabab", "/f/{name}ab" },
        { "/static/*", "/static/a/b.css", "/static/*" },
        { "/static/*", "/static/", "/static/*" },
        { "/static/*", "/static", "" },
        { "/", "/", "/" },
        { "/", "/x", "" },
        { "/*", "/any/thing", "/*" },
        { "/v{n}/x", "/v12/x", "/v{n}/x" },
        { " /a , /b ", "/b", "/b" },
        { "/user/me,/user/{id}", "/user/me", "/user/me" },
        { "/user/{id},/user/me", "/user/me", "/user/{id}" },
        { "/a", "*", "" },
        { "/a", "", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_str_eq(find(make(cases[i].list), cases[i].path), cases[i].route, "%s %s: %s",
                         cases[i].list, cases[i].path, found);
}

Test(routes, leave_out_what_is_no_template)
{
    static const char *const lists[] = { "",      "user",    "/{id", "/id}",  "/{}", "/{a/b}",
                                         "/{{a}", "/{a}{b}", "/*/x", "/{a}}", "*",   "Auto" };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        cr_expect_null(make(lists[i]), "%s", lists[i]);
    cr_expect_str_eq(find(make("/{,/ok"), "/ok"), "/ok");
    cr_expect_eq(routes_find(NULL, "/x", 1, true, found), 0);
}

Test(routes, are_bounded_in_number_and_length)
{
    static char list[300 * 8];
    for (unsigned i = 0; i < 200; i++)
        sprintf(list + strlen(list), "/r%u,", i);
    const struct routes *routes = make(list);
    cr_expect_str_eq(find(routes, "/r127"), "/r127");
    cr_expect_str_eq(find(routes, "/r128"), "");
    static char longest[ROUTES_MAX_BYTES + 2];
    memset(longest, 'x', ROUTES_MAX_BYTES + 1);
    longest[0] = '/';
    cr_expect_null(make(longest));
    longest[ROUTES_MAX_BYTES] = 0;
    cr_expect_str_eq(find(make(longest), longest), longest);
}

Test(routes_auto, keeps_ten_values_of_a_segment)
{
    const struct routes *routes = make("auto");
    char path[64], route[64];
    for (char c = 'a'; c < 'z'; c++) {
        snprintf(path, sizeof path, "/shop/%c/view", c);
        snprintf(route, sizeof route, c < 'a' + 10 ? "/shop/%c/view" : "/shop/*/view", c);
        cr_expect_str_eq(find(routes, path), route);
        cr_expect_str_eq(find(routes, path), route, "the same the second time");
    }
    cr_expect_str_eq(find(routes, "/shop/c/view"), "/shop/c/view");
    cr_expect_str_eq(find(routes, "/blog/z"), "/blog/z", "another place has its own ten");
}

Test(routes_auto, hides_what_looks_like_an_identifier)
{
    static const char *const cases[][2] = {
        { "/", "/" },
        { "/api/v1/users", "/api/v1/users" },
        { "/user/12345", "/user/*" },
        { "/u/0af76519-16cd-43dd-8448-eb211c80319c", "/u/*" },
        { "/c/deadbeef12", "/c/*" },
        { "/c/deadbeef", "/c/deadbeef" },
        { "/m/a@b.c", "/m/*" },
        { "/q/a%20b", "/q/*" },
        { "/x/aVeryLongSegmentThatNobodyWouldGiveAPlace", "/x/*" },
        { "/index.html", "/index.html" },
        { "/a//b/", "/a//b/" },
    };
    const struct routes *routes = make("auto");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_str_eq(find(routes, cases[i][0]), cases[i][1], "%s: %s", cases[i][0], found);
}

Test(routes_auto, learns_nothing_from_paths_that_are_not_there)
{
    const struct routes *routes = make("/known/{id},auto");
    char path[64];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "/%c%c", 'a' + i / 10, 'a' + i % 10);
        cr_expect_str_eq(find_learning(routes, path, false), "/*");
    }
    cr_expect_str_eq(find(routes, "/real"), "/real");
    cr_expect_str_eq(find_learning(routes, "/real", false), "/real");
    cr_expect_str_eq(find_learning(routes, "/known/x", false), "/known/{id}");
}

Test(routes_auto, is_bounded_in_depth_and_memory)
{
    const struct routes *routes = make("auto");
    cr_expect_str_eq(find(routes, "/a/b/c/d/e/f/g/h/i/j"), "/a/b/c/d/e/f/g/h/*");
    char path[400];
    memset(path, 'x', sizeof path);
    for (size_t i = 0; i < sizeof path; i += 30)
        path[i] = '/';
    path[sizeof path - 1] = 0;
    cr_expect_leq(strlen(find(routes, path)), ROUTES_MAX_BYTES);
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(path, sizeof path, "/%c/%c/%c/%c/%c", 'a' + i % 10, 'a' + i / 10 % 10,
                 'a' + i / 100 % 10, 'a' + i / 1000 % 10, 'a' + i / 10000 % 10);
        cr_assert_leq(strlen(find(routes, path)), 10);
    }
}

/* Each thread counts how many different routes it was given. */
static const struct routes *shared;
static void *find_many(void *seen)
{
    char out[ROUTES_MAX_BYTES], path[16];
    bool *kept = seen;
    for (unsigned i = 0; i < 20000; i++) {
        unsigned value = (i * 7919u) % 500;
        int n =
            snprintf(path, sizeof path, "/%c%c%c", 'a' + value % 26, 'a' + value / 26 % 26, 'q');
        size_t len = routes_find(shared, path, (size_t)n, true, out);
        kept[value] = kept[value] || !(len == 2 && out[1] == '*');
    }
    return NULL;
}

Test(routes_auto, keeps_ten_values_whoever_asks)
{
    static bool kept[4][500];
    pthread_t threads[4];
    shared = make("auto");
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, find_many, kept[i]), 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    unsigned all = 0;
    for (unsigned v = 0; v < 500; v++)
        all += kept[0][v] || kept[1][v] || kept[2][v] || kept[3][v];
    cr_expect_leq(all, ROUTES_MAX_VALUES);
    cr_expect_geq(all, 1);
}
