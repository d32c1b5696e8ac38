/* The file that an interrupted fit goes on from: its journal (core/journal.h) and what it is the journal of.
 *
 * A run of entries, each a name of JOURNAL_NAME_SIZE bytes, a length and as many bytes, between a line of
 * magic and the XXH3 hash of all before it: so a file that was cut or changed is found out before anything in
 * it is used. For this machine's byte order; whoever wants to know of results reads results.h5. */
#ifndef LOHKO_DATA_CHECKPOINT_H
#define LOHKO_DATA_CHECKPOINT_H

#include <stdbool.h>

#include "core/comm.h"
#include "core/journal.h"
#include "core/status.h"

/* In the output directory. */
#define CHECKPOINT_NAME "checkpoint.lohko"
/* That of an earlier job, once another one begins without it. */
#define CHECKPOINT_OLD_NAME "checkpoint.lohko.old"

/* What a journal belongs to: texts, by which a job knows its own. */
enum checkpoint_fact {
    CHECKPOINT_PROGRAM,  /* version and commit */
    CHECKPOINT_CONFIG,   /* the effective config, YAML */
    CHECKPOINT_INPUT,    /* rows, columns, checksum */
    CHECKPOINT_PREVIOUS, /* segments and features of last year's model, checksum; or that there is none */
    CHECKPOINT_FACTS
};

struct checkpoint {
    char *fact[CHECKPOINT_FACTS];
};

/* Writes the file under a temporary name, flushes it, and puts it in the place of the one before, which stays
 * where anything fails: EXIT_NO_OUTPUT, EXIT_IO_ERROR. Local: rank 0. */
status_t checkpoint_write(const char *directory, const struct checkpoint *checkpoint,
                          const struct journal *journal) __attribute__((warn_unused_result));

/* Whether there is a file of that name. Local. */
bool checkpoint_exists(const char *directory, const char *name);

/* Gives a file its other name, in place of one that has it. Local: rank 0. EXIT_NO_OUTPUT. */
status_t checkpoint_rename(const char *directory, const char *from, const char *to)
    __attribute__((warn_unused_result));

/* What a file of that name belongs to. Local: rank 0. EXIT_NO_INPUT where it cannot be read or is damaged. */
status_t checkpoint_facts(const char *directory, const char *name, struct checkpoint *checkpoint)
    __attribute__((warn_unused_result));

/* Reads it on rank 0, for all: fills in the facts and adds the entries to the journal. EXIT_NO_INPUT where it
 * cannot be read or is damaged. Collective. */
status_t checkpoint_read(struct comm *comm, const char *directory, struct checkpoint *checkpoint,
                         struct journal *journal) __attribute__((warn_unused_result));
void checkpoint_free(struct checkpoint *checkpoint);

#endif
