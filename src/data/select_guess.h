/* Where order statistics lie, guessed from a pilot: the part of select.c that may be wrong. */
#ifndef LOHKO_DATA_SELECT_GUESS_H
#define LOHKO_DATA_SELECT_GUESS_H

#include "data/pool.h"
#include "data/select.h"

/* Sets low and high of each request's target, and `inside` to how many values probably lie between them;
 * first: the first request of each cell (column x groups + group), and one more at the end. Collective. */
status_t select_guess(struct table *table, const struct groups *groups, const struct pilot *pilot,
                      const struct select_request *request, int64_t count, const int64_t *first,
                      struct target *target) __attribute__((warn_unused_result));

#endif
