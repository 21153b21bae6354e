/* Programs of an exporter process: their records, their ends, and what cannot be worked on. */
#include "export_clients_case.h"

TestSuite(export_clients, .init = begin, .fini = end, .timeout = 60);

/* ---- what it is for ---- */

Test(export_clients, sends_each_record_once_and_moves_the_tail)
{
    struct program p = program_of(process());
    records(&p, 0, 0, 10);
    records(&p, 1, 10, 15);
    scan();
    cr_assert(send().sent);
    assert_times(0, 15, 1);
    cr_assert_eq(ring_used(p.rings[0]) + ring_used(p.rings[1]), 0);
    cr_assert_eq(p.header->delivered, 15);
    cr_assert_not(send().sent);
    records(&p, 0, 15, 16);
    cr_assert(send().sent);
    assert_times(0, 16, 1);
    cr_assert(is_there(&p) && is_locked(&p));
    cr_assert_eq(nr_lines, 0, "%s", last_line);
}

Test(export_clients, hands_over_a_chunk_at_one_time)
{
    struct program p = program_of(process());
    records(&p, 0, 0, 3 * CLIENTS_CHUNK);
    scan();
    for (unsigned i = 1; i <= 3; i++) {
        struct round round = send();
        cr_assert_eq(p.header->delivered, i * CLIENTS_CHUNK);
        cr_assert(round.more);
    }
    cr_assert_not(send().more);
    assert_times(0, 3 * CLIENTS_CHUNK, 1);
}

Test(export_clients, goes_round_the_ring)
{
    struct program p = program_of(process());
    uint32_t n = 0, filled = 0;
    scan();
    while (n < SPANS_MAX && filled < 3) {
        while (n < SPANS_MAX && record(&p, 0, n))
            n++;
        filled++;
        while (send().more)
            ;
    }
    cr_assert_eq(filled, 3);
    cr_assert_gt(p.rings[0]->head, 2 * RING_DATA_BYTES);
    assert_times(0, n, 1);
    cr_assert_eq(ring_used(p.rings[0]), 0);
}

Test(export_clients, removes_the_file_of_a_program_that_has_ended_and_tells_its_counts)
{
    struct program p = program_of(process());
    records(&p, 0, 0, 3);
    p.header->drops[DROP_RING_FULL] = 2;
    p.header->end = SPOOL_ENDED;
    scan();
    send();
    assert_times(0, 3, 1);
    cr_assert_not(is_there(&p));
    cr_assert_str_eq(counts, "spans made=5 delivered=3 dropped=2 ring_full=2");
}

/* Acknowledged, but not counted: by one that was killed between the two. */
Test(export_clients, counts_what_a_killed_exporter_has_delivered)
{
    struct program p = program_of(process());
    records(&p, 0, 0, 5);
    scan();
    send();
    p.header->delivered = 2;
    p.header->end = SPOOL_ENDED;
    send();
    cr_assert_str_eq(counts, "spans made=5 delivered=5 dropped=0");
}

Test(export_clients, leaves_a_killed_program_to_recovery)
{
    int pid = process();
    struct program p = program_of(pid), unseen = program_of(process());
    scan();
    records(&p, 0, 0, 3);
    kill_process(pid);
    cr_assert(send().deaths);
    assert_times(0, 3, 0);
    cr_assert(is_there(&p));
    cr_assert_not(is_locked(&p));
    cr_assert(is_locked(&unseen));
    struct round round = scan();
    cr_assert(round.deaths, "nor is it taken again");
    cr_assert_not(is_locked(&p));
}

Test(export_clients, an_exec_hands_a_process_on)
{
    int pid = process();
    struct program first = program_of(pid), second = program_of(pid);
    first.header->end = SPOOL_HANDED_ON;
    records(&first, 0, 0, 600);
    records(&second, 0, 600, 700);
    scan();
    while (send().more)
        ;
    assert_times(0, 700, 1);
    cr_assert_not(is_there(&first));
    cr_assert(is_there(&second));
    kill_process(pid);
}

