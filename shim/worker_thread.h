/*
 * Between the worker's control (worker.c) and the thread's own loop
 * (worker_thread.c). Nobody else includes it.
 */
#ifndef OTELSHIM_WORKER_THREAD_H
#define OTELSHIM_WORKER_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* worker_thread.c */
void worker_thread_run(void); /* until worker_must_stop() or the process is over */
void worker_thread_fork_child(void);
bool worker_records_wait(void); /* any ring has a record; any thread */
bool worker_is_behind(void);    /* a ring is half full; the worker */
/* worker_around.c */
/* Gives the thread a descriptor table of its own, with what we need of the program's: stderr for the
 * console and our log, stdout where the user says so. False: the table is the program's still. */
bool worker_leave_fds(void);
unsigned worker_count_threads(void);
/* What the ended main thread gave to the kernel, 0 if that is not to be had. */
int worker_main_thread_exit_code(void);

/* worker_spool.c. The thread has begun, with a descriptor table of its own or not. False: there is
 * no file yet. */
bool worker_begin_spool(bool own_fds);
void worker_spool_fork_child(void);
/* This program ends: its spool file goes, unless it holds what is not delivered. Under the
 * lock, or on the worker itself. */
void worker_leave_spool(void);
bool worker_has_spooled(void); /* the last call has left it to others */

/* worker.c, for the thread */
enum worker_wake { WAKE_NOW, WAKE_RECORD, WAKE_TIMEOUT };
/* What a sleeping worker wants to know of: any record, a half full ring, none. */
enum worker_rest { REST_IDLE, REST_ARMED, REST_BLOCKED };
enum worker_wake worker_sleep(uint64_t ns, enum worker_rest rest); /* UINT64_MAX: until woken */
void worker_set_running(void);
void worker_take_lock(void);
void worker_drop_lock(void);
bool worker_must_stop(void);
bool worker_flush_is_wanted(void);
uint32_t worker_flush_ticket(void);
void worker_flush_finished(uint32_t ticket);
void worker_progress(void);
void worker_on_network(bool waits);
bool worker_main_thread_ended(void);

bool worker_opens_late(void);
bool worker_open_is_wanted(void); /* the exporter shall be opened though nothing waits */
bool worker_has_failed(void);     /* no thread could be started */

/* hooks/exit.c: the exporter has opened its libraries, our exit handler goes before
 * theirs */
void worker_exit_handlers(void);
/* The program has ended without our seeing it: its process span is told. */
void worker_process_ends(int exit_code);

/* hooks/thread.c: the real pthread_create */
int worker_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);

#endif
