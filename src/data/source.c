#include "data/source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/plural.h"
#include "data/h5.h"
#include "data/source_build.h"

int64_t source_find(const struct source *source, const char *name)
{
    for (int64_t c = 0; c < source->column_count; c++) {
        if (strcmp(source->column[c].name, name) == 0)
            return c;
    }
    return -1;
}

bool source_passed_over(const struct source *source, const char *name)
{
    return texts_find(&source->passed_over, name) >= 0;
}

bool source_ids_are_rows(const struct source *source)
{
    struct texts unit = {0};
    bool found = false;
    if (source->id.kind == ID_ROW_NUMBER)
        return true;
    status_free(h5_read_text_attribute(source->id.dataset, "unit", &unit, &found));
    bool rows = found && unit.count == 1 && strcmp(unit.text[0], SOURCE_ROW_NUMBERS) == 0;
    texts_free(&unit);
    return rows;
}

bool source_exists(hid_t file, const char *path)
{
    char *prefix = strdup(path);
    bool exists = prefix != NULL;
    for (char *slash = prefix; exists && slash; slash = strchr(slash + 1, '/')) {
        char *next = strchr(slash + 1, '/');
        char saved = next ? *next : '\0';
        if (next)
            *next = '\0';
        if (strcmp(prefix, "/") != 0 && prefix[0] != '\0')
            exists =
                H5Lexists(file, prefix, H5P_DEFAULT) > 0 && H5Oexists_by_name(file, prefix, H5P_DEFAULT) > 0;
        if (next)
            *next = saved;
    }
    free(prefix);
    return exists;
}

enum { MOST_SLOTS = 200003 }; /* of a chunk cache: one a chunk is plenty */

/* A dataset access list whose chunk cache holds one row of chunks, or H5P_DEFAULT for contiguous datasets. */
static hid_t chunk_access(hid_t dataset, int rank, const hsize_t *dimensions, bool transposed)
{
    hid_t access = H5P_DEFAULT;
    hsize_t chunk[2] = {1, 1};
    hid_t creation = H5Dget_create_plist(dataset);
    hid_t type = H5Dget_type(dataset);
    if (creation >= 0 && type >= 0 && H5Pget_layout(creation) == H5D_CHUNKED &&
        H5Pget_chunk(creation, rank, chunk) == rank && chunk[0] > 0 && chunk[1] > 0) {
        int row_axis = transposed ? 1 : 0;
        hsize_t across = rank == 1 ? 1 : dimensions[1 - row_axis] / chunk[1 - row_axis] + 1;
        /* Two rows of chunks: a slab may begin in one and end in the next. */
        double bytes = 2.0 * (double)across * (double)chunk[0] * (double)chunk[1] * (double)H5Tget_size(type);
        access = H5Pcreate(H5P_DATASET_ACCESS);
        size_t slots = across < MOST_SLOTS / 200 ? (size_t)across * 200 + 521 : MOST_SLOTS;
        if (access >= 0 && bytes < 0x1p62 && H5Pset_chunk_cache(access, slots, (size_t)bytes, 1.0) < 0) {
            h5_close(access);
            access = H5P_DEFAULT;
        }
    }
    h5_close(type);
    h5_close(creation);
    return access;
}

/* The type to read into memory, or H5I_INVALID_HID where the dataset holds no numbers. The library's own
 * conversion is used only where the file's numbers are not the machine's floats: it is slower than ours. */
static hid_t memory_type_of(hid_t type, enum reading *reading)
{
    H5T_class_t class = H5Tget_class(type);
    *reading = READ_DOUBLE;
    if ((class == H5T_ENUM || class == H5T_BITFIELD) && H5Tget_size(type) == 1) {
        *reading = READ_BYTE; /* how h5py and PyTables store booleans */
        return H5Tcopy(type);
    }
    if (class != H5T_FLOAT && class != H5T_INTEGER)
        return H5I_INVALID_HID;
    if (H5Tequal(type, H5T_NATIVE_FLOAT) > 0) {
        *reading = READ_FLOAT;
        return H5Tcopy(H5T_NATIVE_FLOAT);
    }
    return H5Tcopy(H5T_NATIVE_DOUBLE);
}

/* A number that the writer declared to mean missing: a float's own fill value (zero excepted: R and PyTables
 * declare it for every dataset and mean zero), or R's NA in an integer dataset. */
