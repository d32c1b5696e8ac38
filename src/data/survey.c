#include "data/survey.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "core/lanes.h"
#include "core/memory.h"
#include "data/runs.h"

struct look {
    struct table *table;
    enum missing missing;
    const int *transform;
    struct survey *survey;
    struct runs runs;
};

double survey_transform(int transform, double value)
{
    switch (transform) {
    case TRANSFORM_LOG:
        return log(value);
    case TRANSFORM_LOG1P:
        return log1p(value);
    case TRANSFORM_SQRT:
        return sqrt(value);
    case TRANSFORM_ASINH:
        return asinh(value);
    default:
        return value;
    }
}

const char *survey_transform_name(int transform)
{
    static const char *const names[] = {"none", "log", "log1p", "sqrt", "asinh"};
    return names[transform];
}

double survey_least(int transform)
{
    switch (transform) {
    case TRANSFORM_LOG:
        return DBL_TRUE_MIN;
    case TRANSFORM_LOG1P:
        return nextafter(-1.0, 0.0);
    case TRANSFORM_SQRT:
        return 0.0;
    default:
        return -MOMENTS_LARGEST;
    }
}

static int transform_of(const struct look *look, int64_t column)
{
    return column < look->table->features ? look->transform[column] : TRANSFORM_NONE;
}

static bool refuses_missing(const struct look *look, int64_t column)
{
    return look->missing == MISSING_ERROR && column < look->table->features;
}

static bool unusable(const struct look *look, int64_t column, double value)
{
    if (isnan(value))
        return refuses_missing(look, column);
    return !(value >= survey_least(transform_of(look, column)) && value <= MOMENTS_LARGEST);
}

static status_t describe_unusable(const struct look *look, int64_t column, int64_t row, double value)
{
    const char *path = look->table->source->path;
    const char *name = table_name(look->table, column);
    if (isnan(value))
        return status_new(EXIT_BAD_DATA, "%s: %s is missing in row %" PRId64 " (prepare.missing is error)",
                          path, name, row);
    if (isinf(value))
        return status_new(EXIT_BAD_DATA, "%s: %s is infinite in row %" PRId64, path, name, row);
    if (fabs(value) > MOMENTS_LARGEST)
        return status_new(EXIT_BAD_DATA,
                          "%s: %s is %g in row %" PRId64 "; the largest that can be used is %g", path, name,
                          value, row, MOMENTS_LARGEST);
    return status_new(EXIT_BAD_DATA,
                      "%s: %s is %g in row %" PRId64 ", outside the domain of %s (prepare.transform)", path,
                      name, value, row, survey_transform_name(look->transform[column]));
}

LANES_VERSIONS struct survey_tally survey_tally(const double *value, int rows, double least)
{
    int64_t missing = 0;
    int64_t outside = 0;
    for (int i = 0; i < rows; i++) {
        missing += value[i] != value[i];
        outside += (value[i] < least) | (value[i] > MOMENTS_LARGEST);
    }
    return (struct survey_tally){missing, outside};
}

/* The first value in row order that stops the job, if any. */
static status_t check_block(const struct look *look, const struct raw_block *block)
{
    int first = block->rows;
    int64_t where = 0;
    for (int64_t c = 0; c < look->table->columns; c++) {
        const double *value = block->value + c * BLOCK_ROWS;
        struct survey_tally tally = survey_tally(value, first, survey_least(transform_of(look, c)));
        if (tally.outside == 0 && !(tally.missing > 0 && refuses_missing(look, c)))
            continue;
        for (int i = 0; i < first; i++) {
            if (unusable(look, c, value[i]) && !table_is_left_out(block->left_out, i)) {
                first = i;
                where = c;
            }
        }
    }
    if (first == block->rows)
        return STATUS_OK;
    return describe_unusable(look, where, block->first_row + first, block->value[where * BLOCK_ROWS + first]);
}

static void drop_rows(const struct look *look, const struct raw_block *block)
{
    for (int64_t c = 0; c < look->table->features; c++) {
        const double *value = block->value + c * BLOCK_ROWS;
        for (int i = 0; i < block->rows; i++) {
            if (isnan(value[i]) && !table_is_left_out(block->left_out, i)) {
                block->left_out[i / TILE_ROWS] |= (uint16_t)(1U << (i % TILE_ROWS));
                look->survey->dropped++;
            }
        }
    }
}

