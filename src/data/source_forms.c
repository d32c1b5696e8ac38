/* The forms of input and how each is recognised; pandas has a file of its own. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/h5.h"
#include "data/source_build.h"

status_t source_join(char **path, const char *group, const char *name)
{
    const char *separator = group[strlen(group) - 1] == '/' ? "" : "/";
    if (asprintf(path, "%s%s%s", group, separator, name) < 0)
        *path = NULL;
    return status_of_allocation(*path, strlen(group) + strlen(name) + 2, "a path");
}

static H5I_type_t type_at(hid_t file, const char *path)
{
    hid_t object = source_exists(file, path) ? H5Oopen(file, path, H5P_DEFAULT) : H5I_INVALID_HID;
    H5I_type_t type = object < 0 ? H5I_BADID : H5Iget_type(object);
    if (object >= 0 && H5Oclose(object) < 0)
        return H5I_BADID;
    return type;
}

bool source_is_dataset(hid_t file, const char *path)
{
    return type_at(file, path) == H5I_DATASET;
}

bool source_is_group(hid_t file, const char *path)
{
    return type_at(file, path) == H5I_GROUP;
}

struct listing {
    const char *path; /* of the file */
    struct texts *names;
    status_t failure;
};

static herr_t list_member(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
    (void)group;
    struct listing *listing = data;
    listing->failure =
        info->type == H5L_TYPE_EXTERNAL
            ? status_new(EXIT_BAD_DATA, "%s: %s is a link to another file, which is not followed",
                         listing->path, name)
            : texts_append(listing->names, name);
    return listing->failure ? -1 : 0;
}

/* The names of a group's members, in the order of their names. */
static status_t list_group(const struct source *source, const char *path, struct texts *names)
{
    *names = (struct texts){0};
    struct listing listing = {source->path, names, STATUS_OK};
    if (H5Literate_by_name(source->file, path, H5_INDEX_NAME, H5_ITER_INC, NULL, list_member, &listing,
                           H5P_DEFAULT) < 0)
        return status_first(listing.failure,
                            h5_failure(EXIT_NO_INPUT, "%s: %s cannot be listed", source->path, path));
    return STATUS_OK;
}

/* The first of a few usual places that exists, as a path owned by the caller; *path is NULL where none does.
 */
static status_t find_id(struct source *source, const char *beside, char **path)
{
    *path = NULL;
    char *parent = NULL;
    status_t status = memory_copy_text(&parent, beside);
    if (status)
        return status;
    char *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent ? 1 : 0] = '\0';
    status = source_join(path, slash ? parent : "/", SOURCE_ID_NAME);
    if (!status && !source_is_dataset(source->file, *path)) {
        free(*path);
        *path = NULL;
        if (source_is_dataset(source->file, "/customer_id"))
            status = memory_copy_text(path, "/customer_id");
    }
    free(parent);
    return status;
}

status_t source_choose_id(struct source *source, const char *wanted, const char *beside)
{
    if (wanted && !source_is_dataset(source->file, wanted))
        return status_new(EXIT_BAD_DATA, "%s: input.id %s is no dataset in the file", source->path, wanted);
    if (wanted)
        return source_set_id(source, wanted, -1);
    char *path = NULL;
    status_t status = find_id(source, beside, &path);
    if (!status && path)
        status = source_set_id(source, path, -1);
    free(path);
    return status;
}

/* ---- matrix ---- */

int64_t source_length(hid_t file, const char *path)
{
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT);
    hid_t space = dataset < 0 ? H5I_INVALID_HID : H5Dget_space(dataset);
    int64_t length = space < 0 ? -1 : (int64_t)H5Sget_simple_extent_npoints(space);
    h5_close(space);
    h5_close(dataset);
    return length;
}

/* R and MATLAB store a matrix column by column, which HDF5 shows as features x customers. The ids or the
 * names tell. */
