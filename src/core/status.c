#include "core/status.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct status out_of_memory = {EXIT_NO_MEMORY, "out of memory"};

status_t status_new(enum status_code code, const char *format, ...)
{
    struct status *status = malloc(sizeof *status);
    if (!status)
        return &out_of_memory;
    status->code = code;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(status->message, sizeof status->message, format, arguments) < 0)
        status->message[0] = '\0';
    va_end(arguments);
    /* One line, whatever a file's names hold. */
    for (char *at = status->message; *at; at++) {
        if (iscntrl((unsigned char)*at))
            *at = '?';
    }
    return status;
}

status_t status_of_allocation(const void *pointer, unsigned long long bytes, const char *what)
{
    if (pointer || bytes == 0)
        return STATUS_OK;
    return status_new(EXIT_NO_MEMORY, "not enough memory: %llu bytes for %s", bytes, what);
}

status_t status_first(status_t first, status_t second)
{
    if (!first)
        return second;
    status_free(second);
    return first;
}

void status_free(status_t status)
{
    if (status != &out_of_memory)
        free(status);
}