Test(export_clients, what_is_not_delivered_stays)
{
    struct program p = program_of(process());
    records(&p, 0, 0, 10);
    scan();
    sink.fails = true;
    cr_assert(send().failed);
    cr_assert_neq(ring_used(p.rings[0]), 0);
    sink.fails = false;
    send();
    assert_times(0, 10, 1);
    sink.room = 4;
    records(&p, 0, 10, 20);
    cr_assert(send().more);
    cr_assert(send().more);
    cr_assert_not(send().more);
    assert_times(0, 20, 1);
    sink.room = 0;
    records(&p, 0, 20, 21);
    cr_assert_not(send().more, "nothing is gained by asking again at once");
    cr_assert_neq(ring_used(p.rings[0]), 0);
}

Test(export_clients, the_identity_becomes_whole)
{
    struct program p = program_of(process());
    scan();
    struct leftover l = { 0 };
    cr_assert(leftover_open(&l, p.fd));
    cr_assert_eq(l.header.identity, 1);
    cr_assert_not_null(memmem(l.identity, l.identity_bytes, "host.name\"here", 14));
}

/* ---- whose files ---- */

static void assert_not_taken(struct program *p)
{
    records(p, 0, 0, 1);
    scan();
    send();
    assert_times(0, 1, 0);
    cr_assert(is_there(p));
}

Test(export_clients, takes_no_file_that_others_can_read)
{
    struct program p = program_of(process());
    cr_assert_eq(fchmod(p.fd, 0644), 0);
    assert_not_taken(&p);
}

Test(export_clients, takes_no_file_of_another_user)
{
    struct program p = program_of(process());
    if (fchown(p.fd, 12345, 12345) != 0)
        return; /* only root can give one away */
    assert_not_taken(&p);
}

Test(export_clients, takes_no_file_that_is_linked_elsewhere)
{
    struct program p = program_of(process());
    cr_assert_eq(linkat(host.directory, p.name, host.directory, "other", 0), 0);
    assert_not_taken(&p);
}

Test(export_clients, takes_no_symbolic_link)
{
    struct program p = program_of(process());
    cr_assert_eq(renameat(host.directory, p.name, host.directory, "other"), 0);
    cr_assert_eq(symlinkat("other", host.directory, p.name), 0);
    assert_not_taken(&p);
}

Test(export_clients, takes_no_file_for_elsewhere)
{
    struct program p = program_of(process());
    p.header->destination++;
    assert_not_taken(&p);
}

Test(export_clients, takes_no_file_that_a_worker_reads)
{
    struct program p = program_of(process());
    p.header->reader = SPOOL_READ_BY_WORKER;
    assert_not_taken(&p);
}

Test(export_clients, takes_no_file_of_another_build)
{
    struct program p = program_of(process());
    p.header->numbers++;
    assert_not_taken(&p);
}

Test(export_clients, takes_no_file_that_another_has_locked)
{
    struct program p = program_of(process());
    cr_assert_eq(flock(p.fd, LOCK_EX), 0);
    assert_not_taken(&p);
}

/* ---- files that cannot be worked on ---- */

/* Its place is kept until its file is gone: it is not read again, whoever sends it. */
static void assert_is_left_when_it_is_gone(struct program *p, const char *told)
{
    cr_assert_eq(nr_lines, 1);
    cr_assert(is_locked(p));
    p->header->end = SPOOL_ENDED;
    send();
    cr_assert(is_locked(p), "its process lives");
    kill_process(p->pid);
    cr_assert(send().deaths);
    cr_assert_not(is_locked(p));
    cr_assert_str_eq(counts, told);
    memset(times, 0, sizeof times);
    scan();
    cr_assert_not(send().deaths);
    cr_assert_not(is_locked(p));
    cr_assert(is_there(p));
    cr_assert_eq(unlinkat(host.directory, p->name, 0), 0);
    send();
    assert_times(0, SPANS_MAX, 0);
    cr_assert_eq(nr_lines, 1);
}

