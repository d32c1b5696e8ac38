#include "data/results_read.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/h5.h"
#include "data/source_build.h"

/* Values that a byte in the file can stand for where a dataset is compressed. What claims more was never
 * written, and is only a wish for a lot of memory. */
static const double MOST_COMPRESSION = 2048.0;

bool results_has(const struct results_input *input, const char *name)
{
    return source_exists(input->file, name);
}

/* ---- datasets ---- */

static status_t open_dataset(const struct results_input *input, const char *name, hid_t *dataset)
{
    *dataset = H5I_INVALID_HID;
    if (!results_has(input, name))
        return status_new(EXIT_BAD_DATA, "%s: there is no %s", input->path, name);
    status_t status = h5_open_dataset(input->file, input->path, name, H5P_DEFAULT, dataset);
    if (status)
        status->code = EXIT_BAD_DATA;
    return status;
}

/* The most values that a dataset can hold, by the bytes that there are. */
static double most_values(const struct results_input *input, hid_t dataset)
{
    hsize_t file = 0;
    hid_t creation = H5Dget_create_plist(dataset);
    double stored = (double)H5Dget_storage_size(dataset);
    double per_byte = H5Pget_nfilters(creation) > 0 ? MOST_COMPRESSION : 1.0;
    h5_close(creation);
    if (H5Fget_filesize(input->file, &file) < 0)
        return 0.0;
    return fmin(stored, (double)file) * per_byte;
}

static status_t take_shape(const struct results_input *input, const char *name, hid_t dataset, int rank,
                           int64_t *extent)
{
    hsize_t dimensions[H5S_MAX_RANK] = {0};
    hid_t space = H5Dget_space(dataset);
    int found = space < 0 ? -1 : H5Sget_simple_extent_dims(space, dimensions, NULL);
    double values = 1.0;
    status_t status = STATUS_OK;
    if (found != rank)
        status =
            status_new(EXIT_BAD_DATA, "%s: %s has %d dimension(s), not %d", input->path, name, found, rank);
    for (int i = 0; !status && i < rank; i++) {
        extent[i] = (int64_t)dimensions[i];
        values *= (double)dimensions[i];
    }
    if (!status && values > most_values(input, dataset))
        status = status_new(EXIT_BAD_DATA, "%s: %s claims %.0f values that are not in the file", input->path,
                            name, values);
    h5_close(space);
    return status;
}

status_t results_shape(const struct results_input *input, const char *name, int rank, int64_t *extent)
{
    hid_t dataset = H5I_INVALID_HID;
    status_t status = open_dataset(input, name, &dataset);
    if (!status)
        status = take_shape(input, name, dataset, rank, extent);
    h5_close(dataset);
    return status;
}

static status_t check_shape(const struct results_input *input, const struct results_wanted *wanted,
                            hid_t dataset)
{
    int64_t extent[2] = {0, 0};
    status_t status = take_shape(input, wanted->name, dataset, wanted->columns > 0 ? 2 : 1, extent);
    if (status || (extent[0] == wanted->rows && extent[1] == wanted->columns))
        return status;
    if (wanted->columns == 0)
        return status_new(EXIT_BAD_DATA, "%s: %s has %" PRId64 " values, not %" PRId64, input->path,
                          wanted->name, extent[0], wanted->rows);
    return status_new(EXIT_BAD_DATA, "%s: %s is %" PRId64 " x %" PRId64 ", not %" PRId64 " x %" PRId64,
                      input->path, wanted->name, extent[0], extent[1], wanted->rows, wanted->columns);
}

static int64_t count_of(const struct results_wanted *wanted)
{
    return wanted->columns > 0 ? wanted->rows * wanted->columns : wanted->rows;
}

/* `memory_type`: a native integer or double; both take eight bytes. */
static status_t read_values(const struct results_input *input, const struct results_wanted *wanted,
                            hid_t memory_type, void *values)
{
    void *read = NULL;
    hid_t dataset = H5I_INVALID_HID;
    hid_t type = H5I_INVALID_HID;
    status_t status = open_dataset(input, wanted->name, &dataset);
    if (!status)
        status = check_shape(input, wanted, dataset);
    if (!status) {
        type = H5Dget_type(dataset);
        H5T_class_t class = H5Tget_class(type);
        if (class != H5T_INTEGER && !(class == H5T_FLOAT && memory_type == H5T_NATIVE_DOUBLE))
            status = status_new(EXIT_BAD_DATA, "%s: %s does not hold %s", input->path, wanted->name,
                                memory_type == H5T_NATIVE_DOUBLE ? "numbers" : "whole numbers");
    }
    if (!status)
        status = memory_new(&read, count_of(wanted), sizeof(int64_t), wanted->name);
    if (!status && H5Dread(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, read) < 0)
        status = h5_failure(EXIT_BAD_DATA, "%s: %s cannot be read", input->path, wanted->name);
    if (!status)
        status = h5_name_failure(input->path, h5_check_length(dataset));
    h5_close(type);
    h5_close(dataset);
    if (status)
        free(read);
    else
        memcpy(values, &read, sizeof read);
    return status;
}

status_t results_read_real(const struct results_input *input, const struct results_wanted *wanted,
                           double **values)
{
    *values = NULL;
    status_t status = read_values(input, wanted, H5T_NATIVE_DOUBLE, values);
    for (int64_t i = 0; !status && i < count_of(wanted); i++) {
        double value = (*values)[i];
        if (isnan(value) ? !wanted->may_be_nan : value < wanted->low || value > wanted->high)
            status = status_new(EXIT_BAD_DATA, "%s: %s holds %g, which is no possible value of it",
                                input->path, wanted->name, value);
    }
    return status;
}

