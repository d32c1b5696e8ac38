/* What the ranks have found together so far, kept so that an interrupted job can go on where it was.
 *
 * All that decides how a job goes on is small and alike on every rank: centroids after a pass, the merges of
 * a round, the tables of a replicate. Whoever finds it keeps it here under the name of its step. A job that
 * goes on is the same program from the start, in which every step asks first whether its outcome is known.
 * What each customer has (segments, leaves) is not kept: it follows from that by one pass.
 *
 * A loop keeps its latest state in the place of the one before; a step that is done keeps its outcome in the
 * place of what its own steps kept (journal_mark). So the journal stays small. Since everything in it is the
 * same on any number of ranks, another number of ranks can go on.
 *
 * Only rank 0 holds what is kept; every rank has what is recalled. Where there is no journal (NULL), nothing
 * is known and nothing is kept. */
#ifndef LOHKO_CORE_JOURNAL_H
#define LOHKO_CORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

/* Part of a step's outcome: in place, with as many bytes when it is recalled as when it was kept. */
struct journal_field {
    void *data;
    int64_t bytes;
};

enum { JOURNAL_NAME_SIZE = 32 };

/* No customer lies so far out, nor does a sum over all customers: its square is a number, too. */
#define JOURNAL_FAR 1e100

struct journal_entry {
    char step[JOURNAL_NAME_SIZE];
    int64_t bytes;
    char *data; /* the fields one after the other */
};

struct journal;

/* Writes the journal to a file: rank 0. A failure is the writer's own to tell of; the job goes on. */
typedef void (*journal_writer)(void *context, const struct journal *journal);

struct journal {
    struct journal_entry *entry;
    int64_t count;
    int64_t capacity;
    int64_t recalled; /* entries that the steps of this run have asked for */
    int64_t kept;     /* times that a step of this run has kept its outcome */
    bool holds;       /* rank 0: what is kept is held, too */
    bool is_lost;     /* memory was short once: nothing more is kept, what has been written stays */
    double interval;  /* seconds between two calls of `write`; 0: it is not called */
    double written;   /* monotonic seconds */
    journal_writer write;
    void *context;
};

/* Local. `rank` 0 holds. */
void journal_open(struct journal *journal, int rank, double interval, journal_writer write, void *context);
void journal_close(struct journal *journal);

/* A place in the journal, for journal_keep. Local. */
int64_t journal_mark(const struct journal *journal);

/* Whether the outcome of `step` is known; then it is in the fields. A step whose own steps are known, but
 * not its outcome, is not known itself. Local, alike on all ranks. EXIT_BAD_DATA where it is known but does
 * not fit the fields. */
status_t journal_recall(struct journal *journal, const char *step, const struct journal_field *fields,
                        int count, bool *known) __attribute__((warn_unused_result));

/* What is recalled may come from a damaged file; whoever uses it looks whether it can be. Local.
 * EXIT_BAD_DATA: the checkpoint does not fit this job. */
status_t journal_misfit(const char *step) __attribute__((warn_unused_result));
/* Whether all of `values` are numbers within JOURNAL_FAR. */
bool journal_are_places(const double *values, int64_t count);
/* Whether all are from 0 to `most`. */
bool journal_are_counts(const int64_t *values, int64_t count, int64_t most);
/* Whether all are true or false, and not another byte. */
bool journal_are_flags(const bool *values, int64_t count);

/* Bytes of the outcome of `step`; -1 where it is not known. Local, alike on all ranks. */
int64_t journal_known_bytes(const struct journal *journal, const char *step);

/* Keeps the outcome of `step` in the place of everything since the mark. When it is time, the journal is
 * written. Local; to be called by all ranks at the same place. EXIT_BAD_DATA, alike on all ranks, where the
 * journal was expected to go on otherwise. */
status_t journal_keep(struct journal *journal, int64_t mark, const char *step,
                      const struct journal_field *fields, int count) __attribute__((warn_unused_result));

/* Adds an entry that was read from a file, `data` of `bytes` (taken over, also on failure). Local. */
status_t journal_add(struct journal *journal, const char *step, char *data, int64_t bytes)
    __attribute__((warn_unused_result));

#endif