static void find_missing_code(struct source_dataset *dataset, hid_t type)
{
    H5T_class_t class = H5Tget_class(type);
    if (class == H5T_INTEGER && H5Aexists(dataset->id, "rhdf5-NA.OK") > 0) {
        dataset->has_missing_code = true;
        dataset->missing_code = (double)INT32_MIN;
        return;
    }
    hid_t creation = H5Dget_create_plist(dataset->id);
    H5D_fill_value_t defined = H5D_FILL_VALUE_UNDEFINED;
    double value = 0.0;
    if (class == H5T_FLOAT && creation >= 0 && H5Pfill_value_defined(creation, &defined) >= 0 &&
        defined == H5D_FILL_VALUE_USER_DEFINED &&
        H5Pget_fill_value(creation, H5T_NATIVE_DOUBLE, &value) >= 0 && value != 0.0) {
        dataset->has_missing_code = true;
        dataset->missing_code = value;
    }
    h5_close(creation);
}

static status_t check_rank(const char *file, const char *path, int rank, bool flat)
{
    if (flat && rank != 1)
        return status_new(EXIT_BAD_DATA, "%s: %s has %d dimensions; a column has one", file, path, rank);
    if (!flat && rank != 2)
        return status_new(EXIT_BAD_DATA, "%s: %s has %d dimension%s; expected two (customers x features)",
                          file, path, rank, plural(rank));
    return STATUS_OK;
}

static status_t fill_dataset(struct source_dataset *dataset, const char *file, const char *path, bool flat,
                             bool *numeric)
{
    hid_t type = H5Dget_type(dataset->id);
    hid_t space = H5Dget_space(dataset->id);
    hsize_t dimensions[H5S_MAX_RANK] = {0};
    int rank = space < 0 ? -1 : H5Sget_simple_extent_dims(space, dimensions, NULL);
    status_t status = STATUS_OK;
    if (type < 0 || rank < 0)
        status = h5_failure(EXIT_NO_INPUT, "%s: %s cannot be read", file, path);
    if (!status)
        dataset->memory_type = memory_type_of(type, &dataset->reading);
    *numeric = dataset->memory_type >= 0;
    if (!status && *numeric)
        status = check_rank(file, path, rank, flat);
    if (!status && *numeric) {
        dataset->flat = flat;
        dataset->rows = (int64_t)dimensions[0];
        dataset->width = flat ? 1 : (int64_t)dimensions[1];
        find_missing_code(dataset, type);
    }
    h5_close(space);
    h5_close(type);
    return status;
}

status_t source_add_dataset(struct source *source, const char *path, bool flat, bool *numeric)
{
    *numeric = false;
    struct source_dataset *grown =
        realloc(source->dataset, ((size_t)source->dataset_count + 1) * sizeof *source->dataset);
    if (!grown)
        return status_of_allocation(NULL, 1, "the list of datasets");
    source->dataset = grown;
    struct source_dataset *dataset = &grown[source->dataset_count];
    *dataset = (struct source_dataset){.memory_type = H5I_INVALID_HID};
    status_t status = h5_open_dataset(source->file, source->path, path, H5P_DEFAULT, &dataset->id);
    if (!status)
        status = memory_copy_text(&dataset->path, path);
    if (!status)
        status = fill_dataset(dataset, source->path, path, flat, numeric);
    if (!status && *numeric) {
        source->dataset_count++;
    } else {
        h5_close(dataset->memory_type);
        h5_close(dataset->id);
        free(dataset->path);
    }
    return status;
}

status_t source_add_column(struct source *source, const char *name, int64_t dataset, int64_t index)
{
    struct source_column *grown =
        realloc(source->column, ((size_t)source->column_count + 1) * sizeof *source->column);
    if (!grown)
        return status_of_allocation(NULL, 1, "the list of columns");
    source->column = grown;
    struct source_column *column = &grown[source->column_count];
    *column = (struct source_column){.dataset = dataset, .index = index};
    status_t status = texts_clean(name, &column->name);
    if (!status)
        source->column_count++;
    return status;
}

static status_t classify_id(struct source_id *id, const char *file, const char *path)
{
    switch (H5Tget_class(id->type)) {
    case H5T_INTEGER:
        id->kind = ID_INTEGER;
        id->is_signed = H5Tget_sign(id->type) == H5T_SGN_2;
        return STATUS_OK;
    case H5T_STRING:
        id->kind = H5Tis_variable_str(id->type) > 0 ? ID_VARIABLE_TEXT : ID_FIXED_TEXT;
        return STATUS_OK;
    default:
        return status_new(EXIT_BAD_DATA, "%s: %s: customer ids are expected to be integers or text", file,
                          path);
    }
}

