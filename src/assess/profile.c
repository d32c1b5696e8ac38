#include "assess/profile.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "data/runs.h"
#include "data/select.h"

struct counting {
    int64_t columns;
    int64_t features;
    struct deciles *deciles; /* of all customers */
    struct moments *moments; /* k x columns */
    struct select *medians;
    struct runs runs;
};

static void count_run(void *context, int64_t column, int32_t segment, const double *value, int count)
{
    struct counting *counting = context;
    moments_add_all(&counting->moments[segment * counting->columns + column], value, count);
    select_take(counting->medians, column, segment, value, count);
    if (column < counting->features)
        deciles_take(counting->deciles, column, value, count);
}

static status_t count_block(void *context, const struct raw_block *block)
{
    struct counting *counting = context;
    runs_of_block(&counting->runs, block, counting->columns, count_run, counting);
    return STATUS_OK;
}

static status_t profile_open(struct profile *profile)
{
    int64_t cells = profile->k * profile->columns;
    double **of_cells[] = {&profile->mean, &profile->deviation, &profile->median, &profile->total};
    double **of_columns[] = {&profile->all_mean, &profile->all_deviation, &profile->all_total,
                             &profile->low,      &profile->high,          &profile->eta_squared};
    status_t status = memory_new(&profile->size, profile->k, sizeof *profile->size, "a profile");
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
    deciles_close(&profile->deciles);
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

static status_t list_requests(const struct profile *profile, struct select_request **requests)
{
    int64_t cells = profile->k * profile->columns;
    status_t status = memory_new(requests, cells, sizeof **requests, "medians of segments");
    for (int64_t cell = 0; !status && cell < cells; cell++)
        (*requests)[cell] = (struct select_request){
            .column = cell % profile->columns, .group = (int32_t)(cell / profile->columns), .level = 0.5};
    return status;
}

static void take_medians(struct profile *profile, const struct select_request *requests)
{
    for (int64_t r = 0; r < profile->k * profile->columns; r++) {
        const struct select_request *found = &requests[r];
        profile->median[found->group * profile->columns + found->column] =
            found->count > 0 ? select_interpolate(0.5, found->count, found->value, found->next) : (double)NAN;
    }
}

static status_t count_sizes(const struct table *table, const struct row_numbers *label,
                            struct profile *profile)
{
    int32_t of_block[BLOCK_ROWS];
    for (int64_t b = 0; b < table->partition.block_count; b++) {
        row_numbers_get(label, b, of_block);
        for (int i = 0; i < BLOCK_ROWS; i++) {
            if (of_block[i] >= 0)
                profile->size[of_block[i]]++;
        }
    }
    return comm_sum_i64(table->comm, profile->size, profile->k);
}

/* One walk for the moments and, but where the guesses of the selection were wrong, for the medians. */
static status_t walk(struct table *table, const struct pilot *pilot, struct groups segments,
                     struct profile *profile)
{
    struct counting *counting = NULL;
    struct select_request *requests = NULL;
    int64_t cells = profile->k * profile->columns;
    status_t status = memory_new(&counting, 1, sizeof *counting, "a profile");
    if (!status) {
        counting->columns = profile->columns;
        counting->features = table->features;
        counting->deciles = &profile->deciles;
        status = runs_open(&counting->runs, segments);
    }
    if (!status)
        status = moments_new(&counting->moments, cells);
    if (!status)
        status = list_requests(profile, &requests);
    status = comm_agree(table->comm, status);
    if (!status)
        status = select_open(table, segments, pilot, requests, cells, &counting->medians);
    if (!status)
        status = table_walk(table, count_block, counting);
    if (!status)
        status = moments_share(table->comm, counting->moments, cells);
    if (!status)
        status = deciles_share(table->comm, &profile->deciles);
    if (!status)
        status = comm_agree(table->comm, take_moments(profile, counting->moments));
    if (!status)
        status = select_finish(counting->medians);
    if (!status)
        take_medians(profile, requests);
    if (counting) {
        select_close(counting->medians);
        runs_close(&counting->runs);
        free(counting->moments);
    }
    free(counting);
    free(requests);
    return status;
}

status_t profile_run(struct table *table, const struct survey *survey, const struct row_numbers *label,
                     int64_t k, struct profile *profile)
{
    *profile = (struct profile){.k = k, .columns = table->columns, .customers = survey->customers};
    status_t status = comm_agree(table->comm, profile_open(profile));
    if (!status)
        status = deciles_open(table, &survey->evenly, &profile->deciles);
    if (!status)
        status = count_sizes(table, label, profile);
    if (!status)
        status = walk(table, &survey->pilot, (struct groups){label, (int32_t)k}, profile);
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
