#include "data/results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/h5.h"
#include "data/results_dataset.h"
#include "data/saved_model.h"
#include "data/survey.h"

/* ---- /segments and /model ---- */

/* The names of all columns of the table, then those of the prepared features; the array is the caller's to
 * free. */
static status_t list_names(const struct results_content *content, const char ***names)
{
    const struct table *table = content->table;
    const struct preparation *preparation = content->preparation;
    status_t status = memory_new(names, table->columns + preparation->count, sizeof **names, "names");
    for (int64_t c = 0; !status && c < table->columns; c++)
        (*names)[c] = table_name(table, c);
    for (int64_t f = 0; !status && f < preparation->count; f++)
        (*names)[table->columns + f] = table_name(table, preparation->feature[f].column);
    return status;
}

/* The centroid in input units is the mean over members of the features that were clustered on. */
static status_t write_centroids(hid_t file, const struct results_content *content, const char *const *kept)
{
    const struct preparation *preparation = content->preparation;
    double *centroid = NULL;
    status_t status = memory_new(&centroid, content->k * preparation->count, sizeof *centroid, "centroids");
    for (int64_t h = 0; !status && h < content->k; h++) {
        for (int64_t f = 0; f < preparation->count; f++)
            centroid[h * preparation->count + f] =
                content->mean[h * content->table->columns + preparation->feature[f].column];
    }
    if (!status)
        status = results_write_real(file, "/segments/centroid", "input units", content->k, preparation->count,
                                    centroid, kept);
    if (!status)
        status = results_write_real(file, "/segments/centroid_prepared", "prepared units", content->k,
                                    preparation->count, content->centroid_prepared, kept);
    free(centroid);
    return status;
}

static status_t write_group_attribute(hid_t file, const char *name, const struct results_attribute *attribute)
{
    hid_t group = H5Gopen2(file, name, H5P_DEFAULT);
    status_t status = results_write_attributes(group, attribute, 1);
    if (!h5_close(group))
        status = status_first(status, h5_write_failure(file, name));
    return status;
}

static status_t write_numbers(hid_t file, const struct results_content *content)
{
    struct results_attribute next = {.name = "next_number", .whole = true, .integer = content->k};
    int64_t *number = NULL;
    status_t status = memory_new(&number, content->k, sizeof *number, "numbers of segments");
    for (int64_t h = 0; !status && h < content->k; h++)
        number[h] = content->number ? content->number[h] : h;
    if (content->number)
        next.integer = content->next_number;
    if (!status)
        status = results_write_whole(file, "/segments/number", "number of the segment", content->k, number);
    if (!status)
        status = write_group_attribute(file, "/segments", &next);
    free(number);
    return status;
}

static status_t write_segments(hid_t file, const struct results_content *content, const char *const *names)
{
    int64_t columns = content->table->columns;
    status_t status = results_write_whole(file, "/segments/size", "customers", content->k, content->size);
    if (!status)
        status = write_numbers(file, content);
    if (!status)
        status = write_centroids(file, content, names + columns);
    if (!status)
        status = results_write_real(file, "/segments/mean", "input units", content->k, columns, content->mean,
                                    names);
    if (!status)
        status = results_write_real(file, "/segments/stddev", "input units (population)", content->k, columns,
                                    content->deviation, names);
    if (!status)
        status = results_write_real(file, "/segments/median", "input units", content->k, columns,
                                    content->median, names);
    if (!status && content->k > 1)
        status = results_write_real(file, "/hierarchy/segment_linkage",
                                    "two nodes, height in prepared units, segments underneath",
                                    content->k - 1, 4, content->segment_linkage, NULL);
    return status;
}

enum { CONSTANTS = 7 };

/* The preparation constants of prepared feature f, in the order of write_constants. */
static void list_constants(const struct prepared_feature *feature, double constant[CONSTANTS])
{
    constant[0] = feature->fill;
    constant[1] = feature->low;
    constant[2] = feature->high;
    constant[3] = feature->shift;
    constant[4] = feature->factor;
    constant[5] = feature->quantum;
    constant[6] = feature->weight;
}

