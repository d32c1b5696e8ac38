#include "data/labelled.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/h5.h"
#include "data/id_slab.h"
#include "data/label_set.h"
#include "data/source_build.h"
#include "data/table.h"

/* Below it every whole number is a double, and no two of the file's have become the same. */
static const double NUMBERS_END = 0x1p53;

struct label_reading {
    struct labelled *labelled;
    struct label_set set;
    double last; /* the label before, whose place is known */
    int64_t last_place;
};

/* ---- numbers ---- */

static status_t add_number(struct label_reading *reading, double value, int64_t row, int32_t *label)
{
    const struct source *source = &reading->labelled->source;
    char bytes[LABEL_NUMBER_BYTES];
    if (value != rint(value) || value >= NUMBERS_END)
        return status_new(EXIT_BAD_DATA, "%s: the label in row %" PRId64 " is %g, no whole number below 2^53",
                          source->path, row, value);
    if (value != reading->last) {
        label_of_number((int64_t)value, bytes);
        status_t status = label_set_add(&reading->set, bytes, sizeof bytes, &reading->last_place);
        if (status)
            return status;
        reading->last = value;
    }
    *label = (int32_t)reading->last_place;
    return STATUS_OK;
}

static status_t take_block(void *context, const struct raw_block *block)
{
    struct label_reading *reading = context;
    int32_t *label = reading->labelled->label + block->local * BLOCK_ROWS;
    status_t status = STATUS_OK;
    for (int i = 0; !status && i < block->rows; i++) {
        if (block->value[i] >= 0)
            status = add_number(reading, block->value[i], block->first_row + i, &label[i]);
    }
    return status;
}

static status_t read_numbers(struct comm *comm, struct log *log, struct label_reading *reading,
                             int64_t column)
{
    struct table table;
    status_t status = table_open_unmarked(comm, log, &reading->labelled->source, &column, 1, &table);
    if (status)
        return status;
    status = table_walk(&table, take_block, reading);
    table_close(&table);
    return status;
}

/* ---- text ---- */

static status_t take_texts(struct label_reading *reading, struct id_slab *slab)
{
    const struct partition *part = &reading->labelled->partition;
    status_t status = STATUS_OK;
    for (int64_t done = 0; !status && done < part->row_count; done += slab->rows) {
        int64_t count = part->row_count - done < slab->rows ? part->row_count - done : slab->rows;
        status = id_slab_read(slab, part->first_row + done, count);
        for (int64_t i = 0; !status && i < count; i++) {
            size_t length = 0;
            int64_t place = -1;
            const char *text = id_slab_text(slab, i, &length);
            if (length > 0)
                status = label_set_add(&reading->set, text, (int64_t)length, &place);
            reading->labelled->label[done + i] = (int32_t)place;
        }
    }
    return status;
}

static status_t read_texts(struct comm *comm, struct label_reading *reading, const struct source_id *text)
{
    struct id_slab slab;
    status_t status = id_slab_open(&slab, text);
    if (!status)
        status = take_texts(reading, &slab);
    id_slab_close(&slab);
    return comm_agree(comm, status);
}

/* ---- a results file's own numbers ---- */

static status_t add_own_number(struct label_reading *reading, int64_t number)
{
    char bytes[LABEL_NUMBER_BYTES];
    int64_t at = 0;
    if (number < 0 || number > INT32_MAX)
        return status_new(EXIT_BAD_DATA,
                          "%s: /segments/number holds %" PRId64 "; expected a number from 0 to %d",
                          reading->labelled->source.path, number, INT32_MAX);
    label_of_number(number, bytes);
    return label_set_add(&reading->set, bytes, sizeof bytes, &at);
}

