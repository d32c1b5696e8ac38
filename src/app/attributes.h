/* What every results file says of the job that wrote it, as attributes. Local. */
#ifndef LOHKO_APP_ATTRIBUTES_H
#define LOHKO_APP_ATTRIBUTES_H

#include <stdint.h>
#include <time.h>

#include "core/comm.h"
#include "data/results.h"

enum { MOST_ATTRIBUTES = 32, TIME_SIZE = 32, LIBRARY_SIZE = 128 };

/* Texts are the caller's and must stay as long as the list, which holds those that are made here: it must not
 * be copied. */
struct attribute_list {
    struct results_attribute item[MOST_ATTRIBUTES];
    int64_t count;
    char mpi[LIBRARY_SIZE];
    char hdf5[LIBRARY_SIZE];
    char started[TIME_SIZE];
    char ended[TIME_SIZE];
    char modified[TIME_SIZE];
};

void attributes_add_text(struct attribute_list *list, const char *name, const char *text);
void attributes_add_whole(struct attribute_list *list, const char *name, int64_t value);
void attributes_add_real(struct attribute_list *list, const char *name, double value);

/* Versions of the format, of lohko and its libraries; where, and from when until now. Once a list. */
void attributes_add_job(struct attribute_list *list, const struct comm *comm, const char *hosts,
                        time_t started);

/* The file of the customers: where it is, how large and of when. Once a list. */
void attributes_add_input(struct attribute_list *list, const char *path);

#endif
