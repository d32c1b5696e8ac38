/* A file that is read for one column of labels and the ids beside it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/h5.h"
#include "data/source_build.h"

static const char *const usual_names[] = {"segment", "label", "cluster"};
enum { USUAL_NAMES = sizeof usual_names / sizeof usual_names[0] };

/* The dataset group/name, or group/name/data as Vaex has it; *path stays NULL where there is neither. */
static status_t try_group(const struct source *source, const char *group, const char *name, char **path)
{
    char *inner = NULL;
    status_t status = source_join(path, group, name);
    if (!status)
        status = source_join(&inner, *path, "data");
    if (!status && !source_is_dataset(source->file, *path)) {
        free(*path);
        *path = NULL;
        if (source_is_dataset(source->file, inner)) {
            *path = inner;
            inner = NULL;
        }
    }
    free(inner);
    return status;
}

/* The dataset of labels and the group that it is a column of; both NULL where the file has them in another
 * form. Owned by the caller. */
static status_t find_dataset(const struct source *source, const struct label_places *places, char **path,
                             char **group)
{
    static const char *const usual_groups[] = {"/assignments", "/", "/features", "/table/columns"};
    const char *const *groups = places->features ? &places->features : usual_groups;
    size_t group_count = places->features ? 1 : sizeof usual_groups / sizeof usual_groups[0];
    const char *const *names = places->label ? &places->label : usual_names;
    size_t name_count = places->label ? 1 : USUAL_NAMES;
    status_t status = STATUS_OK;
    for (size_t g = 0; !status && !*path && g < group_count; g++) {
        if (!source_is_group(source->file, groups[g]))
            continue;
        for (size_t n = 0; !status && !*path && n < name_count; n++)
            status = try_group(source, groups[g], names[n], path);
        if (!status && *path)
            status = memory_copy_text(group, groups[g]);
    }
    return status;
}

/* The same where the label is given by its path. */
static status_t use_path(const struct source *source, const struct label_places *places, char **path,
                         char **group)
{
    status_t status = memory_copy_text(group, places->label);
    if (status)
        return status;
    char *slash = strrchr(*group, '/');
    slash[slash == *group ? 1 : 0] = '\0';
    status = try_group(source, *group, strrchr(places->label, '/') + 1, path);
    if (!status && !*path)
        status = status_new(EXIT_BAD_DATA, "%s: %s is no dataset in the file", source->path, places->label);
    return status;
}

/* A dataset of text is opened as ids are, and then put where the caller wants it. */
static status_t take_text(struct source *source, const char *path, struct source_id *text)
{
    source->rows = source_length(source->file, path);
    status_t status = source_set_id(source, path, -1);
    *text = source->id;
    source->id = (struct source_id){.dataset = H5I_INVALID_HID, .type = H5I_INVALID_HID, .column = -1};
    if (!status || status->code != EXIT_BAD_DATA)
        return status;
    status_free(status); /* it speaks of ids */
    return status_new(EXIT_BAD_DATA, "%s: %s is no column of whole numbers or text", source->path, path);
}

/* The dataset as the one column of numbers, or as text. */
static status_t take_dataset(struct source *source, const char *path, int64_t *column, struct source_id *text)
{
    bool numeric = false;
    source->form = "labels";
    status_t status = source_add_dataset(source, path, true, &numeric);
    if (status)
        return status;
    if (!numeric)
        return take_text(source, path, text);
    source->rows = source->dataset[0].rows;
    *column = 0;
    return source_add_column(source, path, 0, 0);
}

/* A matrix with named columns, or a frame. */
static status_t take_column(struct source *source, const struct label_places *places, int64_t *column)
{
    const char *const *names = places->label ? &places->label : usual_names;
    size_t name_count = places->label ? 1 : USUAL_NAMES;
    status_t status = source_recognise(source, places->features, places->id);
    if (status && (source->form || places->features || status->code != EXIT_BAD_DATA))
        return status;
    status_free(status); /* it is about features, which nobody asked for */
    for (size_t n = 0; n < name_count; n++) {
        *column = source_find(source, names[n]);
        if (*column >= 0)
            return STATUS_OK;
        if (source_passed_over(source, names[n]))
            return status_new(
                EXIT_BAD_DATA,
                "%s: %s holds text in a form that only Python can read; write the labels as numbers, "
                "or as a dataset of text",
                source->path, names[n]);
    }
    return status_new(
        EXIT_BAD_DATA,
        "%s: there is no column %s (expected: results.h5 of lohko, or customer ids with a column "
        "of labels)",
        source->path, places->label ? places->label : "segment, label or cluster");
}

static status_t check(const struct source *source)
{
    if (source->rows < 1 || source->rows > SOURCE_MOST_ROWS)
        return status_new(EXIT_BAD_DATA, "%s: %" PRId64 " rows; expected 1 to 2^40", source->path,
                          source->rows);
    if (source->id.kind == ID_ROW_NUMBER)
        return status_new(EXIT_BAD_DATA,
                          "%s: there are no customer ids beside the labels (expected: a dataset "
                          "customer_id)",
                          source->path);
    return STATUS_OK;
}

static status_t recognise(struct source *source, const struct label_places *places, int64_t *column,
                          struct source_id *text)
{
    char *path = NULL;
    char *group = NULL;
    status_t status = places->label && places->label[0] == '/' ? use_path(source, places, &path, &group)
                                                               : find_dataset(source, places, &path, &group);
    if (!status && path)
        status = take_dataset(source, path, column, text);
    if (!status && path)
        status = source_choose_column_id(source, group, places->id);
    else if (!status)
        status = take_column(source, places, column);
    if (!status)
        status = check(source);
    if (!status)
        status = source_fit_caches(source);
    free(path);
    free(group);
    return status;
}

status_t source_open_labels(struct comm *comm, const char *path, const struct label_places *places,
                            struct source *source, int64_t *column, struct source_id *text)
{
    const struct source_id none = {.dataset = H5I_INVALID_HID, .type = H5I_INVALID_HID, .column = -1};
    *source = (struct source){.file = H5I_INVALID_HID, .id = none};
    *text = none;
    *column = -1;
    status_t status = comm_agree(comm, memory_copy_text(&source->path, path));
    if (!status)
        status = h5_open_parallel(comm, path, &source->file);
    return status ? status : comm_agree(comm, recognise(source, places, column, text));
}

void source_close_text(struct source_id *text)
{
    h5_close(text->type);
    h5_close(text->dataset);
    free(text->path);
    *text = (struct source_id){.dataset = H5I_INVALID_HID, .type = H5I_INVALID_HID, .column = -1};
}
