/* The command lines: a command's name, and its arguments. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static const struct {
    const char *name;
    status_t (*parse)(int count, char *const *arguments);
} commands[] = {
    {"fit", parse_fit}, {"assign", parse_assign}, {"compare", parse_compare}, {"generate", parse_generate}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *arguments[MOST_ARGUMENTS];
    char *text = strndup((const char *)data, size);
    if (!text)
        abort();
    int count = cut_arguments(text, arguments);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(arguments[0], commands[i].name) == 0)
            check_status(commands[i].parse(count - 1, arguments + 1));
    }
    free(text);
    return 0;
}
