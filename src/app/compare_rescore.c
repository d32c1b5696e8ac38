/* In `lohko compare`, the customers after as the model before sees them: what tells a change of the customers
 * from one of the model. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/compare.h"
#include "app/config.h"
#include "app/rescore.h"
#include "core/memory.h"
#include "data/ids.h"
#include "data/survey.h"

/* ---- where the customers are ---- */

struct input_place {
    const char *path;
    char *features; /* NULL: auto, like id */
    char *id;
};

static __attribute__((format(printf, 2, 3))) status_t go_without(struct compare *compare, const char *format,
                                                                 ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(compare->missing, sizeof compare->missing, format, arguments);
    va_end(arguments);
    /* who names the file wants it to be used */
    if (compare->options.input)
        return status_new(EXIT_BAD_DATA, "%s", compare->missing);
    return STATUS_OK;
}

static status_t copy_place(const char *text, char **copy)
{
    *copy = NULL;
    return text ? memory_copy_text(copy, text) : STATUS_OK;
}

/* What --input says, or the configuration that the results after were made with. */
static status_t find_input(const struct compare *compare, struct input_place *place)
{
    const struct compare_options *options = &compare->options;
    const struct saved_model *after = &compare->after.model;
    struct config config = {0};
    *place = (struct input_place){.path = options->input};
    if (options->input) {
        status_t status = copy_place(options->input_features, &place->features);
        return status ? status : copy_place(options->input_id, &place->id);
    }
    if (!compare->after.has_model || !after->input_path)
        return STATUS_OK;
    place->path = after->input_path;
    if (!after->config)
        return STATUS_OK;
    status_t status =
        config_parse(after->path, after->config, (int64_t)strlen(after->config), 0, NULL, &config);
    if (!status) {
        place->features = config.input_features;
        place->id = config.input_id;
        config.input_features = NULL;
        config.input_id = NULL;
    }
    config_free(&config);
    status_free(status); /* an older version's options: the usual places will do */
    return STATUS_OK;
}

/* ---- whether they are those ---- */

struct summing {
    const struct table *table;
    uint64_t sum;
};

static status_t add_block(void *context, const struct raw_block *block)
{
    struct summing *summing = context;
    summing->sum += survey_checksum(summing->table, block);
    return STATUS_OK;
}

/* Whether the file still has the values that the results after were learned from. */
static status_t compare_checksums(struct compare *compare, bool *same)
{
    const struct saved_model *after = &compare->after.model;
    struct table table = {.column = NULL};
    struct summing summing = {.table = &table};
    int64_t *column = NULL;
    *same = true;
    if (!after->input_checksum)
        return STATUS_OK;
    status_t status =
        comm_agree(compare->comm, memory_new(&column, after->columns, sizeof *column, "columns"));
    for (int64_t c = 0; !status && *same && c < after->columns; c++) {
        column[c] = source_find(&compare->source, after->column[c]);
        *same = column[c] >= 0;
    }
    if (!status && *same) {
        status = table_open_unmarked(compare->comm, &compare->log, &compare->source, column, after->columns,
                                     &table);
        if (!status)
            status = table_walk(&table, add_block, &summing);
        table_close(&table);
    }
    int64_t sum = (int64_t)summing.sum;
    if (!status && *same)
        status = comm_sum_i64(compare->comm, &sum, 1);
    char text[32];
    snprintf(text, sizeof text, "%016" PRIx64, (uint64_t)sum);
    *same = *same && strcmp(text, after->input_checksum) == 0;
    free(column);
    return status;
}

/* That the rows are the customers of the results after. */
static status_t check_customers(struct compare *compare, bool *right)
{
    const struct labelled *after = &compare->after.labelled;
    struct id_rows rows = {.id = &after->source.id, .partition = after->partition};
    struct id_rows input = {.id = &compare->source.id,
                            .partition =
                                partition_of(compare->source.rows, compare->comm->rank, compare->comm->size)};
    status_t status = ids_same(compare->comm, &rows, &input, right);
    if (!status && !*right)
        return go_without(compare, "%s: its rows are not the customers of %s", compare->source.path,
                          compare->options.after);
    if (!status && !compare->options.input) {
        status = compare_checksums(compare, right);
        if (!status && !*right)
            return go_without(compare, "%s has changed since %s was made", compare->source.path,
                              compare->options.after);
    }
    return status;
}