static status_t orient(struct source *source, const char *id, const struct texts *names)
{
    struct source_dataset *dataset = &source->dataset[0];
    char *path = NULL;
    status_t status = id ? memory_copy_text(&path, id) : find_id(source, dataset->path, &path);
    if (status)
        return status;
    int64_t ids = path && source_is_dataset(source->file, path) ? source_length(source->file, path) : -1;
    free(path);
    bool names_fit = names->count == dataset->width;
    bool names_turned = names->count == dataset->rows && names->count > 0;
    bool ids_fit = ids == dataset->rows;
    bool ids_turned = ids == dataset->width;
    dataset->transposed = (ids_turned && !ids_fit && (names_turned || names->count == 0)) ||
                          (names_turned && !names_fit && (ids_turned || ids < 0));
    if (dataset->transposed) {
        int64_t rows = dataset->width;
        dataset->width = dataset->rows;
        dataset->rows = rows;
    }
    return STATUS_OK;
}

static status_t name_columns(struct source *source, const struct texts *names)
{
    const struct source_dataset *dataset = &source->dataset[0];
    if (dataset->width > SOURCE_MOST_COLUMNS)
        return status_new(EXIT_BAD_DATA, "%s: %s has %" PRId64 " columns; at most 2^20 can be used",
                          source->path, dataset->path, dataset->width);
    if (names->count > 0 && names->count != dataset->width)
        return status_new(EXIT_BAD_DATA,
                          "%s: %s: attribute feature_names has %" PRId64 " names for %" PRId64 " features",
                          source->path, dataset->path, names->count, dataset->width);
    status_t status = STATUS_OK;
    for (int64_t c = 0; !status && c < dataset->width; c++) {
        char name[32];
        snprintf(name, sizeof name, "feature_%" PRId64, c);
        status = source_add_column(source, names->count > 0 ? names->text[c] : name, 0, c);
    }
    return status;
}

static status_t recognise_matrix(struct source *source, const char *path, const char *id)
{
    source->form = "matrix";
    bool numeric = false;
    bool named = false;
    struct texts names = {0};
    status_t status = source_add_dataset(source, path, false, &numeric);
    if (!status && !numeric)
        status = status_new(EXIT_BAD_DATA,
                            "%s: %s holds no numbers; features are expected to be integers or floats",
                            source->path, path);
    if (!status)
        status = h5_name_failure(
            source->path, h5_read_text_attribute(source->dataset[0].id, "feature_names", &names, &named));
    if (!status)
        status = orient(source, id, &names);
    if (!status)
        status = name_columns(source, &names);
    texts_free(&names);
    if (!status) {
        source->rows = source->dataset[0].rows;
        status = source_choose_id(source, id, path);
    }
    return status;
}

/* ---- columns ---- */

/* One member of the group: a dataset, or Vaex's group with a dataset `data`. */
static status_t add_member(struct source *source, const char *group, const char *name)
{
    char *path = NULL;
    bool numeric = false;
    status_t status = source_join(&path, group, name);
    if (!status && source_is_group(source->file, path)) {
        char *inner = NULL;
        status = source_join(&inner, path, "data");
        free(path);
        path = inner;
    }
    if (!status && source_is_dataset(source->file, path))
        status = source_add_dataset(source, path, true, &numeric);
    if (!status && !numeric)
        status = texts_append(&source->passed_over, name);
    if (!status && numeric) {
        int64_t last = source->dataset_count - 1;
        int64_t rows = source->dataset[last].rows;
        if (source->column_count > 0 && rows != source->rows)
            status = status_new(EXIT_BAD_DATA, "%s: %s has %" PRId64 " rows but %s has %" PRId64,
                                source->path, path, rows, source->dataset[0].path, source->rows);
        source->rows = rows;
        if (!status)
            status = source_add_column(source, name, last, 0);
    }
    free(path);
    return status;
}

status_t source_choose_column_id(struct source *source, const char *group, const char *id)
{
    if (id)
        return source_choose_id(source, id, group);
    char *path = NULL;
    char *inner = NULL;
    status_t status = source_join(&path, group, SOURCE_ID_NAME);
    if (!status)
        status = source_join(&inner, path, "data");
    if (!status && source_is_dataset(source->file, path))
        status = source_set_id(source, path, -1);
    else if (!status && source_is_dataset(source->file, inner))
        status = source_set_id(source, inner, -1);
    else if (!status)
        status = source_choose_id(source, NULL, group);
    free(inner);
    free(path);
    return status;
}

