/* Failure as a value: every function that can fail returns a status; STATUS_OK (NULL) is success.
 *
 * A status carries the exit code that the program will end with and one line for the user. Whoever receives
 * one returns it, or frees it with status_free. Nothing but main.c exits. Local unless comm_agree (comm.h) is
 * used. */
#ifndef LOHKO_CORE_STATUS_H
#define LOHKO_CORE_STATUS_H

/* Exit codes, after sysexits.h. */
enum status_code {
    EXIT_DONE = 0,
    EXIT_BAD_USAGE = 64,
    EXIT_BAD_DATA = 65,
    EXIT_NO_INPUT = 66,
    EXIT_INTERNAL = 70,
    EXIT_NO_MEMORY = 71,
    EXIT_NO_OUTPUT = 73,
    EXIT_IO_ERROR = 74,
    EXIT_INTERRUPTED = 75, /* a checkpoint is there to go on from */
    EXIT_BAD_CONFIG = 78,
    EXIT_STOPPED = 128 /* by a signal, and nothing was kept; main.c adds the signal's number, as shells do */
};

enum { STATUS_MESSAGE_SIZE = 1024 };

struct status {
    int code;
    char message[STATUS_MESSAGE_SIZE];
};

typedef struct status *status_t;

#define STATUS_OK ((status_t)0)

/* A new failure with its line of text (cut at STATUS_MESSAGE_SIZE; question marks in the place of line
 * breaks and control characters). Never returns STATUS_OK: without memory
 * for the text it returns a fixed status of code EXIT_NO_MEMORY. The caller owns it. */
status_t status_new(enum status_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));

/* STATUS_OK, or a status of EXIT_NO_MEMORY that says what `bytes` were for, when `pointer` is NULL and bytes
 * > 0. */
status_t status_of_allocation(const void *pointer, unsigned long long bytes, const char *what)
    __attribute__((warn_unused_result));

/* Keeps the first failure: returns `first` if it is one (freeing `second`), else `second`. */
status_t status_first(status_t first, status_t second) __attribute__((warn_unused_result));

void status_free(status_t status);

#endif
