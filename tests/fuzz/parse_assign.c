/* The arguments of assign, whose table is in the command's file. */
#include "app/assign.c" // NOLINT(bugprone-suspicious-include)
#include "fuzz.h"

status_t parse_assign(int count, char *const *arguments)
{
    struct assign_options options = {0};
    enum log_level level = LOG_NORMAL;
    status_t status = command_line_parse(&command_line, count, arguments, &options, &level);
    options_free(command_line.option, command_line.options, &options);
    return status;
}

const struct option *table_assign(int *count)
{
    *count = command_line.options;
    return command_line.option;
}
