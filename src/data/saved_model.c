#include "data/saved_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { MOST_NAMED = 5 };

const char *saved_model_missing_name(enum missing missing)
{
    static const char *const names[] = {"median", "mean", "drop", "error"};
    return names[missing];
}

void saved_model_free(struct saved_model *model)
{
    for (int64_t f = 0; model->name && f < model->features; f++)
        free(model->name[f]);
    for (int64_t c = 0; model->column && c < model->columns; c++)
        free(model->column[c]);
    free(model->path);
    free(model->version);
    free(model->name);
    prepare_free(&model->preparation);
    free(model->centroid);
    free(model->number);
    free(model->size);
    free(model->mean);
    free(model->median);
    free(model->deviation);
    free(model->decile);
    free(model->decile_upto);
    free(model->unknown);
    free(model->leaf_centroid);
    free(model->leaf_segment);
    free(model->input_path);
    free(model->input_checksum);
    free(model->config);
    free(model->column);
    *model = (struct saved_model){0};
}

status_t saved_model_check_scoring(const struct saved_model *model)
{
    if (!model->is_cut || model->leaves > 0)
        return STATUS_OK;
    return status_new(EXIT_BAD_DATA,
                      "%s: its segments are a cut of a tree, and the file does not hold the leaves that "
                      "say where a customer belongs; make the fit again with this version of lohko",
                      model->path);
}

/* ---- columns of another file ---- */

/* A list in words: "a, b and c", "a, b, c, d, e and 2 more". */
struct listing {
    char text[STATUS_MESSAGE_SIZE / 2];
    const char *named[MOST_NAMED];
    int64_t count;
};

static void list_name(struct listing *listing, const char *name)
{
    if (listing->count < MOST_NAMED)
        listing->named[listing->count] = name;
    listing->count++;
}

static const char *listed(struct listing *listing)
{
    int64_t named = listing->count < MOST_NAMED ? listing->count : MOST_NAMED;
    size_t length = 0;
    listing->text[0] = '\0';
    for (int64_t i = 0; i < named && length < sizeof listing->text; i++) {
        const char *before = i == 0 ? "" : i == listing->count - 1 ? " and " : ", ";
        length += (size_t)snprintf(listing->text + length, sizeof listing->text - length, "%s%s", before,
                                   listing->named[i]);
    }
    if (listing->count > named && length < sizeof listing->text)
        snprintf(listing->text + length, sizeof listing->text - length, " and %" PRId64 " more",
                 listing->count - named);
    return listing->text;
}

static bool knows_column(const struct saved_model *model, const char *name)
{
    for (int64_t c = 0; c < model->columns; c++) {
        if (strcmp(model->column[c], name) == 0)
            return true;
    }
    return false;
}

static void tell_unknown(const struct saved_model *model, const struct source *source, struct log *log)
{
    struct listing unknown = {.count = 0};
    for (int64_t c = 0; c < source->column_count; c++) {
        if (!knows_column(model, source->column[c].name))
            list_name(&unknown, source->column[c].name);
    }
    if (unknown.count > 0)
        log_note(log, "%s: %s %s not known to the model of %s and not used", source->path, listed(&unknown),
                 unknown.count == 1 ? "is" : "are", model->path);
}

status_t saved_model_columns(const struct saved_model *model, const struct source *source, struct log *log,
                             int64_t *column)
{
    struct listing absent = {.count = 0};
    struct listing no_numbers = {.count = 0};
    for (int64_t f = 0; f < model->features; f++) {
        column[f] = source_find(source, model->name[f]);
        if (column[f] < 0 && source_passed_over(source, model->name[f]))
            list_name(&no_numbers, model->name[f]);
        else if (column[f] < 0)
            list_name(&absent, model->name[f]);
    }
    if (absent.count > 0)
        return status_new(EXIT_BAD_DATA, "%s: there %s %s, which the model of %s needs", source->path,
                          absent.count == 1 ? "is no column" : "are no columns", listed(&absent),
                          model->path);
    if (no_numbers.count > 0)
        return status_new(EXIT_BAD_DATA, "%s: %s %s no numbers, and the model of %s needs them", source->path,
                          listed(&no_numbers), no_numbers.count == 1 ? "holds" : "hold", model->path);
    if (log)
        tell_unknown(model, source, log);
    return STATUS_OK;
}