static bool is_id_member(const char *group, const char *name, const char *id)
{
    if (!id)
        return strcmp(name, SOURCE_ID_NAME) == 0;
    size_t length = strlen(group);
    if (strncmp(id, group, length) != 0 || id[length] != '/')
        return false;
    const char *rest = id + length + 1;
    size_t size = strlen(name);
    return strncmp(rest, name, size) == 0 && (rest[size] == '\0' || strcmp(rest + size, "/data") == 0);
}

static status_t recognise_columns(struct source *source, const char *group, const char *id)
{
    source->form = "columns";
    struct texts members = {0};
    status_t status = list_group(source, group, &members);
    for (int64_t i = 0; !status && i < members.count; i++) {
        if (!is_id_member(group, members.text[i], id))
            status = add_member(source, group, members.text[i]);
    }
    texts_free(&members);
    if (!status && source->column_count > 0)
        status = source_choose_column_id(source, group, id);
    return status;
}

/* ---- which ---- */

static status_t recognise_path(struct source *source, const char *path, const char *id)
{
    if (source_is_pandas(source->file, path))
        return source_recognise_pandas(source, path, id);
    if (source_is_group(source->file, path))
        return recognise_columns(source, path, id);
    return recognise_matrix(source, path, id);
}

/* The one pandas frame at the root, "" for none. */
static status_t find_frame(struct source *source, char *found, size_t size)
{
    struct texts members = {0};
    status_t status = list_group(source, "/", &members);
    int frames = 0;
    found[0] = '\0';
    for (int64_t i = 0; !status && i < members.count; i++) {
        char path[1100];
        snprintf(path, sizeof path, "/%s", members.text[i]);
        if (source_is_pandas(source->file, path)) {
            frames++;
            snprintf(found, size, "%s", path);
        }
    }
    if (frames != 1)
        found[0] = '\0';
    texts_free(&members);
    if (!status && frames > 1)
        status = status_new(EXIT_BAD_DATA, "%s holds %d pandas frames: say which by input.features",
                            source->path, frames);
    return status;
}

static status_t recognise(struct source *source, const char *features, const char *id)
{
    static const char *const usual[] = {"/features", "/table/columns"};
    if (features && !source_exists(source->file, features))
        return status_new(EXIT_BAD_DATA, "%s: input.features %s is not in the file", source->path, features);
    if (features)
        return recognise_path(source, features, id);
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (source_exists(source->file, usual[i]))
            return recognise_path(source, usual[i], id);
    }
    char found[1100];
    status_t status = find_frame(source, found, sizeof found);
    if (!status && found[0] != '\0')
        return recognise_path(source, found, id);
    if (!status)
        status =
            status_new(EXIT_BAD_DATA,
                       "%s: no features: expected a dataset or group /features, Vaex's /table/columns or a "
                       "pandas frame in fixed format; or name the place by input.features",
                       source->path);
    return status;
}

/* "/a/b" for "a/b", "/a//b" and "/a/b/", so that paths can be compared; NULL for NULL. Owned by the caller.
 */
static status_t normalise(const char *path, char **normal)
{
    *normal = NULL;
    if (!path)
        return STATUS_OK;
    status_t status = memory_new(normal, (int64_t)strlen(path) + 2, 1, "a path");
    if (status)
        return status;
    char *to = *normal;
    for (const char *at = path; *at; at++) {
        if (*at == '/')
            continue;
        if (at == path || at[-1] == '/')
            *to++ = '/';
        *to++ = *at;
    }
    if (to == *normal)
        *to++ = '/';
    *to = '\0';
    return STATUS_OK;
}

status_t source_recognise(struct source *source, const char *features, const char *id)
{
    char *features_path = NULL;
    char *id_path = NULL;
    status_t status = normalise(features, &features_path);
    if (!status)
        status = normalise(id, &id_path);
    if (!status)
        status = recognise(source, features_path, id_path);
    free(features_path);
    free(id_path);
    return status;
}
