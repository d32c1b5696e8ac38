/* HDF5's failures as a status, and small helpers around its handles. Local. */
#ifndef LOHKO_DATA_H5_H
#define LOHKO_DATA_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"

/* Once per process, before any other HDF5 call: no error stacks on stderr, no closing of a library in trouble
 * at exit. */
status_t h5_start(void) __attribute__((warn_unused_result));

/* A failure with the given text, followed by what HDF5 itself says of the innermost cause. */
status_t h5_failure(enum status_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));

/* Closes a handle of any kind; negative ones are passed over. False when HDF5 could not close (and so maybe
 * not flush). */
bool h5_close(hid_t handle);

/* Opens a dataset for reading; the caller closes it. Links to other files lead nowhere for the whole program,
 * and EXIT_BAD_DATA refuses a dataset whose values are in other files (external storage, virtual datasets):
 * what is opened is what the user names. EXIT_NO_INPUT where it cannot be opened. `file_path` is for
 * messages. */
status_t h5_open_dataset(hid_t file, const char *file_path, const char *path, hid_t access, hid_t *dataset)
    __attribute__((warn_unused_result));

/* The same failure with the name of the file or object before it; STATUS_OK stays. */
status_t h5_name_failure(const char *name, status_t status) __attribute__((warn_unused_result));

/* Opens for reading, every rank by itself, so that a failure on one of them is one. Collective for the vote.
 * EXIT_NO_INPUT where it cannot be read. */
status_t h5_open_parallel(struct comm *comm, const char *path, hid_t *file)
    __attribute__((warn_unused_result));

/* Creates (truncating) for one rank to write; h5_close closes. `many_names`: an attribute may hold thousands
 * of texts, for which the oldest layout has no room. EXIT_NO_OUTPUT where it cannot be created. */
status_t h5_create(const char *path, bool many_names, hid_t *file) __attribute__((warn_unused_result));

/* Creates a contiguous dataset (`rank` dimensions), with missing groups on its way; unless it is of texts of
 * any length, its place in the file is found at once (H5Dget_offset). The caller closes *dataset. */
status_t h5_create_dataset(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dimensions,
                           hid_t *dataset) __attribute__((warn_unused_result));

/* Rows [first, first + count) of a dataset whose first dimension are rows, from or to `memory` of type
 * `type`. A count of zero does nothing. */
status_t h5_write_rows(hid_t dataset, hid_t type, int64_t first, int64_t count, const void *memory)
    __attribute__((warn_unused_result));
status_t h5_read_rows(hid_t dataset, hid_t type, int64_t first, int64_t count, void *memory)
    __attribute__((warn_unused_result));

/* EXIT_IO_ERROR after writing to the file of `object`: its name, `what` cannot be written, and what the
 * library says. */
status_t h5_write_failure(hid_t object, const char *what) __attribute__((warn_unused_result));

/* EXIT_IO_ERROR after a read or write of a dataset's rows: the file's name, and what the library says. */
status_t h5_row_failure(hid_t dataset, const char *what, int64_t first) __attribute__((warn_unused_result));

/* After reading from a dataset of a file of h5_open_parallel: what was read is in the file only if the file
 * is still as long as when it was opened. EXIT_IO_ERROR. h5_read_rows does it itself. */
status_t h5_check_length(hid_t object) __attribute__((warn_unused_result));

/* Attributes: UTF-8 text, one number, a list of `count` texts. */
status_t h5_write_text(hid_t object, const char *name, const char *text) __attribute__((warn_unused_result));
status_t h5_write_number(hid_t object, const char *name, hid_t type, const void *value)
    __attribute__((warn_unused_result));
status_t h5_write_texts(hid_t object, const char *name, const char *const *texts, int64_t count)
    __attribute__((warn_unused_result));

#endif
