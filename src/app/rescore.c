#include "app/rescore.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/scorer.h"
#include "core/memory.h"
#include "data/table.h"

struct scoring {
    const struct rescore *rescore;
    struct scorer *scorer;
    struct drift *drift;
    int32_t *label;
    struct assignments piece; /* of a block */
};

static void leave_out(const int32_t *takes_part, uint16_t *left_out)
{
    for (int i = 0; i < BLOCK_ROWS; i++) {
        if (takes_part[i] < 0)
            left_out[i / TILE_ROWS] |= (uint16_t)(1U << (i % TILE_ROWS));
    }
}

static status_t score(void *context, const struct raw_block *block)
{
    struct scoring *scoring = context;
    leave_out(scoring->rescore->takes_part + block->local * BLOCK_ROWS, block->left_out);
    status_t status = scorer_block(scoring->scorer, block, &scoring->piece);
    if (status)
        return status;
    memcpy(scoring->label + block->local * BLOCK_ROWS, scoring->piece.segment,
           BLOCK_ROWS * sizeof *scoring->label);
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

status_t rescore_run(const struct rescore *rescore, int32_t *label, struct drift *drift)
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
