/* The config parser: YAML up to the first separator, and behind it arguments that overrule it. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *arguments[MOST_ARGUMENTS];
    const uint8_t *end = size > 0 ? memchr(data, SEPARATOR, size) : NULL;
    size_t length = end ? (size_t)(end - data) : size;
    char *text = malloc(length + 1); /* of its own, so that a read behind it is seen */
    char *rest = end ? strndup((const char *)end + 1, size - length - 1) : NULL;
    if (!text || (end && !rest))
        abort();
    memcpy(text, data, length);
    text = realloc(text, length > 0 ? length : 1);
    check_config(text, length, rest ? cut_arguments(rest, arguments) : 0, arguments);
    free(rest);
    free(text);
    return 0;
}
