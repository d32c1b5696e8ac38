/* Jobs that go on from every checkpoint that they wrote, as after a kill: also where no stop would end them.
 * Header only. */
#ifndef LOHKO_TESTS_CHECKPOINTS_H
#define LOHKO_TESTS_CHECKPOINTS_H

#include "stopping.h"

enum { MOST_CHECKPOINTS = 500 };

/* All that were written; rank 0. */
struct checkpoints {
    struct journal journal[MOST_CHECKPOINTS];
    int64_t count;
};

SUPPORT void checkpoints_take(void *context, const struct journal *journal)
{
    struct checkpoints *checkpoints = context;
    assert_true(checkpoints->count < MOST_CHECKPOINTS);
    stopping_copy(&alone, journal, &checkpoints->journal[checkpoints->count++]);
}

/* Runs the job on all ranks, and again from each `stride`-th checkpoint and the last one; on all ranks and on
 * one by turns. `steps`: the names of what is kept in the end, NULL after the last. */
SUPPORT void checkpoints_everywhere(const struct stopping *job, int64_t stride, const char *const *steps)
{
    static struct checkpoints checkpoints;
    struct journal journal;
    checkpoints.count = 0;
    journal_open(&journal, world.rank, 1e-9, checkpoints_take, &checkpoints);
    assert_false(stopping_run(job, 0, &journal, -1));
    job->check(job->context);
    job->forget(job->context);
    for (int64_t i = 0; world.rank == 0 && (steps[i] || i < journal.count); i++) {
        assert_true(steps[i] && i < journal.count);
        assert_string_equal(journal.entry[i].step, steps[i]);
    }
    journal_close(&journal);
    int64_t count = checkpoints.count;
    assert_ok(comm_broadcast(&world, &count, sizeof count));
    for (int64_t c = count - 1, turn = 0; c >= 0; c -= stride, turn++) {
        struct journal copy;
        stopping_copy(&world, &checkpoints.journal[world.rank == 0 ? c : 0], &copy);
        assert_false(stopping_run(job, turn % 3 == 1, &copy, -1));
        job->check(job->context);
        job->forget(job->context);
        journal_close(&copy);
    }
    for (int64_t c = 0; c < checkpoints.count; c++)
        journal_close(&checkpoints.journal[c]);
}

#endif
