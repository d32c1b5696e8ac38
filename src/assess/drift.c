#include "assess/drift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/lanes.h"
#include "core/memory.h"

enum { ABOVE = DECILES, MISSING = DECILES + 1 /* bins */ };

status_t drift_open(struct drift *drift, const struct saved_model *model)
{
    *drift = (struct drift){.model = model};
    status_t status = memory_new(&drift->segment, model->k, sizeof *drift->segment, "counts of segments");
    if (!status)
        status = memory_new(&drift->bin, model->features * DRIFT_BINS, sizeof *drift->bin, "counts of bins");
    if (!status)
        status = memory_new(&drift->psi, model->features, sizeof *drift->psi, "stability indices");
    return status;
}

void drift_close(struct drift *drift)
{
    free(drift->segment);
    free(drift->bin);
    free(drift->psi);
    *drift = (struct drift){.model = NULL};
}

/* ---- counting ---- */

LANES_INLINE int64_t sum_of(lane_masks ones)
{
    int64_t sum = 0;
    for (int lane = 0; lane < LANES; lane++)
        sum -= ones[lane];
    return sum;
}

/* upto[j] += values that are at most edge[j]; returns how many are not missing. */
LANES_VERSIONS static int64_t count_column(const double *value, int count, const double edge[DECILES],
                                           int64_t upto[DECILES])
{
    lane_masks below[DECILES] = {{0}};
    lane_masks present = {0};
    lanes missing;
    for (int lane = 0; lane < LANES; lane++)
        missing[lane] = (double)NAN;
    for (int i = 0; i < count; i += LANES) {
        lanes x = count - i < LANES ? lanes_part(value + i, count - i, missing) : lanes_of(value + i);
        present += x <= (double)INFINITY; /* all but NaN */
        for (int j = 0; j < DECILES; j++)
            below[j] += x <= edge[j];
    }
    for (int j = 0; j < DECILES; j++)
        upto[j] += sum_of(below[j]);
    return sum_of(present);
}

/* Counts of bins from counts up to their upper edges. */
static void part_bins(const int64_t upto[DECILES], int64_t present, int64_t missing, int64_t bin[DRIFT_BINS])
{
    for (int j = 0; j < DECILES; j++)
        bin[j] += upto[j] - (j > 0 ? upto[j - 1] : 0);
    bin[ABOVE] += present - upto[DECILES - 1];
    bin[MISSING] += missing;
}

static void take_column(struct drift *drift, int64_t f, const double *value, int count)
{
    int64_t upto[DECILES] = {0};
    int64_t present = count_column(value, count, drift->model->decile + f * DECILES, upto);
    part_bins(upto, present, count - present, drift->bin + f * DRIFT_BINS);
}

/* Rows that count, in order; returns how many. */
static int list_rows(struct drift *drift, const struct raw_block *block, const int32_t *label, uint16_t *row)
{
    int count = 0;
    for (int i = 0; i < block->rows; i++) {
        row[count] = (uint16_t)i;
        count += label[i] >= 0;
    }
    for (int i = 0; i < count; i++)
        drift->segment[label[row[i]]]++;
    return count;
}

void drift_take(struct drift *drift, const struct raw_block *block, const int32_t *label,
                const float *distance)
{
    const struct saved_model *model = drift->model;
    uint16_t row[BLOCK_ROWS];
    int count = list_rows(drift, block, label, row);
    drift->customers += count;
    for (int i = 0; distance && i < count; i++)
        drift->far += (double)distance[row[i]] > model->far;
    for (int64_t f = 0; model->decile && f < model->features; f++) {
        const double *value = block->value + model->preparation.feature[f].column * BLOCK_ROWS;
        double packed[BLOCK_ROWS];
        for (int i = 0; count < block->rows && i < count; i++)
            packed[i] = value[row[i]];
        take_column(drift, f, count < block->rows ? packed : value, count);
    }
}

/* ---- measuring ---- */

static double share_of(int64_t count, int64_t all)
{
    double share = all > 0 ? (double)count / (double)all : 0.0;
    return share > DRIFT_EPSILON ? share : DRIFT_EPSILON;
}

double drift_psi(const int64_t *before, const int64_t *now, int64_t bins)
{
    int64_t all_before = 0;
    int64_t all_now = 0;
    double psi = 0.0;
    for (int64_t b = 0; b < bins; b++) {
        all_before += before[b];
        all_now += now[b];
    }
    for (int64_t b = 0; b < bins; b++) {
        double p = share_of(before[b], all_before);
        double q = share_of(now[b], all_now);
        psi += (p - q) * log(p / q);
    }
    return psi;
}

const char *drift_word(double psi)
{
    if (isnan(psi))
        return NULL;
    return psi < DRIFT_WATCH ? "stable" : psi < DRIFT_SHIFTED ? "watch" : "shifted";
}

void drift_bins_before(const struct saved_model *model, int64_t feature, int64_t bin[DRIFT_BINS])
{
    int64_t missing = model->unknown[feature];
    memset(bin, 0, DRIFT_BINS * sizeof *bin);
    part_bins(model->decile_upto + feature * DECILES, model->customers - missing, missing, bin);
}

static void measure(struct drift *drift)
{
    const struct saved_model *model = drift->model;
    bool any = drift->customers > 0;
    for (int64_t f = 0; f < model->features; f++) {
        int64_t before[DRIFT_BINS];
        drift->psi[f] = (double)NAN;
        if (!model->decile || !any || isnan(model->decile[f * DECILES]))
            continue;
        drift_bins_before(model, f, before);
        drift->psi[f] = drift_psi(before, drift->bin + f * DRIFT_BINS, DRIFT_BINS);
    }
    drift->segment_psi = any ? drift_psi(model->size, drift->segment, model->k) : (double)NAN;
    drift->far_share =
        any && !isnan(model->far) ? (double)drift->far / (double)drift->customers : (double)NAN;
}

status_t drift_finish(struct comm *comm, struct drift *drift)
{
    int64_t totals[2] = {drift->customers, drift->far};
    status_t status = comm_sum_i64(comm, totals, 2);
    if (!status)
        status = comm_sum_i64(comm, drift->segment, drift->model->k);
    if (!status)
        status = comm_sum_i64(comm, drift->bin, drift->model->features * DRIFT_BINS);
    drift->customers = totals[0];
    drift->far = totals[1];
    if (!status)
        measure(drift);
    return status;
}
