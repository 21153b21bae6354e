/*
 * listen and accept tell that this process is a server: one span for its life
 * would never end, so its calls are traces of their own (process_context.h).
 * After the first call: one load and one branch.
 */
#include <errno.h>
#include <sys/socket.h>

#include "context/process_context.h"
#include "hooks/process_internal.h"
#include "hooks/process_server.h"

/* Generation of the process that is known to be a server. Any thread, always the
 * same value; a forked child has another generation and tells for itself. No
 * process has this first value. */
static atomic_uint known_generation = UINT32_MAX;

static __attribute__((noinline)) void tell_server(void)
{
    struct call call;
    if (!call_enter(&call, &instr_process))
        return;
    /* A library's own listener (active FTP) makes no server of its program. */
    if (call.thread->current == NULL) {
        context_process_listens();
        atomic_store_explicit(&known_generation, process_state->generation, memory_order_relaxed);
    }
    call_leave(&call);
}

/*
 * Listening on a Unix socket alone makes no server: programs do so to reach their
 * own helpers (Python's forkserver). Whoever accepts there is one.
 */
static bool is_unix_socket(int fd)
{
    int saved_errno = errno, domain = 0;
    socklen_t len = sizeof domain;
    bool is_unix = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
    errno = saved_errno;
    return is_unix;
}

static inline bool is_known(void)
{
    return likely(atomic_load_explicit(&known_generation, memory_order_relaxed) ==
                  process_state->generation);
}

void process_note_listen(int fd)
{
    if (!is_known() && (call_enabled_mask & instr_process.bit) && !is_unix_socket(fd))
        tell_server();
}

void process_note_accept(void)
{
    if (!is_known())
        tell_server();
}
