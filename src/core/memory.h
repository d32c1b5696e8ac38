/* Checked allocation. Local. */
#ifndef LOHKO_CORE_MEMORY_H
#define LOHKO_CORE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* *out = zeroed memory for count x size bytes, aligned to 64 (a cache line, a 512-bit vector); NULL for zero
 * bytes. The product is checked. `what` names the use in the message of EXIT_NO_MEMORY. Free with free(). */
status_t memory_new(void *out, int64_t count, size_t size, const char *what)
    __attribute__((warn_unused_result));

/* A copy of `text`; the caller frees it. */
status_t memory_copy_text(char **out, const char *text) __attribute__((warn_unused_result));

/* Bytes of memory this process may still take without swapping: the smallest of the machine's available
 * memory and its control group's limit; -1 if unknown. The whole node's: the caller divides by the ranks on
 * it. */
int64_t memory_available(void);

/* Largest resident size of this process so far, in bytes. */
int64_t memory_peak(void);

#endif