static void add_run(void *context, int64_t column, int32_t group, const double *value, int count)
{
    struct look *look = context;
    int transform = transform_of(look, column);
    (void)group;
    moments_add_all(&look->survey->raw[column], value, count);
    if (transform == TRANSFORM_NONE)
        return;
    double transformed[BLOCK_ROWS];
    for (int i = 0; i < count; i++)
        transformed[i] = survey_transform(transform, value[i]);
    moments_add_all(&look->survey->transformed[column], transformed, count);
}

/* All missing values are one number, and so are both zeros. */
LANES_VERSIONS static void bits_of(const double *value, int rows, uint64_t *bits)
{
    for (int i = 0; i < rows; i++) {
        double positive_zero = value[i] + 0.0;
        uint64_t plain = 0;
        memcpy(&plain, &positive_zero, sizeof plain);
        bits[i] = value[i] == value[i] ? plain : UINT64_MAX;
    }
}

uint64_t survey_checksum(const struct table *table, const struct raw_block *block)
{
    uint64_t sum = 0;
    for (int64_t c = 0; c < table->columns; c++) {
        uint64_t bits[BLOCK_ROWS];
        bits_of(block->value + c * BLOCK_ROWS, block->rows, bits);
        uint64_t place = (uint64_t)block->block * (uint64_t)table->columns + (uint64_t)c;
        sum += XXH3_64bits_withSeed(bits, (size_t)block->rows * sizeof bits[0], place);
    }
    return sum;
}

static status_t look_at(void *context, const struct raw_block *block)
{
    struct look *look = context;
    status_t status = check_block(look, block);
    if (status)
        return status;
    if (look->missing == MISSING_DROP)
        drop_rows(look, block);
    runs_of_block(&look->runs, block, look->table->columns, add_run, look);
    pilot_take(&look->survey->pilot, block);
    pilot_take(&look->survey->evenly, block);
    look->survey->checksum += survey_checksum(look->table, block);
    return STATUS_OK;
}

static status_t share(struct table *table, struct survey *survey)
{
    int64_t totals[2] = {survey->dropped, (int64_t)survey->checksum};
    status_t status = comm_sum_i64(table->comm, totals, 2);
    if (!status)
        status = moments_share(table->comm, survey->raw, table->columns);
    if (!status)
        status = moments_share(table->comm, survey->transformed, table->features);
    if (!status)
        status = table_count(table, &survey->customers);
    survey->dropped = totals[0];
    survey->checksum = (uint64_t)totals[1];
    return status;
}

status_t survey_run(struct table *table, enum missing missing, const int *transform, struct survey *survey)
{
    *survey = (struct survey){0};
    struct look *look = NULL;
    status_t status = memory_new(&look, 1, sizeof *look, "a survey");
    if (!status) {
        *look = (struct look){.table = table, .missing = missing, .transform = transform, .survey = survey};
        status = runs_open(&look->runs, (struct groups){NULL, 1});
    }
    if (!status)
        status = moments_new(&survey->raw, table->columns);
    if (!status)
        status = moments_new(&survey->transformed, table->features);
    if (!status)
        status = pilot_open(&survey->pilot, table);
    if (!status)
        status = pilot_open_evenly(&survey->evenly, table, DECILES_SAMPLE);
    status = comm_agree(table->comm, status);
    if (!status)
        status = table_walk(table, look_at, look);
    if (look)
        runs_close(&look->runs);
    free(look);
    if (!status)
        status = share(table, survey);
    for (int64_t c = 0; !status && c < table->features; c++) {
        if (transform[c] == TRANSFORM_NONE)
            survey->transformed[c] = survey->raw[c];
    }
    if (!status && survey->customers == 0)
        status = status_new(EXIT_BAD_DATA,
                            "%s: no customer is left: all have a missing feature (prepare.missing: drop)",
                            table->source->path);
    return status;
}

void survey_free(struct survey *survey)
{
    free(survey->raw);
    free(survey->transformed);
    pilot_close(&survey->pilot);
    pilot_close(&survey->evenly);
    *survey = (struct survey){0};
}
