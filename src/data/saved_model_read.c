/* Reading a saved model: every figure is checked before anything is made of it. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/h5.h"
#include "data/saved_model_parts.h"

enum { FORMAT = 1 };

/* ---- what kind of file it is ---- */

static status_t check_kind(const struct model_reading *reading)
{
    const struct results_input *input = &reading->input;
    int64_t format = 0;
    bool found = false;
    if (!results_has(input, "/model/centroid") || !results_has(input, "/segments/size"))
        return status_new(EXIT_BAD_DATA, "%s holds no model (expected: results.h5 of lohko fit)",
                          input->path);
    status_t status = results_read_integer(input, "/", "format_version", &format, &found);
    if (!status && (!found || format != FORMAT))
        status =
            status_new(EXIT_BAD_DATA, "%s: results of format %" PRId64 " cannot be read, only of format %d",
                       input->path, format, FORMAT);
    return status;
}

static status_t read_method(struct model_reading *reading)
{
    char *method = NULL;
    status_t status = results_read_text(&reading->input, "/", "method", true, &method);
    reading->model->is_cut = method && strcmp(method, "hierarchy") == 0;
    if (!status && method && !reading->model->is_cut && strcmp(method, "kmeans") != 0)
        status =
            status_new(EXIT_BAD_DATA, "%s: segments.method %s is not known", reading->input.path, method);
    free(method);
    return status;
}

static status_t read_count(const struct model_reading *reading, const char *name, int64_t *count)
{
    bool found = false;
    status_t status = results_read_integer(&reading->input, "/", name, count, &found);
    if (!status && (!found || *count < 0))
        status = status_new(EXIT_BAD_DATA, "%s: the attribute %s is no count", reading->input.path, name);
    return status;
}

static status_t read_origin(struct model_reading *reading)
{
    const struct results_input *input = &reading->input;
    struct saved_model *model = reading->model;
    bool found = false;
    status_t status = read_method(reading);
    model->inertia = (double)NAN;
    if (!status)
        status = results_read_number(input, "/", "inertia", &model->inertia, &found);
    if (!status)
        status = results_read_text(input, "/", "lohko_version", true, &model->version);
    if (!status && !model->version)
        status = memory_copy_text(&model->version, "unknown");
    if (!status)
        status = results_read_text(input, "/", "input_path", true, &model->input_path);
    if (!status)
        status = results_read_text(input, "/", "input_checksum", true, &model->input_checksum);
    if (!status)
        status = results_read_text(input, "/", "config", false, &model->config);
    if (!status)
        status = read_count(reading, "customers", &model->rows);
    if (!status)
        status = read_count(reading, "customers_used", &model->customers);
    if (!status && model->customers > model->rows)
        status = status_new(EXIT_BAD_DATA, "%s: more customers took part than there are", input->path);
    return status;
}

static status_t read_all(struct model_reading *reading)
{
    status_t status = check_kind(reading);
    if (!status)
        status = read_origin(reading);
    if (!status)
        status = saved_model_read_features(reading);
    return status ? status : saved_model_read_segments(reading);
}

status_t saved_model_read(struct comm *comm, const char *path, struct saved_model *model)
{
    struct model_reading reading = {.input = {path, H5I_INVALID_HID}, .model = model};
    *model = (struct saved_model){0};
    status_t status = h5_open_parallel(comm, path, &reading.input.file);
    if (status)
        return status;
    status = memory_copy_text(&model->path, path);
    if (!status)
        status = read_all(&reading);
    h5_close(reading.input.file);
    status = comm_agree(comm, status);
    if (status)
        saved_model_free(model);
    return status;
}
