/* A fit that is stopped, or killed, and goes on: what the ranks have found so far is kept in the output
 * directory (data/checkpoint.h). */
#ifndef LOHKO_APP_FIT_CHECKPOINT_H
#define LOHKO_APP_FIT_CHECKPOINT_H

#include "core/journal.h"
#include "core/status.h"
#include "data/checkpoint.h"

struct fit;

struct fit_checkpoint {
    struct journal journal;
    struct checkpoint now;  /* what this job's checkpoints belong to; rank 0 */
    struct checkpoint then; /* and the one that it goes on from */
    bool begun;             /* the journal is in use */
    bool written;           /* there is one of this job */
};

/* Reads the checkpoint, under run.resume, and refuses one of another version of lohko or another config
 * (EXIT_BAD_CONFIG, with the difference). When the config is known. Collective. */
status_t fit_checkpoint_open(struct fit *fit) __attribute__((warn_unused_result));

/* From here on what is found is kept. Refuses a checkpoint of another input: EXIT_BAD_DATA. When the input
 * has been surveyed. Collective. */
status_t fit_checkpoint_begin(struct fit *fit) __attribute__((warn_unused_result));

/* What has become of the fit: where it was stopped, the last checkpoint is written, and the status says how
 * to go on. Takes `status` over. Collective. */
status_t fit_checkpoint_end(struct fit *fit, status_t status) __attribute__((warn_unused_result));

void fit_checkpoint_free(struct fit *fit);

#endif
