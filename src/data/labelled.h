/* A segmentation in a file, as `compare` and a fit that knows the year before need it: a results file of
 * lohko, or customer ids with a column of labels from elsewhere. Collective. */
#ifndef LOHKO_DATA_LABELLED_H
#define LOHKO_DATA_LABELLED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/log.h"
#include "core/partition.h"
#include "core/status.h"
#include "data/source.h"

struct labelled {
    struct source source; /* ids and labels only */
    struct partition partition;
    bool ours;      /* a results file of lohko: labels are segment numbers */
    bool has_model; /* that can score customers */
    int64_t k;
    int64_t *number;  /* k, rising: the labels; 0 .. k - 1 where they are text */
    char **name;      /* k: labels that are text, in the order of their bytes; NULL where they are numbers */
    int32_t *label;   /* of this rank's rows, BLOCK_ROWS a block: 0 .. k - 1; -1 without a segment */
    int64_t *size;    /* k: customers, over all ranks */
    int64_t left_out; /* rows without a segment (a negative number, NaN, empty text), over all ranks */
};

/* Labels are whole numbers or text, at most LABEL_SET_MOST different ones; of a results file also those
 * segments that nobody is in, numbered up to INT32_MAX. EXIT_BAD_DATA for other labels, for texts that
 * texts_clean makes alike, or for none. *labelled is for labelled_close, whatever is returned. */
status_t labelled_open(struct comm *comm, struct log *log, const char *path,
                       const struct label_places *places, struct labelled *labelled)
    __attribute__((warn_unused_result));

/* Takes other numbers for the labels, of segments that all labels are among: k of them, rising, which are
 * copied. EXIT_BAD_DATA where a label is none of them, or labels are text. Local, alike on all ranks. */
status_t labelled_renumber(struct labelled *labelled, int64_t k, const int64_t *number)
    __attribute__((warn_unused_result));
void labelled_close(struct labelled *labelled);

#endif
