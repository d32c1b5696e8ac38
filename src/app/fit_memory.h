/* What a fit takes of memory on a rank, decided before the work starts. */
#ifndef LOHKO_APP_FIT_MEMORY_H
#define LOHKO_APP_FIT_MEMORY_H

#include <stdint.h>

struct fit;

/* The work, as far as its parts have different things in memory. */
enum fit_phase { FIT_LOOKING, FIT_LEARNING, FIT_GROWING, FIT_JUDGING, FIT_WRITING, FIT_PHASES };

/* Bytes of the largest share. */
struct fit_needs {
    double least[FIT_PHASES]; /* without prepared customers in memory, and with models that remember nobody */
    double tracks[FIT_PHASES]; /* what models would remember of their customers */
    double tiles;              /* all prepared customers of the rank */
    double window;             /* of reading again those that are not kept; not in `least` */
};

struct fit_memory {
    double budget;      /* INFINITY: not known */
    double needed;      /* at any time at most, with what is kept */
    int64_t kept;       /* blocks that stay in memory; INT64_MAX: all */
    double track_bytes; /* that models may remember; 0: as they like */
    int64_t id_bytes;   /* that the search for repeated ids may take */
};

/* Local, but alike on ranks with the same budget. `customers` take part; `ranks_here` share the node. */
struct fit_needs fit_list_needs(const struct fit *fit, int64_t customers, int ranks_here);

#endif
