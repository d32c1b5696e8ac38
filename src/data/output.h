/* The output directory, all or nothing: files are written under a temporary name beside their place, flushed
 * to disk, and renamed when all of them are complete. Local: rank 0. */
#ifndef LOHKO_DATA_OUTPUT_H
#define LOHKO_DATA_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/status.h"

enum { OUTPUT_FILES = 8 };

struct output {
    char *directory;
    int count;
    char *path[OUTPUT_FILES];    /* final */
    char *partial[OUTPUT_FILES]; /* where it is written */
    bool is_claimed;             /* nobody else writes into the directory; `claim` is open for it */
    int claim;
    int retired; /* files of an earlier job that this one does not write */
    char *retiree[OUTPUT_FILES];
};

/* Makes the directory (and those above it) if needed and proves that files can be created in it.
 * EXIT_NO_OUTPUT. */
status_t output_open(struct output *output, const char *directory) __attribute__((warn_unused_result));

/* The same, and nobody else does so until output_close: waits some seconds for a job that is just ending,
 * then EXIT_NO_OUTPUT. File systems that cannot lock a directory (NFS) let everybody in. */
status_t output_claim(struct output *output, const char *directory) __attribute__((warn_unused_result));

/* Announces a file; its temporary path, valid until output_close. */
status_t output_add(struct output *output, const char *name, const char **partial)
    __attribute__((warn_unused_result));

/* Announces a file that an earlier job may have left here and that does not belong to this one: it goes when
 * the others come. */
status_t output_retire(struct output *output, const char *name) __attribute__((warn_unused_result));

/* Reserves `bytes` of disk for an announced file that exists, where the file system can: EXIT_IO_ERROR if it
 * is full. */
status_t output_reserve(const char *partial, int64_t bytes) __attribute__((warn_unused_result));

/* A text file to write; close with output_text_end, which reports any write error. */
status_t output_text_begin(const char *partial, FILE **file) __attribute__((warn_unused_result));
status_t output_text_end(const char *partial, FILE *file) __attribute__((warn_unused_result));

/* Flushes all files to disk, then renames them, the first announced last. After it nothing temporary is left.
 */
status_t output_commit(struct output *output) __attribute__((warn_unused_result));

/* Removes what was not committed. */
void output_close(struct output *output);

#endif
