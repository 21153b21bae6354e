/*
 * Texts of error.type for processes: exit codes, signals, errno values. glibc's
 * strerrorname_np and sigabbrev_np would tie the object to glibc 2.32.
 */
#include <errno.h>
#include <signal.h>

#include "sdk/process_names.h"

/* What fork, exec and pipe can fail with; another one is told by its number. */
/* clang-format off */
#define ERRNO_NAMES(X)                                                                    \
    X(E2BIG) X(EACCES) X(EAGAIN) X(EBADF) X(EFAULT) X(EINTR) X(EINVAL) X(EIO) X(EISDIR)  \
    X(ELIBBAD) X(ELOOP) X(EMFILE) X(ENAMETOOLONG) X(ENFILE) X(ENOENT) X(ENOEXEC)          \
    X(ENOMEM) X(ENOSYS) X(ENOTDIR) X(EPERM) X(ESRCH) X(ETXTBSY)
/* clang-format on */

/* clang-format off */
#define SIGNAL_NAMES(X)                                                                   \
    X(SIGHUP) X(SIGINT) X(SIGQUIT) X(SIGILL) X(SIGTRAP) X(SIGABRT) X(SIGBUS) X(SIGFPE)    \
    X(SIGKILL) X(SIGUSR1) X(SIGSEGV) X(SIGUSR2) X(SIGPIPE) X(SIGALRM) X(SIGTERM)          \
    X(SIGSTKFLT) X(SIGXCPU) X(SIGXFSZ) X(SIGVTALRM) X(SIGPROF) X(SIGIO) X(SIGPWR) X(SIGSYS)
/* clang-format on */

#define X(name) \
    case name: return #name;

void process_code_text(int code, char out[static PROCESS_CODE_TEXT])
{
    char digits[PROCESS_CODE_TEXT];
    unsigned n = 0;
    unsigned value = code < 0 ? -(unsigned)code : (unsigned)code;
    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    unsigned at = 0;
    if (code < 0)
        out[at++] = '-';
    while (n > 0)
        out[at++] = digits[--n];
    out[at] = 0;
}

const char *process_signal_text(int signal, char out[static PROCESS_CODE_TEXT])
{
    switch (signal) {
        SIGNAL_NAMES(X)
    default: /* a real-time signal */ process_code_text(signal, out); return out;
    }
}

const char *process_errno_text(int error, char out[static PROCESS_CODE_TEXT])
{
    switch (error) {
        ERRNO_NAMES(X)
    default: process_code_text(error, out); return out;
    }
}
#undef X
