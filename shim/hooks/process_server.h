/*
 * What the hooks of processes and of sockets tell each other: listen and accept say what
 * kind of process this is, fclose closes sockets, too.
 */
#ifndef OTELSHIM_HOOKS_PROCESS_SERVER_H
#define OTELSHIM_HOOKS_PROCESS_SERVER_H

/* Before the real call; keep errno. */
void process_note_listen(int fd);
void process_note_accept(void);

/* socket_fd.c: before an fd is closed in a way that reaches no hook there (fclose). */
void socket_closing(int fd);

#endif