status_t source_set_id(struct source *source, const char *path, int64_t column)
{
    struct source_id *id = &source->id;
    status_t status = memory_copy_text(&id->path, path);
    if (status)
        return status;
    id->column = column;
    status = h5_open_dataset(source->file, source->path, path, H5P_DEFAULT, &id->dataset);
    if (status)
        return status;
    id->type = H5Dget_type(id->dataset);
    hid_t space = H5Dget_space(id->dataset);
    hsize_t dimensions[H5S_MAX_RANK] = {0};
    int rank = space < 0 ? -1 : H5Sget_simple_extent_dims(space, dimensions, NULL);
    if (id->type < 0 || rank < 0)
        status = h5_failure(EXIT_NO_INPUT, "%s: %s cannot be opened as a dataset of ids", source->path, path);
    else if (rank != (column < 0 ? 1 : 2))
        status = status_new(EXIT_BAD_DATA, "%s: %s has %d dimensions; customer ids have one", source->path,
                            path, rank);
    else if ((int64_t)dimensions[0] != source->rows)
        status = status_new(EXIT_BAD_DATA,
                            "%s: %s has %" PRIu64 " entries; expected one for each of %" PRId64 " rows",
                            source->path, path, (uint64_t)dimensions[0], source->rows);
    else
        status = classify_id(id, source->path, path);
    h5_close(space);
    return status;
}

status_t source_fit_caches(struct source *source)
{
    for (int64_t i = 0; i < source->dataset_count; i++) {
        struct source_dataset *dataset = &source->dataset[i];
        hsize_t dimensions[2] = {(hsize_t)dataset->rows, (hsize_t)dataset->width};
        if (dataset->transposed) {
            dimensions[0] = (hsize_t)dataset->width;
            dimensions[1] = (hsize_t)dataset->rows;
        }
        hid_t access = chunk_access(dataset->id, dataset->flat ? 1 : 2, dimensions, dataset->transposed);
        if (access == H5P_DEFAULT)
            continue;
        h5_close(dataset->id);
        status_t status = h5_open_dataset(source->file, source->path, dataset->path, access, &dataset->id);
        h5_close(access);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static status_t check_names(const struct source *source)
{
    char **names = NULL;
    status_t status = memory_new(&names, source->column_count, sizeof *names, "column names");
    for (int64_t c = 0; !status && c < source->column_count; c++)
        names[c] = source->column[c].name;
    if (!status && source->column_count > 1)
        qsort(names, (size_t)source->column_count, sizeof *names, compare_names);
    for (int64_t c = 0; !status && c < source->column_count; c++) {
        if (names[c][0] == '\0')
            status = status_new(EXIT_BAD_DATA, "%s: a feature has an empty name", source->path);
        else if (c > 0 && strcmp(names[c - 1], names[c]) == 0)
            status = status_new(EXIT_BAD_DATA, "%s: two features are named %s", source->path, names[c]);
    }
    free(names);
    return status;
}

static status_t check_shape(const struct source *source)
{
    for (int64_t i = 0; i < source->dataset_count; i++) {
        const struct source_dataset *dataset = &source->dataset[i];
        if (dataset->rows < 0 || dataset->rows > SOURCE_MOST_ROWS)
            return status_new(EXIT_BAD_DATA, "%s: %s has %" PRIu64 " rows; at most 2^40 can be used",
                              source->path, dataset->path, (uint64_t)dataset->rows);
    }
    if (source->column_count == 0)
        return status_new(EXIT_BAD_DATA, "%s: no numeric features found", source->path);
    if (source->rows == 0)
        return status_new(EXIT_BAD_DATA, "%s: no customers (zero rows)", source->path);
    return check_names(source);
}

status_t source_open(struct comm *comm, const char *path, const char *features, const char *id,
                     struct source *source)
{
    *source = (struct source){.file = H5I_INVALID_HID,
                              .id = {.dataset = H5I_INVALID_HID, .type = H5I_INVALID_HID, .column = -1}};
    status_t status = comm_agree(comm, memory_copy_text(&source->path, path));
    if (!status)
        status = h5_open_parallel(comm, path, &source->file);
    if (status)
        return status;
    status = source_recognise(source, features, id);
    if (!status)
        status = check_shape(source);
    if (!status)
        status = source_fit_caches(source);
    return comm_agree(comm, status);
}

void source_close(struct source *source)
{
    for (int64_t i = 0; i < source->dataset_count; i++) {
        h5_close(source->dataset[i].memory_type);
        h5_close(source->dataset[i].id);
        free(source->dataset[i].path);
    }
    for (int64_t c = 0; c < source->column_count; c++)
        free(source->column[c].name);
    h5_close(source->id.type);
    h5_close(source->id.dataset);
    free(source->id.path);
    free(source->dataset);
    free(source->column);
    texts_free(&source->passed_over);
    h5_close(source->file);
    free(source->path);
    *source = (struct source){.file = H5I_INVALID_HID};
}
