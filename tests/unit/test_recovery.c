/* Leftovers of killed programs, sent where the claimer can keep little of what it has done. */
#include "export_clients_case.h"

TestSuite(recovery, .init = begin, .fini = end, .timeout = 60);

static bool cannot_remove;

/* The shim's objects in this program take this one for libc's. */
int unlinkat(int at, const char *name, int flags)
{
    if (!cannot_remove)
        return (int)syscall(SYS_unlinkat, at, name, flags);
    errno = EROFS;
    return -1;
}

static struct program left_behind(uint32_t spans)
{
    struct program p = program_of(process());
    struct leftover l = { 0 };
    cr_assert(leftover_open(&l, p.fd));
    cr_assert(client_complete_identity(&l, &exporter));
    records(&p, 0, 0, spans);
    kill_process(p.pid);
    return p;
}

/* As a worker or the exporter process does: a chunk, until it is delivered, then the next. */
static void recover(void)
{
    while (recovery_feed(config, spool_destination(config), &exporter) > 0)
        exporter_host_wait(&exporter);
}

Test(recovery, sends_a_leftover_once_and_removes_it)
{
    struct program p = left_behind(3 * RECOVERY_CHUNK / 2);
    cr_assert_eq(recovery_look(config, spool_destination(config)), 1);
    recover();
    assert_times(0, 3 * RECOVERY_CHUNK / 2, 1);
    cr_assert_not(is_there(&p));
}

Test(recovery, goes_on_after_what_is_sent_already)
{
    struct program p = left_behind(RECOVERY_CHUNK + 5);
    cr_assert_gt(recovery_feed(config, spool_destination(config), &exporter), 0);
    exporter_host_wait(&exporter);
    sink.fails = true;
    cr_assert_gt(recovery_feed(config, spool_destination(config), &exporter), 0);
    exporter_host_wait(&exporter);
    cr_assert_eq(recovery_feed(config, spool_destination(config), &exporter), 0);
    cr_assert(is_there(&p));
    sink.fails = false;
    recover();
    assert_times(0, RECOVERY_CHUNK + 5, 1);
    cr_assert_not(is_there(&p));
}

Test(recovery, ends_where_it_cannot_keep_how_far_it_is)
{
    struct program p = left_behind(3 * RECOVERY_CHUNK / 2);
    limit_files(100);
    recover();
    recover();
    assert_times(0, 3 * RECOVERY_CHUNK / 2, 1);
    cr_assert_not(is_there(&p));
}

Test(recovery, sends_nothing_again_that_it_cannot_remove)
{
    struct program p = left_behind(5);
    cannot_remove = true;
    recover();
    recover();
    cr_assert_eq(recovery_look(config, spool_destination(config)), 0);
    assert_times(0, 5, 1);
    cr_assert(is_there(&p));
    cannot_remove = false;
}