status_t results_read_whole(const struct results_input *input, const struct results_wanted *wanted,
                            int64_t **values)
{
    *values = NULL;
    status_t status = read_values(input, wanted, H5T_NATIVE_INT64, values);
    for (int64_t i = 0; !status && i < count_of(wanted); i++) {
        int64_t value = (*values)[i];
        if (value < wanted->least || value > wanted->most)
            status = status_new(EXIT_BAD_DATA, "%s: %s holds %" PRId64 ", which is no possible value of it",
                                input->path, wanted->name, value);
    }
    return status;
}

/* ---- names ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static status_t check_names(const struct results_input *input, const char *dataset, const struct texts *names)
{
    char **sorted = NULL;
    status_t status = memory_new(&sorted, names->count, sizeof *sorted, "names");
    if (!status && names->count > 0) {
        memcpy(sorted, names->text, (size_t)names->count * sizeof *sorted);
        qsort(sorted, (size_t)names->count, sizeof *sorted, compare_names);
    }
    for (int64_t i = 0; !status && i < names->count; i++) {
        if (sorted[i][0] == '\0')
            status = status_new(EXIT_BAD_DATA, "%s: %s: a name is empty", input->path, dataset);
        else if (i > 0 && strcmp(sorted[i - 1], sorted[i]) == 0)
            status =
                status_new(EXIT_BAD_DATA, "%s: %s: the name %s comes twice", input->path, dataset, sorted[i]);
    }
    free(sorted);
    return status;
}

static status_t clean_all(struct texts *names)
{
    status_t status = STATUS_OK;
    for (int64_t i = 0; !status && i < names->count; i++) {
        char *clean = NULL;
        status = texts_clean(names->text[i], &clean);
        if (status)
            break;
        free(names->text[i]);
        names->text[i] = clean;
    }
    return status;
}

/* A failure of h5text.h, with the file's name. */
static status_t name_file(const struct results_input *input, const char *object, status_t status)
{
    if (!status)
        return STATUS_OK;
    status_t named =
        status_new((enum status_code)status->code, "%s: %s: %s", input->path, object, status->message);
    status_free(status);
    return named;
}

status_t results_read_texts(const struct results_input *input, const char *dataset, const char *attribute,
                            struct texts *names)
{
    *names = (struct texts){0};
    hid_t object = H5I_INVALID_HID;
    int64_t extent[2] = {0, 0};
    bool found = true;
    status_t status = open_dataset(input, dataset, &object);
    if (!status && !attribute)
        status = take_shape(input, dataset, object, 1, extent);
    if (!status && attribute)
        status = name_file(input, dataset, h5_read_text_attribute(object, attribute, names, &found));
    else if (!status)
        status = name_file(input, dataset, h5_read_text_dataset(object, "names", names));
    if (!status && !found)
        status = status_new(EXIT_BAD_DATA, "%s: %s has no attribute %s", input->path, dataset, attribute);
    h5_close(object);
    return status ? status : clean_all(names);
}

status_t results_read_names(const struct results_input *input, const char *dataset, const char *attribute,
                            struct texts *names)
{
    status_t status = results_read_texts(input, dataset, attribute, names);
    return status ? status : check_names(input, dataset, names);
}

/* ---- attributes ---- */

status_t results_read_text(const struct results_input *input, const char *object, const char *name,
                           bool is_line, char **text)
{
    struct texts texts = {0};
    bool found = false;
    *text = NULL;
    hid_t handle = H5Oopen(input->file, object, H5P_DEFAULT);
    status_t status = h5_read_text_attribute(handle, name, &texts, &found);
    if (!status && found && texts.count == 1)
        status = is_line ? texts_clean(texts.text[0], text) : memory_copy_text(text, texts.text[0]);
    status = name_file(input, object, status);
    texts_free(&texts);
    h5_close(handle);
    return status;
}

static status_t read_attribute(const struct results_input *input, const char *object, const char *name,
                               hid_t memory_type, void *value, bool *found)
{
    hid_t handle = H5Oopen(input->file, object, H5P_DEFAULT);
    status_t status = STATUS_OK;
    *found = handle >= 0 && H5Aexists(handle, name) > 0;
    if (*found) {
        hid_t attribute = H5Aopen(handle, name, H5P_DEFAULT);
        hid_t type = H5Aget_type(attribute);
        hid_t space = H5Aget_space(attribute);
        H5T_class_t class = H5Tget_class(type);
        bool fits = class == H5T_INTEGER || (class == H5T_FLOAT && memory_type == H5T_NATIVE_DOUBLE);
        if (!fits || H5Sget_simple_extent_npoints(space) != 1 || H5Aread(attribute, memory_type, value) < 0)
            status = status_new(EXIT_BAD_DATA, "%s: the attribute %s of %s is not one number", input->path,
                                name, object);
        h5_close(space);
        h5_close(type);
        h5_close(attribute);
    }
    h5_close(handle);
    return status;
}

status_t results_read_integer(const struct results_input *input, const char *object, const char *name,
                              int64_t *value, bool *found)
{
    return read_attribute(input, object, name, H5T_NATIVE_INT64, value, found);
}

status_t results_read_number(const struct results_input *input, const char *object, const char *name,
                             double *value, bool *found)
{
    return read_attribute(input, object, name, H5T_NATIVE_DOUBLE, value, found);
}