static status_t write_constants(hid_t file, const struct preparation *preparation)
{
    static const char *const names[CONSTANTS] = {"/model/fill",  "/model/clip_low", "/model/clip_high",
                                                 "/model/shift", "/model/factor",   "/model/quantum",
                                                 "/model/weight"};
    static const char *const units[CONSTANTS] = {"input units, for missing values",
                                                 "transformed units",
                                                 "transformed units",
                                                 "transformed units",
                                                 "prepared per transformed unit",
                                                 "prepared units",
                                                 "prepared = weight x scaled"};
    double *values = NULL;
    status_t status = memory_new(&values, CONSTANTS * preparation->count, sizeof *values, "constants");
    for (int64_t f = 0; !status && f < preparation->count; f++) {
        double constant[CONSTANTS];
        list_constants(&preparation->feature[f], constant);
        for (int c = 0; c < CONSTANTS; c++)
            values[c * preparation->count + f] = constant[c];
    }
    for (int c = 0; !status && c < CONSTANTS; c++)
        status = results_write_real(file, names[c], units[c], preparation->count, 0,
                                    values + c * preparation->count, NULL);
    free(values);
    return status;
}

static status_t write_transforms(hid_t file, const struct preparation *preparation)
{
    const char **transforms = NULL;
    int64_t *missing = NULL;
    status_t status = memory_new(&transforms, preparation->count, sizeof *transforms, "transforms");
    if (!status)
        status = memory_new(&missing, preparation->count, sizeof *missing, "missing counts");
    for (int64_t f = 0; !status && f < preparation->count; f++) {
        transforms[f] = survey_transform_name(preparation->feature[f].transform);
        missing[f] = preparation->feature[f].missing;
    }
    if (!status)
        status = results_write_names(file, "/model/transform", transforms, preparation->count);
    if (!status)
        status = results_write_whole(file, "/model/missing", "customers", preparation->count, missing);
    free(transforms);
    free(missing);
    return status;
}

/* How the customers were spread: for the features that were clustered on. */
static status_t write_spread(hid_t file, const struct results_content *content)
{
    const struct preparation *preparation = content->preparation;
    int64_t kept = preparation->count;
    double *decile = NULL;
    int64_t *upto = NULL;
    double *deviation = NULL;
    status_t status = memory_new(&decile, kept * DECILES, sizeof *decile, "deciles");
    if (!status)
        status = memory_new(&upto, kept * DECILES, sizeof *upto, "deciles");
    if (!status)
        status = memory_new(&deviation, kept, sizeof *deviation, "deviations");
    for (int64_t f = 0; !status && f < kept; f++) {
        int64_t column = preparation->feature[f].column;
        memcpy(decile + f * DECILES, content->decile + column * DECILES, DECILES * sizeof *decile);
        memcpy(upto + f * DECILES, content->decile_upto + column * DECILES, DECILES * sizeof *upto);
        deviation[f] = content->all_deviation[column];
    }
    if (!status)
        status = results_write_real(file, "/model/decile", "input units", kept, DECILES, decile, NULL);
    struct results_figure counts = {.name = "/model/decile_upto",
                                    .unit = "customers with at most that value",
                                    .dimensions = {kept, DECILES, 0},
                                    .whole = upto};
    if (!status)
        status = results_write_figure(file, &counts);
    if (!status)
        status = results_write_real(file, "/model/deviation", "input units (population)", kept, 0, deviation,
                                    NULL);
    free(decile);
    free(upto);
    free(deviation);
    return status;
}

static status_t write_leaf_segments(hid_t file, const struct results_leaves *leaves)
{
    static const char name[] = "/model/leaf_segment";
    hsize_t count = (hsize_t)leaves->count;
    hid_t dataset = H5I_INVALID_HID;
    status_t status = h5_create_dataset(file, name, H5T_STD_I32LE, 1, &count, &dataset);
    if (!status)
        status = h5_write_rows(dataset, H5T_NATIVE_INT32, 0, leaves->count, leaves->segment);
    if (!status)
        status = h5_write_text(dataset, "unit", "row of /segments");
    if (!h5_close(dataset))
        status = status_first(status, h5_write_failure(file, name));
    return status;
}

