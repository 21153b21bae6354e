/* libs: -lcurl */
/*
 * Several transfers at once on one multi handle, in the way the first argument
 * names, of the URLs that follow. Prints what each got, in the order given.
 *
 *   perform   curl_multi_perform and curl_multi_poll
 *   epoll     curl_multi_socket_action on epoll, as event loops do
 *   unread    never calls curl_multi_info_read
 *   abort     takes the handles away as soon as a request is out
 *   cleanup   cleans the multi up with the handles still in it, then uses them alone
 *   leave     exits without taking anything away
 *   exit      exits as soon as a request is out, without taking anything away
 *   exit_away the same, but another thread has driven them
 *   exit_done exits when all have ended, and asks for no result
 *   threads   adds in one thread, drives in a second, removes in a third
 *   replace   changes URL and headers between adding and driving
 */
#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAX_TRANSFERS 32

struct transfer {
    CURL *easy;
    char body[4096];
    size_t len;
    CURLcode result;
};

static struct transfer transfers[MAX_TRANSFERS];
static int nr_transfers, nr_done;
static CURLM *multi;
static int epoll_fd = -1;
static long timeout_ms = -1;

static size_t keep(char *data, size_t size, size_t n, void *to)
{
    struct transfer *t = to;
    size_t room = sizeof t->body - t->len;
    memcpy(t->body + t->len, data, size * n < room ? size * n : room);
    t->len += size * n < room ? size * n : room;
    return size * n;
}

static void make(struct transfer *t, const char *url)
{
    t->easy = curl_easy_init();
    t->result = (CURLcode)-1;
    curl_easy_setopt(t->easy, CURLOPT_URL, url);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
}

static void read_results(void)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        struct transfer *t;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
        t->result = message->data.result;
        nr_done++;
    }
}

static void *drive(void *read)
{
    int running = 1;
    while (running > 0) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            abort();
        if (read)
            read_results();
        if (running > 0)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    return NULL;
}

static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *data, void *known)
{
    struct epoll_event event = { .data.fd = fd };
    (void)easy, (void)data;
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    if (what == CURL_POLL_REMOVE)
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    else if (known == NULL && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        curl_multi_assign(multi, fd, &epoll_fd);
    else
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event);
    return 0;
}

static int timer_changed(CURLM *m, long ms, void *data)
{
    (void)m, (void)data;
    timeout_ms = ms;
    return 0;
}

static void drive_epoll(void)
{
    int running = 1;
    while (running > 0) {
        struct epoll_event events[8];
        int n = epoll_wait(epoll_fd, events, 8, timeout_ms < 0 ? 1000 : (int)timeout_ms);
        if (n == 0)
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        for (int i = 0; i < n; i++) {
            int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                       (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
            curl_multi_socket_action(multi, events[i].data.fd, what, &running);
        }
        read_results();
    }
}

static void *add_all(void *unused)
{
    for (int i = 0; i < nr_transfers; i++) {
        if (curl_multi_add_handle(multi, transfers[i].easy) != CURLM_OK)
            abort();
    }
    return unused;
}

static void *remove_all(void *unused)
{
    for (int i = 0; i < nr_transfers; i++)
        curl_multi_remove_handle(multi, transfers[i].easy);
    return unused;
}

static void in_thread(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    pthread_create(&thread, NULL, run, arg);
    pthread_join(thread, NULL);
}

static bool all_are_sent(void)
{
    for (int i = 0; i < nr_transfers; i++) {
        long size = 0;
        if (curl_easy_getinfo(transfers[i].easy, CURLINFO_REQUEST_SIZE, &size) != CURLE_OK ||
            size == 0)
            return false;
    }
    return true;
}

static void drive_until_sent(void)
{
    int running;
    for (int i = 0; i < 1000 && !all_are_sent(); i++) {
        curl_multi_perform(multi, &running);
        usleep(5000);
    }
}

static void *until_sent(void *unused)
{
    drive_until_sent();
    return unused;
}

static void print_all(void)
{
    for (int i = 0; i < nr_transfers; i++)
        printf("%d %d %.*s\n", i, (int)transfers[i].result, (int)transfers[i].len,
               transfers[i].body);
}

/* What the handle had at curl_multi_add_handle must not count. */
static void replace_before_driving(char **urls)
{
    struct curl_slist *stale = curl_slist_append(NULL, "traceparent: stale");
    struct curl_slist *good = curl_slist_append(NULL, "X-Own: good");
    for (int i = 0; i < nr_transfers; i++) {
        curl_easy_setopt(transfers[i].easy, CURLOPT_URL, "http://127.0.0.1:1/stale");
        curl_easy_setopt(transfers[i].easy, CURLOPT_HTTPHEADER, stale);
    }
    add_all(NULL);
    for (int i = 0; i < nr_transfers; i++) {
        curl_easy_setopt(transfers[i].easy, CURLOPT_URL, urls[i]);
        curl_easy_setopt(transfers[i].easy, CURLOPT_HTTPHEADER, good);
    }
    curl_slist_free_all(stale);
    drive(transfers);
    remove_all(NULL);
    curl_slist_free_all(good);
}

int main(int argc, char **argv)
{
    const char *how = argv[1];
    multi = curl_multi_init();
    for (int i = 2; i < argc && nr_transfers < MAX_TRANSFERS; i++)
        make(&transfers[nr_transfers++], argv[i]);

    if (strcmp(how, "perform") == 0) {
        add_all(NULL);
        drive(transfers);
        remove_all(NULL);
    } else if (strcmp(how, "epoll") == 0) {
        epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_changed);
        add_all(NULL);
        drive_epoll();
        remove_all(NULL);
    } else if (strcmp(how, "unread") == 0) {
        add_all(NULL);
        drive(NULL);
        remove_all(NULL);
    } else if (strcmp(how, "abort") == 0) {
        add_all(NULL);
        drive_until_sent();
        remove_all(NULL);
    } else if (strcmp(how, "cleanup") == 0) {
        add_all(NULL);
        drive_until_sent();
        curl_multi_cleanup(multi);
        multi = NULL;
        for (int i = 0; i < nr_transfers; i++)
            transfers[i].result = curl_easy_perform(transfers[i].easy);
    } else if (strcmp(how, "leave") == 0) {
        add_all(NULL);
        drive(transfers);
        print_all();
        return 0;
    } else if (strcmp(how, "exit") == 0) {
        add_all(NULL);
        drive_until_sent();
        exit(0);
    } else if (strcmp(how, "exit_away") == 0) {
        add_all(NULL);
        in_thread(until_sent, NULL);
        exit(0);
    } else if (strcmp(how, "exit_done") == 0) {
        add_all(NULL);
        drive(NULL);
        exit(0);
    } else if (strcmp(how, "threads") == 0) {
        in_thread(add_all, NULL);
        in_thread(drive, transfers);
        in_thread(remove_all, NULL);
    } else if (strcmp(how, "replace") == 0) {
        replace_before_driving(argv + 2);
    } else {
        return 2;
    }
    print_all();
    for (int i = 0; i < nr_transfers; i++)
        curl_easy_cleanup(transfers[i].easy);
    curl_multi_cleanup(multi);
    return 0;
}
