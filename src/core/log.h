/* What the user sees while a job runs: rank 0 speaks on stderr, the others are silent. Local.
 *
 * On a terminal one progress line is redrawn; in a log file every phase is a plain line and progress is a
 * line at most every few seconds. Phase times are kept for the table that -v prints. */
#ifndef LOHKO_CORE_LOG_H
#define LOHKO_CORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum { LOG_PHASES = 32 };

enum log_level { LOG_QUIET = 0, LOG_NORMAL = 1, LOG_VERBOSE = 2 };

struct log_phase {
    const char *name; /* static text */
    double seconds;
};

struct log {
    enum log_level level;
    bool speaks;   /* rank 0 */
    bool terminal; /* stderr is one */
    bool drawn;    /* a progress line stands on the terminal */
    double begun;  /* of the job, monotonic seconds */
    double phase_begun;
    double last_progress;
    int current; /* the phase under way */
    int phase_count;
    struct log_phase phase[LOG_PHASES];
};

/* How far the current phase is. Zero for what is not known. */
struct log_progress {
    const char *step_name; /* "pass", "batch" ... */
    int64_t step;
    int64_t steps;     /* at most so many */
    double fraction;   /* of the phase that is done, for the time left */
    double inertia;    /* per customer, in prepared units */
    int64_t customers; /* seen in this phase */
    int64_t clusters;  /* left to merge */
};

void log_open(struct log *log, int rank, enum log_level level);

/* Ends the phase before and begins the one named, or goes on with it, if there was one of that name. */
void log_phase_begin(struct log *log, const char *name);

/* Ends the last phase and clears the progress line. */
void log_phase_end(struct log *log);

void log_show_progress(struct log *log, const struct log_progress *progress);

/* A line for the user, unless -q. */
void log_note(struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line that only -v shows. */
void log_detail(struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line that is always shown. */
void log_warning(struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Seconds since log_open. */
double log_elapsed(const struct log *log);

/* The table of phases: seconds, share, customers per second (all `customers` through each phase). */
void log_phase_table(struct log *log, int64_t customers);

#endif