/* Whether the model before finds its features in the file. */
static status_t check_features(struct compare *compare, bool *right)
{
    const struct saved_model *before = &compare->before.model;
    int64_t *column = NULL;
    status_t status = memory_new(&column, before->features, sizeof *column, "columns");
    status = comm_agree(compare->comm, status);
    status_t found = status ? STATUS_OK : saved_model_columns(before, &compare->source, NULL, column);
    free(column);
    *right = !found;
    if (found)
        status = go_without(compare, "%s", found->message);
    status_free(found);
    return status;
}

/* ---- rescoring ---- */

/* A mark for every row without a segment, and for those beyond the last. */
static status_t mark_left_out(const struct labelled *labelled, uint16_t **left_out)
{
    int64_t blocks = labelled->partition.block_count;
    status_t status = memory_new(left_out, blocks * BLOCK_TILES, sizeof **left_out, "marks of customers");
    for (int64_t i = 0; !status && i < blocks * BLOCK_ROWS; i++) {
        if (labelled->label[i] < 0)
            (*left_out)[i / TILE_ROWS] |= (uint16_t)(1U << (i % TILE_ROWS));
    }
    return status;
}

static status_t rescore(struct compare *compare)
{
    bool right = true;
    status_t status = check_features(compare, &right);
    if (!status && right)
        status = check_customers(compare, &right);
    if (status || !right)
        return status;
    uint16_t *left_out = NULL;
    status = comm_agree(compare->comm, mark_left_out(&compare->after.labelled, &left_out));
    struct rescore job = {compare->comm, &compare->log, &compare->before.model, &compare->source, left_out};
    status_t failure = status ? STATUS_OK : rescore_run(&job, &compare->old_label, &compare->drift);
    free(left_out);
    compare->rescored = !status && !failure;
    if (!failure || failure->code != EXIT_BAD_DATA)
        return status_first(status, failure);
    drift_close(&compare->drift);
    status = go_without(compare, "%s", failure->message);
    status_free(failure);
    return status;
}

/* Rank 0 looks whether there is a file. */
static status_t exists(struct comm *comm, const char *path, bool *there)
{
    struct stat file;
    int64_t found = comm->rank == 0 && stat(path, &file) == 0;
    status_t status = comm_broadcast(comm, &found, sizeof found);
    *there = found;
    return status;
}

/* A file that nobody asked for may be anything by now. */
static status_t open_input(struct compare *compare, const struct input_place *place, bool *usable)
{
    status_t status = source_open(compare->comm, place->path, place->features, place->id, &compare->source);
    *usable = !status;
    if (!status || compare->options.input || (status->code != EXIT_NO_INPUT && status->code != EXIT_BAD_DATA))
        return status;
    status_t told = go_without(compare, "%s", status->message);
    status_free(status);
    return told;
}

static void warn_of_row_numbers(struct compare *compare)
{
    bool before = source_ids_are_rows(&compare->before.labelled.source);
    if (before || source_ids_are_rows(&compare->after.labelled.source))
        log_warning(
            &compare->log,
            "the customers of %s have no ids: row numbers are taken for them, which is right only where "
            "both files' rows are the same customers",
            before ? compare->options.before : compare->options.after);
}

status_t compare_rescore(struct compare *compare)
{
    struct input_place place = {.path = NULL};
    bool there = false;
    warn_of_row_numbers(compare);
    if (!compare->before.has_model)
        return go_without(compare, "%s holds no model to score the customers of %s with",
                          compare->options.before, compare->options.after);
    log_phase_begin(&compare->log, "the model before");
    status_t status = comm_agree(compare->comm, find_input(compare, &place));
    if (!status && !place.path)
        status = go_without(compare, "%s does not say where its customers are (--input does)",
                            compare->options.after);
    else if (!status && compare->options.input)
        there = true; /* or it is an error */
    else if (!status)
        status = exists(compare->comm, place.path, &there);
    if (!status && place.path && !there)
        status = go_without(compare, "%s, the customers of %s, is not there (--input says where)", place.path,
                            compare->options.after);
    if (!status && there)
        status = open_input(compare, &place, &there);
    if (!status && there)
        status = rescore(compare);
    free(place.features);
    free(place.id);
    return status;
}
