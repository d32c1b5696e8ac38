/* The arguments of generate, whose table is in the command's file. */
#include "app/generate.c" // NOLINT(bugprone-suspicious-include)
#include "fuzz.h"

status_t parse_generate(int count, char *const *arguments)
{
    struct generate generate = {0};
    enum log_level level = LOG_NORMAL;
    status_t status = parse(count, arguments, &generate, &level);
    options_free(command_line.option, command_line.options, &generate);
    return status;
}

const struct option *table_generate(int *count)
{
    *count = command_line.options;
    return command_line.option;
}
