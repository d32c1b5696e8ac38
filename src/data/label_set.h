/* The different labels of a column: whole numbers, or texts. Local but for label_set_share. */
#ifndef LOHKO_DATA_LABEL_SET_H
#define LOHKO_DATA_LABEL_SET_H

#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"

enum { LABEL_SET_MOST = 65536 };

struct label_set {
    const char *path; /* of the file, for messages; borrowed */
    int64_t count;
    int64_t capacity;
    char *bytes; /* of all labels, one after the other */
    int64_t used;
    int64_t room;
    int64_t *end;  /* count: where each ends in bytes */
    int64_t *slot; /* of a hash table: place + 1 */
    int64_t slots;
};

void label_set_free(struct label_set *set);

/* The place of a label, which is added where it is new. EXIT_BAD_DATA where there are more than
 * LABEL_SET_MOST. */
status_t label_set_add(struct label_set *set, const char *bytes, int64_t length, int64_t *place)
    __attribute__((warn_unused_result));

/* Makes all ranks' sets one, sorted by bytes, the same on every rank. moved[p]: where this rank's label of
 * place p is now; allocated here and owned by the caller. Collective. */
status_t label_set_share(struct comm *comm, struct label_set *set, int64_t **moved)
    __attribute__((warn_unused_result));

/* Label `place`; *length of its bytes, which are not ended by a zero. */
const char *label_set_get(const struct label_set *set, int64_t place, int64_t *length);

/* A whole number as bytes that sort as the numbers do, and back. */
enum { LABEL_NUMBER_BYTES = 8 };
void label_of_number(int64_t number, char bytes[LABEL_NUMBER_BYTES]);
int64_t number_of_label(const char *bytes);

#endif
