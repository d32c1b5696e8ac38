/* The thin typed layer over MPI. Every function is collective over the communicator unless marked Local or
 * Pair.
 *
 * Reductions are over integers, minima and maxima only, so their results do not depend on the order in which
 * MPI combines the ranks. Counts are int64_t and may exceed 2^31: calls are cut into pieces that MPI can
 * count. */
#ifndef LOHKO_CORE_COMM_H
#define LOHKO_CORE_COMM_H

#include <mpi.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/exactsum.h"
#include "core/journal.h"
#include "core/status.h"

struct comm {
    MPI_Comm handle;
    int rank;
    int size;
    const volatile sig_atomic_t *stop; /* not 0 when this rank has been asked to stop; NULL: it never is */
    struct journal *journal;           /* what the ranks have found so far; not owned. NULL: it is not kept */
    int64_t bytes_reduced;             /* by this rank in sums since the start, for measurements */
    int64_t most_items;                /* of a rank in one call of MPI_Alltoallv; tests lower it */
};

/* A duplicate of `world` with errors returned, not fatal. Close with comm_close. */
status_t comm_open(struct comm *comm, MPI_Comm world) __attribute__((warn_unused_result));
void comm_close(struct comm *comm);

/* The vote: if any rank brings a failure, all ranks leave with one (that of the lowest failing rank), so that
 * nobody walks alone into the next collective. Takes ownership of `local`. Where nobody failed but a rank has
 * been asked to stop, all leave with EXIT_STOPPED. */
status_t comm_agree(struct comm *comm, status_t local) __attribute__((warn_unused_result));

/* Whether this rank has been asked to stop: its next vote will say so. For long work between two votes, which
 * may then be left undone. Local. */
bool comm_is_stopping(const struct comm *comm);
/* What such work returns to the vote. Local. */
status_t comm_stopped(void) __attribute__((warn_unused_result));

/* In place, over all ranks, element by element. */
status_t comm_sum_i64(struct comm *comm, int64_t *values, int64_t count) __attribute__((warn_unused_result));
status_t comm_min_i64(struct comm *comm, int64_t *values, int64_t count) __attribute__((warn_unused_result));
status_t comm_max_i64(struct comm *comm, int64_t *values, int64_t count) __attribute__((warn_unused_result));
status_t comm_min_f64(struct comm *comm, double *values, int64_t count) __attribute__((warn_unused_result));
status_t comm_max_f64(struct comm *comm, double *values, int64_t count) __attribute__((warn_unused_result));
/* The sums are normalised first; at most 2^31 ranks. */
status_t comm_sum_exact(struct comm *comm, struct exactsum *sums, int64_t count)
    __attribute__((warn_unused_result));

/* Rank 0's bytes to all. */
status_t comm_broadcast(struct comm *comm, void *data, int64_t bytes) __attribute__((warn_unused_result));

/* All ranks' bytes, one after the other by rank, on every rank. *all is allocated here and owned by the
 * caller; NULL, of 0 bytes, on failure. */
status_t comm_gather_all(struct comm *comm, const void *mine, int64_t bytes, void **all, int64_t *all_bytes)
    __attribute__((warn_unused_result));

/* Sends counts[r] items of `size` bytes to every rank r, taken from `items` in rank order; *received
 * (allocated here, owned by the caller; NULL, of 0 bytes, on failure) holds what came in, in rank order of
 * the senders. */
status_t comm_exchange(struct comm *comm, const void *items, const int64_t *counts, size_t size,
                       void **received, int64_t *received_count) __attribute__((warn_unused_result));

/* incoming[r] = what rank r passes as counts[this rank]. */
status_t comm_transpose(struct comm *comm, const int64_t *counts, int64_t *incoming)
    __attribute__((warn_unused_result));

/* Pair: `bytes` from the calling rank to `to`, where comm_receive with the same bytes must be called. */
status_t comm_send(struct comm *comm, int to, const void *data, int64_t bytes)
    __attribute__((warn_unused_result));
status_t comm_receive(struct comm *comm, int from, void *data, int64_t bytes)
    __attribute__((warn_unused_result));

/* The distinct names of the ranks' hosts, comma-separated, in rank order. Owned by the caller. */
status_t comm_hosts(struct comm *comm, char **hosts) __attribute__((warn_unused_result));

/* The MPI library's own one-line description of itself. Local. */
void comm_library(char *text, size_t size);

/* The number of ranks that share this rank's node. */
status_t comm_ranks_on_node(struct comm *comm, int *ranks) __attribute__((warn_unused_result));

#endif
