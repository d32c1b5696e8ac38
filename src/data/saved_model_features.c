/* How a saved model prepares a customer. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/saved_model_parts.h"
#include "data/survey.h"

/* ---- names ---- */

static status_t read_names(struct model_reading *reading)
{
    struct saved_model *model = reading->model;
    struct texts names = {0};
    struct texts columns = {0};
    status_t status = results_read_names(&reading->input, "/model/feature_names", NULL, &names);
    model->name = names.text;
    model->features = names.count;
    if (!status && names.count == 0)
        status = status_new(EXIT_BAD_DATA, "%s: the model has no features", reading->input.path);
    if (!status)
        status = results_read_names(&reading->input, "/segments/mean", "feature_names", &columns);
    model->column = columns.text;
    model->columns = columns.count;
    return status;
}

/* ---- preparation ---- */

static status_t read_transforms(struct model_reading *reading)
{
    struct saved_model *model = reading->model;
    struct texts names = {0};
    status_t status = results_read_texts(&reading->input, "/model/transform", NULL, &names);
    if (!status && names.count != model->features)
        status = status_new(EXIT_BAD_DATA, "%s: /model/transform has %" PRId64 " entries, not %" PRId64,
                            reading->input.path, names.count, model->features);
    for (int64_t f = 0; !status && f < model->features; f++) {
        int transform = TRANSFORM_NONE;
        while (transform <= TRANSFORM_ASINH && strcmp(survey_transform_name(transform), names.text[f]) != 0)
            transform++;
        if (transform > TRANSFORM_ASINH)
            status = status_new(EXIT_BAD_DATA, "%s: /model/transform: %s is not known", reading->input.path,
                                names.text[f]);
        model->preparation.feature[f].transform = transform;
    }
    texts_free(&names);
    return status;
}

enum { FILL, CLIP_LOW, CLIP_HIGH, SHIFT, FACTOR, QUANTUM, WEIGHT, CONSTANTS };

static void take_constant(struct prepared_feature *feature, int constant, double value)
{
    double *const fields[CONSTANTS] = {&feature->fill,   &feature->low,     &feature->high,  &feature->shift,
                                       &feature->factor, &feature->quantum, &feature->weight};
    *fields[constant] = value;
}

static status_t read_constants(struct model_reading *reading)
{
    struct saved_model *model = reading->model;
    const struct results_wanted wanted[CONSTANTS] = {
        [FILL] = {.name = "/model/fill", .low = -DBL_MAX, .high = DBL_MAX, .may_be_nan = true},
        [CLIP_LOW] = {.name = "/model/clip_low", .low = (double)-INFINITY, .high = DBL_MAX},
        [CLIP_HIGH] = {.name = "/model/clip_high", .low = -DBL_MAX, .high = (double)INFINITY},
        [SHIFT] = {.name = "/model/shift", .low = -DBL_MAX, .high = DBL_MAX},
        [FACTOR] = {.name = "/model/factor", .low = DBL_TRUE_MIN, .high = DBL_MAX},
        [QUANTUM] = {.name = "/model/quantum", .low = DBL_MIN, .high = 0x1p1000},
        [WEIGHT] = {.name = "/model/weight", .low = DBL_TRUE_MIN, .high = DBL_MAX},
    };
    status_t status = STATUS_OK;
    for (int c = 0; !status && c < CONSTANTS; c++) {
        struct results_wanted one = wanted[c];
        double *values = NULL;
        one.rows = model->features;
        status = results_read_real(&reading->input, &one, &values);
        for (int64_t f = 0; !status && f < model->features; f++)
            take_constant(&model->preparation.feature[f], c, values[f]);
        free(values);
    }
    return status;
}

static status_t check_constants(const struct model_reading *reading)
{
    const struct saved_model *model = reading->model;
    for (int64_t f = 0; f < model->features; f++) {
        const struct prepared_feature *feature = &model->preparation.feature[f];
        int exponent = 0;
        if (feature->low > feature->high)
            return status_new(EXIT_BAD_DATA, "%s: /model/clip_low of %s is above /model/clip_high",
                              reading->input.path, model->name[f]);
        if (frexp(feature->quantum, &exponent) != 0.5)
            return status_new(EXIT_BAD_DATA, "%s: /model/quantum of %s is no power of two",
                              reading->input.path, model->name[f]);
    }
    return STATUS_OK;
}

/* Lohko 0.4 and before did not say, but filled where there was something to fill with. */
static status_t read_missing(struct model_reading *reading)
{
    struct saved_model *model = reading->model;
    char *text = NULL;
    status_t status = results_read_text(&reading->input, "/model", "missing", true, &text);
    bool fills = !isnan(model->preparation.feature[0].fill);
    model->missing = fills ? MISSING_MEDIAN : MISSING_DROP;
    if (text) {
        int missing = MISSING_MEDIAN;
        while (missing <= MISSING_ERROR && strcmp(saved_model_missing_name((enum missing)missing), text) != 0)
            missing++;
        if (missing > MISSING_ERROR)
            status = status_new(EXIT_BAD_DATA, "%s: missing values are treated by %s, which is not known",
                                reading->input.path, text);
        model->missing = missing > MISSING_ERROR ? MISSING_DROP : (enum missing)missing;
    }
    free(text);
    for (int64_t f = 0; !status && f < model->features; f++) {
        bool should = model->missing == MISSING_MEDIAN || model->missing == MISSING_MEAN;
        if (isnan(model->preparation.feature[f].fill) == should)
            status =
                status_new(EXIT_BAD_DATA, "%s: /model/fill of %s does not go with the others or with %s",
                           reading->input.path, model->name[f], saved_model_missing_name(model->missing));
    }
    return status;
}

static status_t read_preparation(struct model_reading *reading)
{
    struct saved_model *model = reading->model;
    int64_t *unknown = NULL;
    struct results_wanted missing = {
        .name = "/model/missing", .rows = model->features, .most = model->customers};
    status_t status = memory_new(&model->preparation.feature, model->features,
                                 sizeof *model->preparation.feature, "the model");
    model->preparation.count = status ? 0 : model->features;
    if (!status)
        status = read_transforms(reading);
    if (!status)
        status = read_constants(reading);
    if (!status)
        status = check_constants(reading);
    if (!status)
        status = read_missing(reading);
    if (!status)
        status = results_read_whole(&reading->input, &missing, &unknown);
    for (int64_t f = 0; !status && f < model->features; f++) {
        model->preparation.feature[f].column = f;
        model->preparation.feature[f].missing = unknown[f];
    }
    free(unknown);
    return status;
}

status_t saved_model_read_features(struct model_reading *reading)
{
    status_t status = read_names(reading);
    return status ? status : read_preparation(reading);
}
