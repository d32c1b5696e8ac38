#include "assess/profile.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "data/select.h"

struct counting {
    struct table *table;
    const int32_t *label;
    int64_t k;
    int64_t *size;
    struct moments *moments; /* k x columns */
};

static status_t count_block(void *context, const struct raw_block *block)
{
    struct counting *counting = context;
    const int32_t *label = counting->label + block->local * BLOCK_ROWS;
    int64_t columns = counting->table->columns;
    for (int i = 0; i < block->rows; i++)
        counting->size[label[i] < 0 ? counting->k : label[i]]++;
    for (int64_t c = 0; c < columns; c++) {
        const double *value = block->value + c * BLOCK_ROWS;
        for (int i = 0; i < block->rows; i++) {
            if (label[i] >= 0 && !isnan(value[i]))
                moments_add(&counting->moments[label[i] * columns + c], value[i]);
        }
    }
    return STATUS_OK;
}

static status_t profile_open(struct profile *profile)
{
    int64_t cells = profile->k * profile->columns;
    double **of_cells[] = {&profile->mean, &profile->deviation, &profile->median, &profile->total};
    double **of_columns[] = {&profile->all_mean, &profile->all_deviation, &profile->all_total,
                             &profile->low,      &profile->high,          &profile->eta_squared};
    status_t status = memory_new(&profile->size, profile->k + 1, sizeof *profile->size, "a profile");
    if (!status)
        status = memory_new(&profile->present, cells, sizeof *profile->present, "a profile");
    if (!status)
        status =
            memory_new(&profile->all_present, profile->columns, sizeof *profile->all_present, "a profile");
    for (size_t i = 0; !status && i < sizeof of_cells / sizeof of_cells[0]; i++)
        status = memory_new(of_cells[i], cells, sizeof(double), "a profile");
    for (size_t i = 0; !status && i < sizeof of_columns / sizeof of_columns[0]; i++)
        status = memory_new(of_columns[i], profile->columns, sizeof(double), "a profile");
    return status;
}

void profile_free(struct profile *profile)
{
    free(profile->size);
    free(profile->present);
    free(profile->all_present);
    free(profile->mean);
    free(profile->deviation);
    free(profile->median);
    free(profile->total);
    free(profile->all_mean);
    free(profile->all_deviation);
    free(profile->all_total);
    free(profile->low);
    free(profile->high);
    free(profile->eta_squared);
    *profile = (struct profile){0};
}

static void take_column(struct profile *profile, const struct moments *moments, int64_t c,
                        struct moments *all)
{
    double within = 0.0;
    for (int64_t h = 0; h < profile->k; h++) {
        int64_t cell = h * profile->columns + c;
        const struct moments *segment = &moments[cell];
        double variance = moments_variance(segment);
        profile->present[cell] = segment->present;
        profile->mean[cell] = moments_mean(segment);
        profile->deviation[cell] = sqrt(variance);
        profile->total[cell] = moments_sum(segment);
        within += segment->present > 0 ? variance * (double)segment->present : 0.0;
        moments_merge(all, segment);
    }
    double variance = moments_variance(all);
    profile->all_present[c] = all->present;
    profile->all_mean[c] = moments_mean(all);
    profile->all_deviation[c] = sqrt(variance);
    profile->all_total[c] = moments_sum(all);
    profile->low[c] = all->low;
    profile->high[c] = all->high;
    profile->eta_squared[c] = variance > 0 ? 1.0 - within / (variance * (double)all->present) : 0.0;
}

static status_t take_moments(struct profile *profile, const struct moments *moments)
{
    status_t status = STATUS_OK;
    for (int64_t c = 0; !status && c < profile->columns; c++) {
        struct moments *all = NULL;
        status = moments_new(&all, 1);
        if (!status)
            take_column(profile, moments, c, all);
        free(all);
    }
    return status;
}

static status_t find_medians(struct table *table, const struct survey *survey, const int32_t *label,
                             const struct moments *moments, struct profile *profile)
{
    int64_t columns = profile->columns;
    struct select_request *requests = NULL;
    struct select_groups groups = {label, (int32_t)profile->k};
    int64_t count = 0;
    status_t status = comm_agree(
        table->comm, memory_new(&requests, profile->k * columns, sizeof *requests, "medians of segments"));
    for (int64_t cell = 0; !status && cell < profile->k * columns; cell++) {
        profile->median[cell] = (double)NAN;
        int64_t present = moments[cell].present;
        if (present > 0)
            requests[count++] = (struct select_request){.column = cell % columns,
                                                        .group = (int32_t)(cell / columns),
                                                        .low = moments[cell].low,
                                                        .high = moments[cell].high,
                                                        .count = present,
                                                        .rank = select_rank(0.5, present)};
    }
    if (!status)
        status = select_run(table, &groups, survey->bits_used, requests, count);
    for (int64_t r = 0; !status && r < count; r++)
        profile->median[requests[r].group * columns + requests[r].column] =
            select_interpolate(0.5, requests[r].count, requests[r].value, requests[r].next);
    free(requests);
    return status;
}

status_t profile_run(struct table *table, const struct survey *survey, const int32_t *label, int64_t k,
                     struct profile *profile)
{
    *profile = (struct profile){.k = k, .columns = table->columns, .customers = survey->customers};
    struct counting counting = {.table = table, .label = label, .k = k};
    status_t status = profile_open(profile);
    if (!status)
        status = moments_new(&counting.moments, k * table->columns);
    counting.size = profile->size;
    status = comm_agree(table->comm, status);
    if (!status)
        status = table_walk(table, count_block, &counting);
    if (!status)
        status = comm_sum_i64(table->comm, profile->size, k + 1);
    if (!status)
        status = moments_share(table->comm, counting.moments, k * table->columns);
    if (!status)
        status = comm_agree(table->comm, take_moments(profile, counting.moments));
    if (!status)
        status = find_medians(table, survey, label, counting.moments, profile);
    free(counting.moments);
    return status;
}

double profile_effect(const struct profile *profile, int64_t segment, int64_t column)
{
    double mean = profile->mean[segment * profile->columns + column];
    double deviation = profile->all_deviation[column];
    return deviation > 0 && !isnan(mean) ? (mean - profile->all_mean[column]) / deviation : 0.0;
}

double profile_lift(const struct profile *profile, int64_t segment, int64_t column)
{
    double mean = profile->mean[segment * profile->columns + column];
    return profile->all_mean[column] > 0 ? mean / profile->all_mean[column] : (double)NAN;
}
