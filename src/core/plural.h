/* The end of a counted noun in messages. */
#ifndef LOHKO_CORE_PLURAL_H
#define LOHKO_CORE_PLURAL_H

#include <stdint.h>

/* "s", or nothing where there is one. Local. */
static inline const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

#endif