Test(export_clients, gives_up_what_it_cannot_acknowledge)
{
    struct program p = program_of(process());
    records(&p, 0, 0, CLIENTS_CHUNK + 5);
    scan();
    limit_files(SPOOL_RINGS_AT);
    for (unsigned i = 0; i < 5; i++)
        cr_assert_not(send().more);
    assert_times(0, CLIENTS_CHUNK, 1);
    assert_times(CLIENTS_CHUNK, CLIENTS_CHUNK + 5, 0);
    cr_assert_not_null(strstr(last_line, "cannot be written to (File too large)"), "%s", last_line);
    assert_is_left_when_it_is_gone(&p, "spans made=517 delivered=512 dropped=5 spooled=5");
}

Test(export_clients, gives_up_whose_identity_it_cannot_write)
{
    struct program p = program_of(process());
    records(&p, 0, 0, 5);
    limit_files(100);
    for (unsigned i = 0; i < 5; i++) {
        scan();
        cr_assert_not(send().more);
    }
    assert_times(0, 5, 0);
    assert_is_left_when_it_is_gone(&p, "spans made=5 delivered=0 dropped=5 spooled=5");
}

Test(export_clients, gives_up_whom_the_exporter_refuses)
{
    struct program p = program_of(process()), other = program_of(process());
    records(&p, 0, 0, 5);
    scan();
    sink.refuses = true;
    for (unsigned i = 0; i < 5; i++)
        cr_assert_not(send().more);
    cr_assert_eq(sink.identities, 1);
    sink.refuses = false;
    records(&other, 0, 5, 10);
    send();
    assert_times(0, 5, 0);
    assert_times(5, 10, 1);
    cr_assert_not_null(strstr(last_line, "is refused by the exporter"), "%s", last_line);
    assert_is_left_when_it_is_gone(&p, "spans made=5 delivered=0 dropped=5 spooled=5");
}

/* ---- bounds ---- */

/* False: this user may not have so many. */
static bool limit_descriptors(rlim_t most)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < most)
        return false;
    limit.rlim_cur = most;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return true;
}

static struct program unopened(int pid)
{
    struct program p = program_of(pid);
    for (unsigned i = 0; i < COUNT(p.rings); i++)
        munmap(p.rings[i], SPOOL_RING_BYTES);
    munmap(p.header, SPOOL_HEADER_BYTES);
    close(p.fd);
    return p;
}

/* All of one process, so that all but the newest are done with at once. */
Test(export_clients, a_full_table_is_told_once_and_looked_at_again)
{
    int pid = process();
    if (!limit_descriptors(CLIENTS_MAX + 64))
        return;
    for (unsigned i = 0; i < CLIENTS_MAX + 5; i++)
        unopened(pid);
    cr_assert(scan().overflow);
    cr_assert(scan().overflow);
    cr_assert_eq(nr_lines, 1);
    cr_assert_not_null(strstr(last_line, "4096 programs at one time"), "%s", last_line);
    send();
    struct round round = scan();
    cr_assert_not(round.overflow);
    cr_assert_eq(nr_lines, 1);
    kill_process(pid);
}

Test(export_clients, who_finds_no_descriptor_waits)
{
    struct program p[8];
    for (unsigned i = 0; i < COUNT(p); i++) {
        p[i] = program_of(process());
        records(&p[i], 0, i, i + 1);
    }
    int next = dup(0);
    close(next);
    limit_descriptors((rlim_t)next + 5);
    cr_assert(scan().overflow);
    send();
    limit_descriptors((rlim_t)next + 64);
    cr_assert_not(scan().overflow);
    send();
    assert_times(0, COUNT(p), 1);
    cr_assert_eq(nr_lines, 1);
}
