#include "app/rescore.h"

#include <stdlib.h>

#include "cluster/scorer.h"
#include "core/memory.h"
#include "data/table.h"

struct scoring {
    const struct rescore *rescore;
    struct scorer *scorer;
    struct drift *drift;
    struct row_numbers *label;
    struct assignments piece; /* of a block */
};

static status_t score(void *context, const struct raw_block *block)
{
    struct scoring *scoring = context;
    for (int t = 0; t < BLOCK_TILES; t++)
        block->left_out[t] |= scoring->rescore->left_out[block->local * BLOCK_TILES + t];
    status_t status = scorer_block(scoring->scorer, block, &scoring->piece);
    if (status)
        return status;
    row_numbers_put(scoring->label, block->local, scoring->piece.segment);
    drift_take(scoring->drift, block, scoring->piece.segment, scoring->piece.distance);
    return STATUS_OK;
}

static status_t open_scoring(struct scoring *scoring, int64_t **column)
{
    const struct rescore *rescore = scoring->rescore;
    struct assignments *piece = &scoring->piece;
    status_t status = memory_new(column, rescore->model->features, sizeof **column, "columns");
    if (!status)
        status = saved_model_columns(rescore->model, rescore->source, NULL, *column);
    if (!status)
        status = memory_new(&piece->segment, BLOCK_ROWS, sizeof *piece->segment, "scores");
    if (!status)
        status = memory_new(&piece->distance, BLOCK_ROWS, sizeof *piece->distance, "scores");
    if (!status)
        status = memory_new(&piece->runner_up, BLOCK_ROWS, sizeof *piece->runner_up, "scores");
    if (!status)
        status = memory_new(&piece->shadow, BLOCK_ROWS, sizeof *piece->shadow, "scores");
    struct partition part = partition_of(rescore->source->rows, rescore->comm->rank, rescore->comm->size);
    if (!status)
        status = row_numbers_open(scoring->label, part.block_count, rescore->model->k);
    if (!status)
        status = drift_open(scoring->drift, rescore->model);
    return comm_agree(rescore->comm, status);
}

static void close_scoring(struct scoring *scoring)
{
    scorer_close(scoring->scorer);
    free(scoring->piece.segment);
    free(scoring->piece.distance);
    free(scoring->piece.runner_up);
    free(scoring->piece.shadow);
}

status_t rescore_run(const struct rescore *rescore, struct row_numbers *label, struct drift *drift)
{
    struct scoring scoring = {.rescore = rescore, .drift = drift, .label = label};
    struct comm *comm = rescore->comm;
    struct table table = {.column = NULL};
    int64_t *column = NULL;
    status_t status = open_scoring(&scoring, &column);
    if (!status)
        status = scorer_open(comm, rescore->log, rescore->model, rescore->source->path, &scoring.scorer);
    if (!status)
        status = table_open_unmarked(comm, rescore->log, rescore->source, column, rescore->model->features,
                                     &table);
    if (!status) {
        status = table_walk(&table, score, &scoring);
        table_close(&table);
    }
    if (!status)
        status = drift_finish(comm, drift);
    close_scoring(&scoring);
    free(column);
    return status;
}