/* Customers that are leaves themselves lie in the file already: they get a second name. */
static status_t write_leaves(hid_t file, const struct results_content *content, const char *const *kept)
{
    static const char name[] = "/model/leaf_centroid";
    const struct results_leaves *leaves = &content->leaves;
    status_t status = STATUS_OK;
    if (leaves->centroid)
        status = results_write_real(file, name, "prepared units", leaves->count, content->preparation->count,
                                    leaves->centroid, kept);
    else if (H5Lcreate_hard(file, "/hierarchy/leaf_centroid", file, name, H5P_DEFAULT, H5P_DEFAULT) < 0)
        status = h5_write_failure(file, name);
    return status ? status : write_leaf_segments(file, leaves);
}

/* What customers that are scored later are compared with. */
static status_t write_reference(hid_t file, const struct results_content *content, const char *const *kept)
{
    struct results_attribute missing = {.name = "missing", .text = content->missing};
    struct results_attribute far = {.name = "far", .real = content->far};
    status_t status = STATUS_OK;
    if (content->missing)
        status = write_group_attribute(file, "/model", &missing);
    if (!status && content->missing)
        status = write_spread(file, content);
    if (!status && content->missing && !isnan(content->far))
        status = write_group_attribute(file, "/model", &far);
    return status || content->leaves.count == 0 ? status : write_leaves(file, content, kept);
}

static status_t write_model(hid_t file, const struct results_content *content, const char *const *names)
{
    const struct preparation *preparation = content->preparation;
    const char *const *kept = names + content->table->columns;
    status_t status = results_write_names(file, "/model/feature_names", kept, preparation->count);
    if (!status)
        status = write_transforms(file, preparation);
    if (!status)
        status = write_constants(file, preparation);
    if (!status)
        status = results_write_real(file, "/model/centroid", "prepared units", content->k, preparation->count,
                                    content->centroid_prepared, kept);
    if (!status)
        status = results_write_real(file, "/model/restart_inertia", "prepared units, squared",
                                    content->restarts, 0, content->restart_inertia, NULL);
    return status ? status : write_reference(file, content, kept);
}

status_t results_write_content(struct results_file *results, const struct results_content *content,
                               const struct results_attribute *attributes, int64_t attribute_count)
{
    const char **names = NULL;
    status_t status = list_names(content, &names);
    if (!status)
        status = write_segments(results->file, content, names);
    if (!status)
        status = write_model(results->file, content, names);
    if (!status)
        status = results_write_attributes(results->file, attributes, attribute_count);
    free(names);
    return status;
}

/* ---- the file ---- */

status_t results_create(struct results_file *results, const char *path)
{
    return h5_create(path, true, &results->file);
}

status_t results_close(struct results_file *results)
{
    if (results->file < 0)
        return STATUS_OK;
    bool flushed = H5Fflush(results->file, H5F_SCOPE_LOCAL) >= 0;
    status_t status = flushed ? STATUS_OK : h5_write_failure(results->file, "the end");
    if (!h5_close(results->file) && flushed)
        status = h5_failure(EXIT_IO_ERROR, "the results cannot be written");
    results->file = H5I_INVALID_HID;
    return status;
}

void results_library(char *text, size_t size)
{
    unsigned major = 0;
    unsigned minor = 0;
    unsigned release = 0;
    if (H5get_libversion(&major, &minor, &release) < 0)
        release = 0;
    snprintf(text, size, "%u.%u.%u", major, minor, release);
}

int64_t results_bytes(const struct table *table, int64_t k)
{
    const struct source_id *id = &table->source->id;
    /* Variable-length text: a reference and, most often, a short text. */
    int64_t id_bytes = id->kind == ID_ROW_NUMBER      ? 8
                       : id->kind == ID_VARIABLE_TEXT ? 40
                                                      : (int64_t)H5Tget_size(id->type);
    int64_t small =
        (8 * k * (table->columns + 1) + 64 * table->columns) * (int64_t)sizeof(double) + (1 << 20);
    return table->partition.rows * (4 * (int64_t)sizeof(int32_t) + id_bytes) + small;
}
