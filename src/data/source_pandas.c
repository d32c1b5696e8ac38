/* DataFrame.to_hdf(..., format="fixed"): a group with the columns' names in axis0, the index in axis1, and
 * the values in blocks of one type each. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/h5.h"
#include "data/source_build.h"

bool source_is_pandas(hid_t file, const char *path)
{
    struct texts kind = {0};
    bool found = false;
    hid_t group = source_is_group(file, path) ? H5Gopen2(file, path, H5P_DEFAULT) : H5I_INVALID_HID;
    if (group >= 0)
        status_free(h5_read_text_attribute(group, "pandas_type", &kind, &found));
    h5_close(group);
    bool frame = found && kind.count == 1 && strcmp(kind.text[0], "frame") == 0;
    texts_free(&kind);
    return frame;
}

struct frame {
    const char *group;
    struct texts order; /* the frame's columns, in its order */
    int64_t *dataset;   /* of each; -1 where it holds no numbers */
    int64_t *index;
};

static status_t read_names(const struct source *source, const char *path, struct texts *names)
{
    hid_t dataset = H5I_INVALID_HID;
    status_t status = h5_open_dataset(source->file, source->path, path, H5P_DEFAULT, &dataset);
    if (!status)
        status = h5_name_failure(source->path, h5_read_text_dataset(dataset, path, names));
    h5_close(dataset);
    return status;
}

/* A block of columns of one type: its names and its values. Blocks of dates keep their unit in an attribute.
 */
static status_t add_frame_block(struct source *source, struct frame *frame, int64_t number)
{
    char name[64];
    char *items = NULL;
    char *values = NULL;
    struct texts names = {0};
    struct texts value_type = {0};
    bool dates = false;
    bool numeric = false;
    snprintf(name, sizeof name, "block%" PRId64 "_items", number);
    status_t status = source_join(&items, frame->group, name);
    snprintf(name, sizeof name, "block%" PRId64 "_values", number);
    if (!status)
        status = source_join(&values, frame->group, name);
    if (!status)
        status = read_names(source, items, &names);
    hid_t dataset = H5I_INVALID_HID;
    if (!status)
        status = h5_open_dataset(source->file, source->path, values, H5P_DEFAULT, &dataset);
    if (!status)
        status =
            h5_name_failure(source->path, h5_read_text_attribute(dataset, "value_type", &value_type, &dates));
    h5_close(dataset);
    if (!status && !dates)
        status = source_add_dataset(source, values, false, &numeric);
    if (!status && numeric && source->dataset[source->dataset_count - 1].width != names.count)
        status = status_new(EXIT_BAD_DATA, "%s: %s: %" PRId64 " names for %" PRId64 " columns", source->path,
                            values, names.count, source->dataset[source->dataset_count - 1].width);
    for (int64_t i = 0; !status && i < names.count; i++) {
        int64_t place = texts_find(&frame->order, names.text[i]);
        if (place < 0) {
            status = status_new(EXIT_BAD_DATA, "%s: %s: column %s is not in axis0", source->path, items,
                                names.text[i]);
        } else if (numeric) {
            frame->dataset[place] = source->dataset_count - 1;
            frame->index[place] = i;
        }
    }
    texts_free(&value_type);
    texts_free(&names);
    free(values);
    free(items);
    return status;
}

static status_t frame_order(struct source *source, struct frame *frame)
{
    char *path = NULL;
    status_t status = source_join(&path, frame->group, "axis0");
    if (!status)
        status = read_names(source, path, &frame->order);
    free(path);
    if (!status)
        status = memory_new(&frame->dataset, frame->order.count, sizeof *frame->dataset, "a frame's columns");
    if (!status)
        status = memory_new(&frame->index, frame->order.count, sizeof *frame->index, "a frame's columns");
    for (int64_t c = 0; !status && c < frame->order.count; c++)
        frame->dataset[c] = -1;
    return status;
}

/* The ids: `input.id`, a column customer_id, or the frame's index. */
static status_t frame_id(struct source *source, const struct frame *frame, const char *id)
{
    if (id)
        return source_choose_id(source, id, frame->group);
    int64_t place = texts_find(&frame->order, SOURCE_ID_NAME);
    if (place >= 0 && frame->dataset[place] >= 0)
        return source_set_id(source, source->dataset[frame->dataset[place]].path, frame->index[place]);
    if (place >= 0)
        return status_new(EXIT_BAD_DATA,
                          "%s: pandas keeps a text column as Python objects that only Python can read; make "
                          "customer_id the frame's index before to_hdf",
                          source->path);
    char *path = NULL;
    status_t status = source_join(&path, frame->group, "axis1");
    if (!status && source_is_dataset(source->file, path))
        status = source_set_id(source, path, -1);
    free(path);
    return status;
}

static status_t frame_columns(struct source *source, const struct frame *frame)
{
    status_t status = STATUS_OK;
    for (int64_t c = 0; !status && c < frame->order.count; c++) {
        const char *name = frame->order.text[c];
        if (strcmp(name, SOURCE_ID_NAME) == 0)
            continue;
        if (frame->dataset[c] < 0)
            status = texts_append(&source->passed_over, name);
        else
            status = source_add_column(source, name, frame->dataset[c], frame->index[c]);
    }
    for (int64_t i = 0; !status && i < source->dataset_count; i++) {
        if (source->dataset[i].rows != source->dataset[0].rows)
            status = status_new(EXIT_BAD_DATA, "%s: %s and %s have different numbers of rows", source->path,
                                source->dataset[0].path, source->dataset[i].path);
    }
    if (!status && source->dataset_count > 0)
        source->rows = source->dataset[0].rows;
    return status;
}

status_t source_recognise_pandas(struct source *source, const char *group, const char *id)
{
    source->form = "pandas";
    struct frame frame = {.group = group};
    status_t status = frame_order(source, &frame);
    for (int64_t number = 0; !status; number++) {
        char name[64];
        char *path = NULL;
        snprintf(name, sizeof name, "block%" PRId64 "_values", number);
        status = source_join(&path, group, name);
        bool there = !status && source_exists(source->file, path);
        free(path);
        if (!there)
            break;
        status = add_frame_block(source, &frame, number);
    }
    if (!status)
        status = frame_columns(source, &frame);
    if (!status && source->column_count > 0)
        status = frame_id(source, &frame, id);
    texts_free(&frame.order);
    free(frame.dataset);
    free(frame.index);
    return status;
}
