/* Input files for the unit tests, made with HDF5 calls by rank 0, and tables opened on them. */
#ifndef LOHKO_TESTS_FILES_H
#define LOHKO_TESTS_FILES_H

#include <hdf5.h>
#include <math.h>

#include "data/h5.h"
#include "data/source.h"
#include "data/table.h"
#include "support.h"

/* Value of row `row` in column `column`. */
typedef double (*cell_value)(int64_t row, int64_t column);

struct input {
    struct source source;
    struct table table;
};

/* Creates a file on this rank alone. Local. */
SUPPORT hid_t file_new(const char *path)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

/* All ranks wait until rank 0 has written. Collective. */
SUPPORT void all_wait(void)
{
    assert_ok(comm_agree(&world, STATUS_OK));
}

SUPPORT double *all_cells(cell_value value, int64_t rows, int64_t columns, bool transposed)
{
    double *cells = NULL;
    assert_ok(memory_new(&cells, rows * columns, sizeof *cells, "test cells"));
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t c = 0; c < columns; c++)
            cells[transposed ? c * rows + row : row * columns + c] = value(row, c);
    }
    return cells;
}

/* A dataset of doubles stored as `type`; creation: a dataset creation list or H5P_DEFAULT. */
SUPPORT void put_dataset(hid_t file, const char *name, hid_t type, hid_t creation, int rank,
                         const hsize_t *dimensions, hid_t memory_type, const void *values)
{
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    assert_true(H5Pset_create_intermediate_group(links, 1) >= 0);
    hid_t space = H5Screate_simple(rank, dimensions, NULL);
    hid_t dataset = H5Dcreate2(file, name, type, space, links, creation, H5P_DEFAULT);
    assert_true(dataset >= 0);
    assert_true(H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    h5_close(dataset);
    h5_close(space);
    h5_close(links);
}

SUPPORT void put_matrix(hid_t file, const char *name, hid_t type, hid_t creation, int64_t rows,
                        int64_t columns, cell_value value, bool transposed)
{
    double *cells = all_cells(value, rows, columns, transposed);
    hsize_t dimensions[2] = {(hsize_t)(transposed ? columns : rows), (hsize_t)(transposed ? rows : columns)};
    put_dataset(file, name, type, creation, 2, dimensions, H5T_NATIVE_DOUBLE, cells);
    free(cells);
}

/* A list of texts as an attribute. */
SUPPORT void put_names(hid_t file, const char *dataset, const char *attribute, const char *const *names,
                       int64_t count)
{
    hid_t object = H5Oopen(file, dataset, H5P_DEFAULT);
    assert_true(object >= 0);
    assert_ok(h5_write_texts(object, attribute, names, count));
    assert_true(H5Oclose(object) >= 0);
}

/* A file with /features, rows x columns doubles. Collective. */
SUPPORT void write_matrix(const char *path, int64_t rows, int64_t columns, cell_value value)
{
    all_wait(); /* nobody reads the file that was there any more */
    if (world.rank == 0) {
        hid_t file = file_new(path);
        put_matrix(file, "/features", H5T_IEEE_F64LE, H5P_DEFAULT, rows, columns, value, false);
        assert_true(h5_close(file));
    }
    all_wait();
}

/* Opens all columns of a source: the first `features` as features, the others to be described only.
 * Collective. */
SUPPORT void table_of(struct comm *comm, struct input *input, int64_t features)
{
    int64_t columns = input->source.column_count;
    int64_t *index = NULL;
    assert_ok(memory_new(&index, columns, sizeof *index, "test columns"));
    for (int64_t c = 0; c < columns; c++)
        index[c] = c;
    features = features < 0 ? columns : features;
    assert_ok(table_open(comm, &quiet, &input->source, index, features, index + features, columns - features,
                         &input->table));
    free(index);
}

/* features < 0: all columns are. Collective over `comm`. */
SUPPORT void input_open(struct input *input, struct comm *comm, const char *path, int64_t features)
{
    assert_ok(source_open(comm, path, NULL, NULL, &input->source));
    table_of(comm, input, features);
}

SUPPORT void input_close(struct input *input)
{
    table_close(&input->table);
    source_close(&input->source);
}

/* ---- walking a table ---- */

struct visit {
    const struct input *input;
    cell_value expected;
    const int64_t *from; /* column of the file that each column of the table is; NULL: the same */
    int64_t next_row;
    int64_t blocks;
};

SUPPORT status_t visit_block(void *context, const struct raw_block *block)
{
    struct visit *visit = context;
    const struct table *table = &visit->input->table;
    assert_int_equal(block->first_row, visit->next_row);
    assert_int_equal(block->block, table->partition.first_block + visit->blocks);
    assert_int_equal(block->local, visit->blocks);
    assert_int_equal(block->rows, partition_block_rows(&table->partition, block->block));
    for (int64_t c = 0; c < table->columns; c++) {
        for (int i = 0; i < block->rows; i++) {
            double expected = visit->expected(block->first_row + i, visit->from ? visit->from[c] : c);
            double got = block->value[c * BLOCK_ROWS + i];
            if (got != expected && !(isnan(got) && isnan(expected)))
                print_error("row %d column %d: %g, not %g\n", (int)block->first_row + i, (int)c, got,
                            expected);
            assert_true(got == expected || (isnan(got) && isnan(expected)));
        }
    }
    visit->next_row += block->rows;
    visit->blocks++;
    return STATUS_OK;
}

SUPPORT void check_walk(struct input *input, cell_value expected, const int64_t *from)
{
    struct visit visit = {input, expected, from, input->table.partition.first_row, 0};
    assert_ok(table_walk(&input->table, visit_block, &visit));
    assert_int_equal(visit.blocks, input->table.partition.block_count);
    assert_int_equal(visit.next_row, input->table.partition.first_row + input->table.partition.row_count);
}

/* A chunk of rows x columns; 0 rows: contiguous. */
SUPPORT hid_t chunked(int64_t rows, int64_t columns)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk[2] = {(hsize_t)rows, (hsize_t)columns};
    assert_true(creation >= 0);
    if (rows > 0)
        assert_true(H5Pset_chunk(creation, 2, chunk) >= 0);
    return creation;
}

/* Ids 0, 3, 6 ... */
SUPPORT void write_integer_ids(hid_t file, const char *path, int64_t rows)
{
    static int64_t id[8 * BLOCK_ROWS];
    for (int64_t i = 0; i < rows; i++)
        id[i] = i * 3;
    hsize_t count = (hsize_t)rows;
    put_dataset(file, path, H5T_STD_I64LE, H5P_DEFAULT, 1, &count, H5T_NATIVE_INT64, id);
}

#endif
