/* What a saved model knows of its segments and its customers. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/saved_model_parts.h"

/* ---- numbers and sizes ---- */

static status_t read_sizes(struct model_reading *reading)
{
    struct saved_model *model = reading->model;
    int64_t left = model->customers;
    int64_t shape[1] = {0};
    status_t status = results_shape(&reading->input, "/segments/size", 1, shape);
    if (!status && (shape[0] < 1 || shape[0] > INT32_MAX))
        status =
            status_new(EXIT_BAD_DATA, "%s: %" PRId64 " segments cannot be", reading->input.path, shape[0]);
    if (status)
        return status;
    model->k = shape[0];
    struct results_wanted size = {.name = "/segments/size", .rows = model->k, .most = model->customers};
    status = results_read_whole(&reading->input, &size, &model->size);
    for (int64_t h = 0; !status && h < model->k && left >= 0; h++)
        left -= model->size[h];
    if (!status && left != 0)
        status = status_new(EXIT_BAD_DATA, "%s: /segments/size does not add up to customers_used",
                            reading->input.path);
    return status;
}

static status_t take_numbers(struct model_reading *reading)
{
    struct saved_model *model = reading->model;
    struct results_wanted number = {.name = "/segments/number", .rows = model->k, .most = INT32_MAX};
    bool found = false;
    status_t status = results_read_whole(&reading->input, &number, &model->number);
    for (int64_t h = 1; !status && h < model->k; h++) {
        if (model->number[h] <= model->number[h - 1])
            status = status_new(EXIT_BAD_DATA, "%s: /segments/number does not rise", reading->input.path);
    }
    if (!status)
        status =
            results_read_integer(&reading->input, "/segments", "next_number", &model->next_number, &found);
    if (!status && (!found || model->next_number <= model->number[model->k - 1]))
        status = status_new(EXIT_BAD_DATA, "%s: next_number of /segments is not above all numbers",
                            reading->input.path);
    if (!status && model->next_number - 1 > INT32_MAX)
        status = status_new(EXIT_BAD_DATA, "%s: next_number of /segments is %" PRId64 ", above 2^31",
                            reading->input.path, model->next_number);
    return status;
}

static status_t read_numbers(struct model_reading *reading)
{
    struct saved_model *model = reading->model;
    if (results_has(&reading->input, "/segments/number"))
        return take_numbers(reading);
    status_t status = memory_new(&model->number, model->k, sizeof *model->number, "numbers of segments");
    for (int64_t h = 0; !status && h < model->k; h++)
        model->number[h] = h;
    model->next_number = model->k;
    return status;
}

/* ---- centroids and means ---- */

/* Of the features, out of all columns; both are in the order of the input. */
static status_t take_features(struct model_reading *reading, const char *name, double **values)
{
    struct saved_model *model = reading->model;
    struct results_wanted wanted = {.name = name,
                                    .rows = model->k,
                                    .columns = model->columns,
                                    .low = -DBL_MAX,
                                    .high = DBL_MAX,
                                    .may_be_nan = true};
    double *all = NULL;
    int64_t c = 0;
    status_t status = results_read_real(&reading->input, &wanted, &all);
    if (!status)
        status = memory_new(values, model->k * model->features, sizeof **values, name);
    for (int64_t f = 0; !status && f < model->features; f++, c++) {
        while (c < model->columns && strcmp(model->column[c], model->name[f]) != 0)
            c++;
        if (c == model->columns)
            status = status_new(EXIT_BAD_DATA,
                                "%s: %s of /model/feature_names is not in its place among the "
                                "columns of /segments/mean",
                                reading->input.path, model->name[f]);
        for (int64_t h = 0; !status && h < model->k; h++)
            (*values)[h * model->features + f] = all[h * model->columns + c];
    }
    free(all);
    return status;
}

static status_t read_means(struct model_reading *reading)
{
    struct saved_model *model = reading->model;
    struct results_wanted centroid = {.name = "/model/centroid", .low = -DBL_MAX, .high = DBL_MAX};
    status_t status = read_sizes(reading);
    if (!status)
        status = read_numbers(reading);
    centroid.rows = model->k;
    centroid.columns = model->features;
    if (!status)
        status = results_read_real(&reading->input, &centroid, &model->centroid);
    if (!status)
        status = take_features(reading, "/segments/mean", &model->mean);
    if (!status)
        status = take_features(reading, "/segments/median", &model->median);
    return status;
}

/* ---- how the customers were spread ---- */

