/* What is read must not be what is written. */
#ifndef LOHKO_APP_OVERWRITE_H
#define LOHKO_APP_OVERWRITE_H

#include <stdbool.h>

#include "core/comm.h"
#include "core/status.h"

/* A file that is read. */
struct overwrite {
    const char *what; /* "model" */
    const char *path; /* NULL: none */
};

/* Whether the file at `path` is results.h5 of `directory`, by whatever name; not where either is missing.
 * Local. */
bool is_overwritten(const char *directory, const char *path);

/* EXIT_BAD_USAGE (--output) where results.h5 of `directory` is one of the files. Rank 0 looks. Collective. */
status_t refuse_overwriting(struct comm *comm, const char *directory, const struct overwrite *file, int count)
    __attribute__((warn_unused_result));

#endif
