/* Jobs that are stopped at every place where they can be, and go on from their journal. Header only.
 *
 * A stop is asked for in one of the program's own collectives, which are counted here by the profiling
 * interface of MPI: the vote that follows ends the job on all ranks. */
#ifndef LOHKO_TESTS_STOPPING_H
#define LOHKO_TESTS_STOPPING_H

#include <signal.h>

#include "core/journal.h"
#include "support.h"

static int64_t stopping_calls;   /* of MPI_Allreduce */
static int64_t stopping_at = -1; /* the call that asks for a stop */
static volatile sig_atomic_t stopping_asked;

int MPI_Allreduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm)
{
    if (++stopping_calls == stopping_at)
        stopping_asked = 1;
    return PMPI_Allreduce(from, to, count, type, op, comm);
}

/* What is stopped: finds what it finds over all customers of a communicator, that of `who` (0: world, 1:
 * alone). */
struct stopping {
    status_t (*run)(void *context, int who);
    void (*check)(void *context); /* what was found against what an undisturbed run found */
    void (*forget)(void *context);
    void *context;
    int64_t stops; /* that are tried, about, one after the other over the whole job; 0: everywhere */
    int64_t lost;  /* collectives that may be made again after a stop */
};

SUPPORT struct comm *stopping_comm(int who)
{
    return who ? &alone : &world;
}

/* A journal with the entries that rank 0 of `from` has of another, on every rank. */
SUPPORT void stopping_copy(struct comm *from, const struct journal *journal, struct journal *copy)
{
    int64_t count = journal->count;
    journal_open(copy, from->rank, 0, NULL, NULL);
    assert_ok(comm_broadcast(from, &count, sizeof count));
    for (int64_t i = 0; i < count; i++) {
        struct journal_entry entry = {.bytes = 0};
        char *data = NULL;
        if (from->rank == 0)
            entry = journal->entry[i];
        assert_ok(comm_broadcast(from, &entry, sizeof entry));
        assert_ok(memory_new(&data, entry.bytes, 1, "a test's journal"));
        if (from->rank == 0 && entry.bytes > 0)
            memcpy(data, entry.data, (size_t)entry.bytes);
        assert_ok(comm_broadcast(from, data, entry.bytes));
        assert_ok(journal_add(copy, entry.step, data, entry.bytes));
    }
}

/* Runs it until the stop, or its end: whether it was stopped. */
SUPPORT bool stopping_run(const struct stopping *job, int who, struct journal *journal, int64_t at)
{
    struct comm *comm = stopping_comm(who);
    comm->journal = journal;
    comm->stop = &stopping_asked;
    stopping_calls = 0;
    stopping_at = at;
    status_t status = job->run(job->context, who);
    stopping_at = -1;
    stopping_asked = 0;
    comm->journal = NULL;
    comm->stop = NULL;
    bool stopped = status && status->code == EXIT_STOPPED;
    if (stopped)
        status_free(status);
    else
        assert_ok(status);
    return stopped;
}

/* Stopped at call `at` on `first`, goes on on `second`: whether there was a stop. */
SUPPORT bool stopping_once(const struct stopping *job, int64_t all, int64_t at, int first, int second)
{
    struct journal journal;
    struct journal copy;
    journal_open(&journal, stopping_comm(first)->rank, 0, NULL, NULL);
    bool stopped = stopping_run(job, first, &journal, at);
    if (stopped) {
        int64_t made = stopping_calls;
        job->forget(job->context);
        stopping_copy(stopping_comm(first), &journal, &copy);
        assert_false(stopping_run(job, second, &copy, -1));
        if (made + stopping_calls > all + job->lost)
            print_error("stopped after %lld of %lld, then %lld\n", (long long)made, (long long)all,
                        (long long)stopping_calls);
        assert_true(made + stopping_calls <= all + job->lost);
        journal_close(&copy);
    }
    job->check(job->context);
    job->forget(job->context);
    journal_close(&journal);
    return stopped;
}

/* Stops it here and there, or everywhere; two times of three on another number of ranks than goes on with it.
 */
SUPPORT void stopping_everywhere(const struct stopping *job)
{
    struct journal journal;
    journal_open(&journal, world.rank, 0, NULL, NULL);
    assert_false(stopping_run(job, 0, &journal, -1));
    int64_t all = stopping_calls;
    assert_int_equal(journal.count, world.rank == 0 ? journal.count : 0);
    job->check(job->context);
    job->forget(job->context);
    journal_close(&journal);
    bool stopped = true;
    int64_t stride = job->stops > 0 ? all / job->stops + 1 : 1;
    for (int64_t at = (stride + 1) / 2, turn = 0; stopped; at += stride, turn++)
        stopped = stopping_once(job, all, at, turn % 3 == 2, turn % 3 == 1);
}

#endif