static status_t check_deciles(const struct model_reading *reading)
{
    const struct saved_model *model = reading->model;
    for (int64_t i = 0; i < model->features * DECILES; i++) {
        int64_t f = i / DECILES;
        bool goes_on = i % DECILES > 0;
        bool known = !isnan(model->decile[f * DECILES]);
        if (isnan(model->decile[i]) == known || (!known && model->decile_upto[i] > 0) ||
            (goes_on && model->decile[i] < model->decile[i - 1]) ||
            (goes_on && model->decile_upto[i] < model->decile_upto[i - 1]) ||
            model->decile_upto[i] > model->customers - model->unknown[f])
            return status_new(EXIT_BAD_DATA,
                              "%s: /model/decile and /model/decile_upto of %s do not go together",
                              reading->input.path, model->name[f]);
    }
    return STATUS_OK;
}

static status_t read_deciles(struct model_reading *reading)
{
    struct saved_model *model = reading->model;
    struct results_wanted decile = {.name = "/model/decile",
                                    .rows = model->features,
                                    .columns = DECILES,
                                    .low = -DBL_MAX,
                                    .high = DBL_MAX,
                                    .may_be_nan = true};
    struct results_wanted upto = {
        .name = "/model/decile_upto", .rows = model->features, .columns = DECILES, .most = model->customers};
    if (!results_has(&reading->input, decile.name))
        return STATUS_OK;
    status_t status = results_read_real(&reading->input, &decile, &model->decile);
    if (!status)
        status = results_read_whole(&reading->input, &upto, &model->decile_upto);
    if (!status)
        status = memory_new(&model->unknown, model->features, sizeof *model->unknown, "the model");
    for (int64_t f = 0; !status && f < model->features; f++)
        model->unknown[f] = model->preparation.feature[f].missing;
    return status ? status : check_deciles(reading);
}

static status_t read_spread(struct model_reading *reading)
{
    struct saved_model *model = reading->model;
    struct results_wanted deviation = {.name = "/model/deviation", .rows = model->features, .high = DBL_MAX};
    bool found = false;
    model->far = (double)NAN;
    status_t status = read_deciles(reading);
    if (!status)
        status = results_read_number(&reading->input, "/model", "far", &model->far, &found);
    if (!status && found && !(model->far >= 0 && model->far <= DBL_MAX))
        status = status_new(EXIT_BAD_DATA, "%s: the attribute far of /model is %g", reading->input.path,
                            model->far);
    if (!status && results_has(&reading->input, deviation.name))
        return results_read_real(&reading->input, &deviation, &model->deviation);
    if (!status)
        status = memory_new(&model->deviation, model->features, sizeof *model->deviation, "the model");
    for (int64_t f = 0; !status && f < model->features; f++)
        model->deviation[f] = (double)NAN;
    return status;
}

/* ---- leaves ---- */

static status_t read_leaves(struct model_reading *reading)
{
    struct saved_model *model = reading->model;
    struct results_wanted centroid = {.name = "/model/leaf_centroid", .low = -DBL_MAX, .high = DBL_MAX};
    struct results_wanted segment = {.name = "/model/leaf_segment", .most = model->k - 1};
    int64_t *segments = NULL;
    int64_t shape[2] = {0};
    if (!results_has(&reading->input, centroid.name) && !results_has(&reading->input, segment.name))
        return STATUS_OK; /* lohko 0.4: saved_model_check_scoring */
    status_t status = results_shape(&reading->input, centroid.name, 2, shape);
    if (!status && (shape[0] < model->k || shape[0] > INT32_MAX))
        status = status_new(EXIT_BAD_DATA, "%s: %s has %" PRId64 " leaves for %" PRId64 " segments",
                            reading->input.path, centroid.name, shape[0], model->k);
    if (status)
        return status;
    centroid.rows = segment.rows = shape[0];
    centroid.columns = model->features;
    status = results_read_real(&reading->input, &centroid, &model->leaf_centroid);
    if (!status)
        status = results_read_whole(&reading->input, &segment, &segments);
    if (!status)
        status = memory_new(&model->leaf_segment, shape[0], sizeof *model->leaf_segment, "leaves");
    for (int64_t leaf = 0; !status && leaf < shape[0]; leaf++)
        model->leaf_segment[leaf] = (int32_t)segments[leaf];
    model->leaves = status ? 0 : shape[0];
    free(segments);
    return status;
}

status_t saved_model_read_segments(struct model_reading *reading)
{
    status_t status = read_means(reading);
    if (!status)
        status = read_spread(reading);
    return status || !reading->model->is_cut ? status : read_leaves(reading);
}
