#include "cluster/linkage_rounds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum {
    PART = 16,         /* of the rounds so far, after which they are kept again */
    CLUSTER_BYTES = 40 /* that are kept of a cluster, at most; a merge takes fewer */
};

static const char STEP[] = "rounds";

/* An entry is this, the merges, and what else was kept. */
struct head {
    struct linkage_work work; /* of all ranks */
    int64_t merged;
    int64_t extra_bytes;
};

double linkage_rounds_bytes(int64_t points)
{
    return (double)points * CLUSTER_BYTES;
}

status_t linkage_check_names(const struct merge *merge, int64_t merged, int64_t points)
{
    bool *gone = NULL;
    status_t status = memory_new(&gone, points, sizeof *gone, "merges");
    for (int64_t i = 0; !status && i < merged; i++) {
        int32_t first = merge[i].first;
        int32_t second = merge[i].second;
        if (first < 0 || first >= second || second >= points || gone[first] || gone[second])
            status = journal_misfit("merges of a tree");
        else
            gone[second] = true;
    }
    free(gone);
    return status;
}

/* Whether the entry holds together. */
static bool is_whole(const struct head *head, const struct merge *merge, int64_t points, int64_t bytes)
{
    if (head->merged < 1 || head->merged >= points || head->extra_bytes < 0 || head->work.rounds < 1 ||
        head->extra_bytes != bytes - (int64_t)sizeof *head - head->merged * (int64_t)sizeof *merge)
        return false;
    bool whole = true;
    for (int64_t i = 0; i < head->merged; i++)
        whole = whole && merge[i].first >= 0 && merge[i].first < merge[i].second &&
                merge[i].second < points && merge[i].height >= 0.0 && isfinite(merge[i].height);
    return whole;
}

static status_t recall(struct linkage_rounds *rounds, int64_t bytes, struct merge *merge,
                       struct linkage_work *work)
{
    struct head head;
    bool known = false;
    if (bytes < (int64_t)sizeof head)
        return journal_misfit("merges of a tree");
    status_t status = memory_new(&rounds->entry, bytes, 1, "merges");
    if (!status)
        status = journal_recall(rounds->comm->journal, STEP, &(struct journal_field){rounds->entry, bytes}, 1,
                                &known);
    if (status)
        return status;
    const char *merges = rounds->entry + sizeof head;
    memcpy(&head, rounds->entry, sizeof head);
    if (!is_whole(&head, (const struct merge *)(const void *)merges, rounds->points, bytes))
        return journal_misfit("merges of a tree");
    memcpy(merge, merges, (size_t)head.merged * sizeof *merge);
    rounds->known = head.merged;
    rounds->kept = head.work.rounds;
    rounds->extra = rounds->entry + bytes - head.extra_bytes;
    rounds->extra_bytes = head.extra_bytes;
    *work = rounds->comm->rank == 0 ? head.work : (struct linkage_work){.rounds = head.work.rounds};
    return STATUS_OK;
}

status_t linkage_rounds_open(struct linkage_rounds *rounds, const struct points *points, struct merge *merge,
                             struct linkage_work *work)
{
    struct journal *journal = points->comm->journal;
    int64_t bytes = journal_known_bytes(journal, STEP);
    *rounds =
        (struct linkage_rounds){.comm = points->comm, .points = points->count, .mark = journal_mark(journal)};
    if (bytes < 0)
        return STATUS_OK;
    return comm_agree(points->comm, recall(rounds, bytes, merge, work));
}

void linkage_rounds_close(struct linkage_rounds *rounds)
{
    free(rounds->entry);
    rounds->entry = rounds->extra = NULL;
}

bool linkage_rounds_are_due(const struct linkage_rounds *rounds, int64_t done)
{
    return rounds->comm->journal && done - rounds->kept > rounds->kept / PART;
}

status_t linkage_rounds_keep(struct linkage_rounds *rounds, const struct linkage_work *work,
                             struct merge *merge, int64_t merged, void *extra, int64_t extra_bytes)
{
    struct head head = {.work = *work, .merged = merged, .extra_bytes = extra_bytes};
    int64_t sums[] = {work->searches, work->pairs, work->exact};
    status_t status = comm_sum_i64(rounds->comm, sums, 3);
    if (status)
        return status;
    head.work = (struct linkage_work){work->rounds, sums[0], sums[1], sums[2]};
    struct journal_field fields[] = {
        {&head, sizeof head}, {merge, merged * (int64_t)sizeof *merge}, {extra, extra_bytes}};
    rounds->kept = work->rounds;
    return journal_keep(rounds->comm->journal, rounds->mark, STEP, fields, 3);
}
