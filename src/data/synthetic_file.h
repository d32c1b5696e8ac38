/* The file of synthetic customers: one rank makes it, with room for every row; then all ranks write rows to
 * their places with the system's own calls, since through MPI-IO a write that fails on one rank leaves the
 * others waiting (Open MPI 4.1). Local. */
#ifndef LOHKO_DATA_SYNTHETIC_FILE_H
#define LOHKO_DATA_SYNTHETIC_FILE_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"
#include "data/synthetic.h"

enum synthetic_dataset {
    SYNTHETIC_FEATURES_DATASET,
    SYNTHETIC_IDS_DATASET,
    SYNTHETIC_TRUTH_DATASET,
    SYNTHETIC_SIZES_DATASET,
    SYNTHETIC_DATASETS,
};

/* Where in the file the datasets begin, in bytes; without identifiers there is no place for them. */
struct synthetic_layout {
    int64_t offset[SYNTHETIC_DATASETS];
};

/* Creates `partial`, which is to be renamed to `path`: datasets without values, names, attributes; space is
 * reserved where the file system can. *created: the file is there, and the caller's to remove.
 * EXIT_NO_OUTPUT, EXIT_IO_ERROR (also where the disk is too small). */
status_t synthetic_file_make(const char *path, const char *partial, const struct synthetic_settings *settings,
                             const struct synthetic_model *model, const char *generator,
                             struct synthetic_layout *layout, bool *created)
    __attribute__((warn_unused_result));

/* Opens for synthetic_file_write; *descriptor is -1 on failure. */
status_t synthetic_file_open(const char *partial, int *descriptor) __attribute__((warn_unused_result));
status_t synthetic_file_write(int descriptor, const char *partial, int64_t at, const void *data, size_t size)
    __attribute__((warn_unused_result));

/* What this rank wrote goes to the disk: a server or a quota may refuse only now. Closes in any case; -1 is
 * passed over. */
status_t synthetic_file_close(int descriptor, const char *partial) __attribute__((warn_unused_result));

#endif
