/* The input file, recognised by looking: a matrix, a group of columns, or a pandas frame in fixed format
 * (product.md).
 *
 * All three become the same thing: a list of numeric columns, each one column of one dataset. Other files in
 * data/ read through struct source and need not know the form. */
#ifndef LOHKO_DATA_SOURCE_H
#define LOHKO_DATA_SOURCE_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/log.h"
#include "core/status.h"
#include "data/h5text.h"

/* How a dataset's numbers are taken into memory. */
enum reading { READ_FLOAT, READ_DOUBLE, READ_BYTE };

struct source_dataset {
    hid_t id;
    hid_t memory_type; /* owned */
    char *path;
    int64_t rows;
    int64_t width;   /* columns in it; 1 for a one-dimensional dataset */
    bool flat;       /* one-dimensional */
    bool transposed; /* columns x rows, as R and MATLAB write a matrix */
    enum reading reading;
    bool has_missing_code; /* a number that stands for missing besides NaN */
    double missing_code;
};

struct source_column {
    char *name;
    int64_t dataset; /* index */
    int64_t index;   /* column within the dataset */
};

enum id_kind { ID_ROW_NUMBER, ID_INTEGER, ID_FIXED_TEXT, ID_VARIABLE_TEXT };

struct source_id {
    enum id_kind kind;
    hid_t dataset;
    hid_t type;     /* as in the file; owned */
    bool is_signed; /* of integers */
    char *path;
    int64_t column; /* within a two-dimensional dataset, else -1 */
};

struct source {
    char *path;
    hid_t file;
    const char *form; /* "matrix", "columns", "pandas": for the log */
    int64_t rows;
    struct source_dataset *dataset;
    int64_t dataset_count;
    struct source_column *column; /* numeric ones, in file order */
    int64_t column_count;
    struct texts passed_over; /* names of columns that hold no numbers */
    struct source_id id;
};

/* Opens and recognises. `features` and `id` are paths inside the file, or NULL for auto. Collective; all
 * ranks agree on the outcome. EXIT_NO_INPUT where the file cannot be read, EXIT_BAD_DATA where it holds no
 * customers. */
status_t source_open(struct comm *comm, const char *path, const char *features, const char *id,
                     struct source *source) __attribute__((warn_unused_result));

/* Where a column of labels is in a file; NULL: by the usual names. */
struct label_places {
    const char *features; /* the group, frame or matrix that holds it */
    const char *id;
    const char *label; /* the column's name, or the path of a dataset */
};

/* Opens a file for one column of labels beside the ids: /assignments/segment of a results file; else a column
 * or dataset of the name that is given, or segment, label or cluster. Numbers: *column is its index in
 * source->column. Text: *column is -1 and *text says where it is (closed by the caller, source_close_text).
 * Otherwise like source_open; EXIT_BAD_DATA too where there are no customer ids. Collective. */
status_t source_open_labels(struct comm *comm, const char *path, const struct label_places *places,
                            struct source *source, int64_t *column, struct source_id *text)
    __attribute__((warn_unused_result));
void source_close_text(struct source_id *text);

/* Collective. */
void source_close(struct source *source);

/* Index of the column of that name, or -1. Local. */
int64_t source_find(const struct source *source, const char *name);

/* The attribute `unit` of ids in a results file that are row numbers. */
#define SOURCE_ROW_NUMBERS "row number: the input has no ids"

/* Whether the ids are no more than row numbers, of this file or of the one that a results file is of. Local.
 */
bool source_ids_are_rows(const struct source *source);

/* Whether `name` was passed over because it holds no numbers. Local. */
bool source_passed_over(const struct source *source, const char *name);

#endif
