#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct status out_of_memory = {EXIT_NO_MEMORY, "out of memory"};

/* Bytes of the line break or control character at `text`, 0 where it is something else. */
static size_t control_length(const unsigned char *text)
{
    if (text[0] < ' ' || text[0] == 0x7F)
        return 1;
    if (text[0] == 0xC2 && text[1] >= 0x80 && text[1] < 0xA0)
        return 2;
    return text[0] == 0xE2 && text[1] == 0x80 && (text[2] == 0xA8 || text[2] == 0xA9) ? 3 : 0;
}

/* One line, whatever a file's names hold. */
static void flatten(char *text)
{
    while (*text) {
        size_t length = control_length((unsigned char *)text);
        memset(text, '?', length);
        text += length ? length : 1;
    }
}

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
    flatten(status->message);
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