/* Of all segments, also those that nobody is in; an older file does not have them, then the labels tell. */
static status_t add_own_numbers(struct label_reading *reading)
{
    static const char place[] = "/segments/number";
    hid_t file = reading->labelled->source.file;
    int64_t count = source_is_dataset(file, place) ? source_length(file, place) : 0;
    int64_t *number = NULL;
    hid_t dataset = H5I_INVALID_HID;
    if (count == 0)
        return STATUS_OK;
    if (count < 0 || count > LABEL_SET_MOST)
        return status_new(EXIT_BAD_DATA, "%s: %s has %" PRId64 " entries; expected 1 to %d",
                          reading->labelled->source.path, place, count, LABEL_SET_MOST);
    status_t status = memory_new(&number, count, sizeof *number, "segment numbers");
    if (!status)
        status = h5_open_dataset(file, reading->labelled->source.path, place, H5P_DEFAULT, &dataset);
    if (!status)
        status = h5_read_rows(dataset, H5T_NATIVE_INT64, 0, count, number);
    for (int64_t h = 0; !status && h < count; h++)
        status = add_own_number(reading, number[h]);
    h5_close(dataset);
    free(number);
    return status;
}

/* ---- all ---- */

/* As they can be shown. Those that could not be told apart then are refused: a reader would take them for
 * one.
 */
static status_t clean_names(struct labelled *labelled, const struct label_set *set)
{
    struct label_set shown = {.path = labelled->source.path};
    status_t status = memory_new(&labelled->name, set->count, sizeof *labelled->name, "labels");
    for (int64_t p = 0; !status && p < set->count; p++) {
        int64_t length = 0;
        int64_t place = 0;
        const char *label = label_set_get(set, p, &length);
        char *copy = strndup(label, (size_t)length);
        status = copy ? texts_clean(copy, &labelled->name[p]) : status_of_allocation(NULL, 1, "labels");
        if (!status)
            status = label_set_add(&shown, labelled->name[p], (int64_t)strlen(labelled->name[p]), &place);
        if (!status && place != p)
            status = status_new(EXIT_BAD_DATA,
                                "%s: two labels differ only in control characters or in how they are encoded "
                                "(expected: UTF-8): %s",
                                labelled->source.path, labelled->name[p]);
        free(copy);
    }
    label_set_free(&shown);
    return status;
}

static status_t name_labels(struct labelled *labelled, const struct label_set *set, bool text)
{
    labelled->k = set->count;
    status_t status = memory_new(&labelled->number, set->count, sizeof *labelled->number, "labels");
    if (!status)
        status = memory_new(&labelled->size, set->count, sizeof *labelled->size, "labels");
    for (int64_t p = 0; !status && p < set->count; p++) {
        int64_t length = 0;
        labelled->number[p] = text ? p : number_of_label(label_set_get(set, p, &length));
    }
    return status || !text ? status : clean_names(labelled, set);
}

static status_t count_customers(struct comm *comm, struct labelled *labelled)
{
    for (int64_t i = 0; i < labelled->partition.row_count; i++) {
        if (labelled->label[i] >= 0)
            labelled->size[labelled->label[i]]++;
    }
    status_t status = comm_sum_i64(comm, labelled->size, labelled->k);
    labelled->left_out = labelled->partition.rows;
    for (int64_t h = 0; h < labelled->k; h++)
        labelled->left_out -= labelled->size[h];
    return status;
}

static status_t settle(struct comm *comm, struct label_reading *reading, bool text)
{
    struct labelled *labelled = reading->labelled;
    int64_t *moved = NULL;
    status_t status = label_set_share(comm, &reading->set, &moved);
    for (int64_t i = 0; !status && i < labelled->partition.row_count; i++)
        labelled->label[i] = labelled->label[i] < 0 ? -1 : (int32_t)moved[labelled->label[i]];
    free(moved);
    if (!status)
        status = comm_agree(comm, name_labels(labelled, &reading->set, text));
    if (!status)
        status = count_customers(comm, labelled);
    if (!status && labelled->left_out == labelled->partition.rows)
        status = status_new(EXIT_BAD_DATA, "%s: no customer has a segment", labelled->source.path);
    return status;
}

