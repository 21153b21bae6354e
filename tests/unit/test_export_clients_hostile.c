/* Files of programs that live, with nonsense in them: nothing is read beyond, nor again and again. */
#include "export_clients_case.h"

TestSuite(export_clients_hostile, .init = begin, .fini = end, .timeout = 60);

static void assert_skipped(struct program *p, uint32_t head, uint32_t tail)
{
    atomic_store(&p->rings[0]->tail, tail);
    atomic_store(&p->rings[0]->head, head);
    records(p, 1, 1, 2);
    scan();
    for (unsigned i = 0; i < 4; i++)
        cr_assert_not(send().more, "it is not asked again and again");
    cr_assert_eq(p->rings[0]->tail, p->rings[0]->head, "%u %u", p->rings[0]->tail, head);
    assert_times(1, 2, 1);
    p->header->end = SPOOL_ENDED;
    send();
    cr_assert_not(is_there(p));
    cr_assert_not_null(strstr(counts, " corrupt=1"), "%s", counts);
}

Test(export_clients_hostile, head_far_beyond_the_ring)
{
    struct program p = program_of(process());
    assert_skipped(&p, 4 * RING_DATA_BYTES, 0);
}

Test(export_clients_hostile, head_behind_the_tail)
{
    struct program p = program_of(process());
    assert_skipped(&p, 64, 128);
}

Test(export_clients_hostile, head_in_the_middle_of_a_word)
{
    struct program p = program_of(process());
    records(&p, 0, 0, 1); /* a sound one, but for where it lies */
    uint32_t bytes = p.rings[0]->head;
    memmove(ring_data(p.rings[0]) + 3, ring_data(p.rings[0]), bytes);
    assert_skipped(&p, 3 + bytes, 3);
    assert_times(0, 1, 0);
}

Test(export_clients_hostile, ring_of_zeros)
{
    struct program p = program_of(process());
    assert_skipped(&p, RING_DATA_BYTES, 0);
}

/* Sizes that no record has there, at the ring's end, too: none is given, nothing is read beyond. */
Test(export_clients_hostile, records_of_any_size)
{
    static const uint32_t sizes[] = { 0,
                                      1,
                                      7,
                                      8,
                                      24,
                                      sizeof(struct record) - 8,
                                      sizeof(struct record) + 1,
                                      sizeof(struct record) + 72,
                                      RECORD_MAX_BYTES + 8,
                                      RING_DATA_BYTES,
                                      UINT32_MAX,
                                      1u << 31 };
    struct program p = program_of(process());
    scan();
    for (unsigned i = 0; i < COUNT(sizes) * 256; i++) {
        struct record r = { .size = sizes[i / 256], .type = (uint8_t)i, .flags = UINT8_MAX };
        uint32_t used = sizeof r + i % 8 * 8, tail = 5 * RING_DATA_BYTES - sizeof r;
        memset(ring_data(p.rings[0]), 0xff, RING_DATA_BYTES);
        memcpy(ring_data(p.rings[0]) + (tail & RING_MASK), &r, sizeof r);
        atomic_store(&p.rings[0]->tail, tail);
        atomic_store(&p.rings[0]->head, tail + used);
        cr_assert_not(send().more);
        cr_assert_eq(p.rings[0]->tail, p.rings[0]->head);
        cr_assert_eq(sink.accepted, 0, "one of %u bytes", r.size);
    }
}

/* The records before it came as they are; what comes after it is sent again. */
Test(export_clients_hostile, nonsense_in_the_middle)
{
    struct program p = program_of(process());
    records(&p, 0, 0, 5);
    uint32_t at = p.rings[0]->head;
    records(&p, 0, 5, 6);
    memset(ring_data(p.rings[0]) + at, 0xff, 16);
    scan();
    send();
    records(&p, 0, 6, 10);
    send();
    assert_times(0, 5, 1);
    assert_times(5, 6, 0);
    assert_times(6, 10, 1);
}

Test(export_clients_hostile, a_file_that_is_cut)
{
    int pid = process();
    struct program p = program_of(pid);
    records(&p, 0, 0, 5);
    records(&p, 1, 5, 10);
    scan();
    cr_assert_eq(ftruncate(p.fd, SPOOL_RINGS_AT + SPOOL_RING_BYTES + 100), 0);
    cr_assert_not(send().more);
    assert_times(0, 5, 1);
    cr_assert_eq(ftruncate(p.fd, SPOOL_RINGS_AT + RING_HEADER_BYTES + 8), 0);
    cr_assert_not(send().more);
    cr_assert_eq(ftruncate(p.fd, 0), 0);
    cr_assert_not(send().more);
    kill_process(pid);
    cr_assert(send().deaths);
    cr_assert_not(is_locked(&p));
}

Test(export_clients_hostile, an_overwritten_header_is_given_up_once)
{
    struct program p = program_of(process());
    records(&p, 0, 0, 5);
    scan();
    memset(p.header, 0xff, 4096);
    p.header->end = SPOOL_GOES_ON;
    for (unsigned i = 0; i < 5; i++) {
        scan();
        cr_assert_not(send().more);
    }
    assert_times(0, 5, 0);
    cr_assert_eq(nr_lines, 1);
    cr_assert_not_null(strstr(last_line, "was overwritten"), "%s", last_line);
}
