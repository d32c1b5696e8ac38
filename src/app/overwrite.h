/* What is read must not be what is written. */
#ifndef LOHKO_APP_OVERWRITE_H
#define LOHKO_APP_OVERWRITE_H

#include "core/comm.h"
#include "core/status.h"

/* A file that is read. */
struct overwrite {
    const char *what; /* "model" */
    const char *path; /* NULL: none */
};

/* The name in `directory` under which any of the commands writes, makes or removes a file, and at which the
 * file at `path` lies, by whatever name; NULL: none, or there is no such file. Local. */
const char *overwritten_name(const char *directory, const char *path);

/* EXIT_BAD_USAGE (--output) where one of the files has such a name in `directory`. Rank 0 looks. Collective.
 */
status_t refuse_overwriting(struct comm *comm, const char *directory, const struct overwrite *file, int count)
    __attribute__((warn_unused_result));

#endif