static status_t read_labels(struct comm *comm, struct log *log, struct labelled *labelled, int64_t column,
                            const struct source_id *text)
{
    struct label_reading reading = {
        .labelled = labelled, .set = {.path = labelled->source.path}, .last = -1.0};
    int64_t rows = 0;
    labelled->partition = partition_of(labelled->source.rows, comm->rank, comm->size);
    rows = labelled->partition.block_count * BLOCK_ROWS;
    status_t status = memory_new(&labelled->label, rows, sizeof *labelled->label, "labels");
    for (int64_t i = 0; !status && i < rows; i++)
        labelled->label[i] = -1;
    if (!status && labelled->ours)
        status = add_own_numbers(&reading);
    status = comm_agree(comm, status);
    if (!status)
        status = column >= 0 ? read_numbers(comm, log, &reading, column) : read_texts(comm, &reading, text);
    if (!status)
        status = settle(comm, &reading, column < 0);
    label_set_free(&reading.set);
    return status;
}

status_t labelled_open(struct comm *comm, struct log *log, const char *path,
                       const struct label_places *places, struct labelled *labelled)
{
    struct source_id text;
    int64_t column = -1;
    *labelled = (struct labelled){0};
    status_t status = source_open_labels(comm, path, places, &labelled->source, &column, &text);
    if (!status) {
        const struct source *source = &labelled->source;
        labelled->ours = column >= 0 && strcmp(source->column[column].name, "/assignments/segment") == 0;
        labelled->has_model = labelled->ours && source_is_group(source->file, "/model");
        status = read_labels(comm, log, labelled, column, &text);
    }
    source_close_text(&text);
    return status;
}

/* The place of `number` among k that rise, or -1. */
static int64_t find_number(int64_t k, const int64_t *number, int64_t wanted)
{
    int64_t low = 0;
    int64_t high = k;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (number[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low < k && number[low] == wanted ? low : -1;
}

status_t labelled_renumber(struct labelled *labelled, int64_t k, const int64_t *number)
{
    int64_t *index = NULL;
    int64_t *size = NULL;
    int64_t *copy = NULL;
    if (labelled->name)
        return status_new(EXIT_BAD_DATA, "%s: its labels are text and no numbers of segments",
                          labelled->source.path);
    status_t status = memory_new(&index, labelled->k, sizeof *index, "segment numbers");
    if (!status)
        status = memory_new(&size, k, sizeof *size, "segment numbers");
    if (!status)
        status = memory_new(&copy, k, sizeof *copy, "segment numbers");
    for (int64_t h = 0; !status && h < labelled->k; h++) {
        index[h] = find_number(k, number, labelled->number[h]);
        if (index[h] >= 0)
            size[index[h]] = labelled->size[h];
        else if (labelled->size[h] > 0)
            status = status_new(EXIT_BAD_DATA,
                                "%s: customers are in segment %" PRId64 ", which its model does not have",
                                labelled->source.path, labelled->number[h]);
    }
    for (int64_t i = 0; !status && i < labelled->partition.row_count; i++)
        labelled->label[i] = labelled->label[i] < 0 ? -1 : (int32_t)index[labelled->label[i]];
    free(index);
    if (status) {
        free(size);
        free(copy);
        return status;
    }
    memcpy(copy, number, (size_t)k * sizeof *copy);
    free(labelled->number);
    free(labelled->size);
    labelled->number = copy;
    labelled->size = size;
    labelled->k = k;
    return STATUS_OK;
}

void labelled_close(struct labelled *labelled)
{
    for (int64_t h = 0; labelled->name && h < labelled->k; h++)
        free(labelled->name[h]);
    free(labelled->name);
    free(labelled->number);
    free(labelled->label);
    free(labelled->size);
    source_close(&labelled->source);
    *labelled = (struct labelled){0};
}
