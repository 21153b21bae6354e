/*
 * Holds many connections to a web server open at a time.
 *
 *     http_many PORT CONNECTIONS ROUNDS [PIDS FILE]
 *
 * Opens them all, then in each round asks GET /r on every one and reads all
 * answers, which must end in "returned\n". Prints `answers=N wrong=N`. While all are
 * open still, appends to FILE how many KB of memory the processes have whose parent's pid
 * stands in the file PIDS.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const char question[] = "GET /r HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
static const char ending[] = "returned\n";

/* One answer is far smaller than a segment, and the next one is not asked for yet. */
static int right_answer(int fd)
{
    char text[4096];
    size_t used = 0;
    for (;;) {
        ssize_t n = recv(fd, text + used, sizeof text - used, 0);
        if (n <= 0)
            return 0;
        used += (size_t)n;
        if (used >= sizeof ending - 1 &&
            memcmp(text + used - (sizeof ending - 1), ending, sizeof ending - 1) == 0)
            return memcmp(text, "HTTP/1.1 200 ", 13) == 0;
    }
}

/* Sum of VmRSS of a process's children. */
static long memory_kb(const char *pid_file)
{
    char path[300], line[300];
    long sum = 0, parent = 0;
    FILE *f = fopen(pid_file, "r");
    if (f == NULL || fscanf(f, "%ld", &parent) != 1)
        return -1;
    fclose(f);
    snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", parent, parent);
    FILE *children = fopen(path, "r");
    for (long pid; children != NULL && fscanf(children, "%ld", &pid) == 1;) {
        long kb = 0;
        snprintf(path, sizeof path, "/proc/%ld/status", pid);
        f = fopen(path, "r");
        while (f != NULL && fgets(line, sizeof line, f) != NULL)
            if (sscanf(line, "VmRSS: %ld kB", &kb) == 1)
                sum += kb;
        if (f != NULL)
            fclose(f);
    }
    if (children != NULL)
        fclose(children);
    return sum;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    int count = atoi(argv[2]), rounds = atoi(argv[3]);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((unsigned short)atoi(argv[1])),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct timeval patience = { .tv_sec = 30 };
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int *fds = calloc((size_t)count, sizeof *fds);
    long answers = 0, wrong = 0;
    for (int i = 0; i < count; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (fds[i] < 0 || connect(fds[i], (struct sockaddr *)&address, sizeof address) != 0) {
            perror("http_many");
            return 2;
        }
        setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < count; i++)
            if (send(fds[i], question, sizeof question - 1, MSG_NOSIGNAL) !=
                (ssize_t)sizeof question - 1)
                wrong++;
        for (int i = 0; i < count; i++) {
            if (right_answer(fds[i]))
                answers++;
            else
                wrong++;
        }
    }
    if (argc > 5) {
        FILE *out = fopen(argv[5], "a");
        fprintf(out, "%ld\n", memory_kb(argv[4]));
        fclose(out);
    }
    printf("answers=%ld wrong=%ld\n", answers, wrong);
    return wrong != 0;
}
