#include "data/survey.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "core/memory.h"
#include "data/select.h"

struct look {
    struct table *table;
    enum missing missing;
    const int *transform;
    struct survey *survey;
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

static bool outside_domain(int transform, double value)
{
    return (transform == TRANSFORM_LOG && value <= 0) || (transform == TRANSFORM_LOG1P && value <= -1) ||
           (transform == TRANSFORM_SQRT && value < 0);
}

static bool unusable(const struct look *look, int64_t column, double value)
{
    if (isnan(value))
        return look->missing == MISSING_ERROR && column < look->table->features;
    return !(fabs(value) <= MOMENTS_LARGEST) ||
           (column < look->table->features && outside_domain(look->transform[column], value));
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

/* The first value in row order that stops the job, if any. */
static status_t check_block(const struct look *look, const struct raw_block *block)
{
    int first = block->rows;
    int64_t where = 0;
    for (int64_t c = 0; c < look->table->columns; c++) {
        const double *value = block->value + c * BLOCK_ROWS;
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

static void add_column(const struct look *look, const struct raw_block *block, int64_t column)
{
    struct survey *survey = look->survey;
    const double *value = block->value + column * BLOCK_ROWS;
    int transform = column < look->table->features ? look->transform[column] : TRANSFORM_NONE;
    for (int i = 0; i < block->rows; i++) {
        if (isnan(value[i]) || table_is_left_out(block->left_out, i))
            continue;
        survey->bits_used[column] |= select_bits(value[i]);
        moments_add(&survey->raw[column], value[i]);
        if (transform != TRANSFORM_NONE)
            moments_add(&survey->transformed[column], survey_transform(transform, value[i]));
    }
}

/* A block's hash is keyed by its place; blocks add up in any order. All missing values count as one. */
static uint64_t checksum_block(const struct table *table, const struct raw_block *block)
{
    uint64_t sum = 0;
    for (int64_t c = 0; c < table->columns; c++) {
        uint64_t bits[BLOCK_ROWS];
        for (int i = 0; i < block->rows; i++) {
            double value = block->value[c * BLOCK_ROWS + i];
            bits[i] = isnan(value) ? UINT64_MAX : select_bits(value);
        }
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
    for (int64_t c = 0; c < look->table->columns; c++)
        add_column(look, block, c);
    look->survey->checksum += checksum_block(look->table, block);
    return STATUS_OK;
}

static status_t share(struct table *table, struct survey *survey)
{
    int64_t totals[2] = {survey->dropped, (int64_t)survey->checksum};
    status_t status = comm_sum_i64(table->comm, totals, 2);
    if (!status)
        status = comm_or_u64(table->comm, survey->bits_used, table->columns);
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
    struct look look = {table, missing, transform, survey};
    status_t status = moments_new(&survey->raw, table->columns);
    if (!status)
        status = moments_new(&survey->transformed, table->features);
    if (!status)
        status = memory_new(&survey->bits_used, table->columns, sizeof *survey->bits_used, "a survey");
    status = comm_agree(table->comm, status);
    if (!status)
        status = table_walk(table, look_at, &look);
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
    free(survey->bits_used);
    *survey = (struct survey){0};
}
