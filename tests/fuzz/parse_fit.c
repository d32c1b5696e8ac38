/* The arguments of fit, whose reader is in the command's file, and what they do to a config. */
#include "app/fit.c" // NOLINT(bugprone-suspicious-include)
#include "fuzz.h"

status_t parse_fit(int count, char *const *arguments)
{
    static const char config[] = "input: {path: in.h5}\nsegments: {k: 4}\noutput: {directory: out}\n";
    struct invocation invocation;
    status_t status = read_arguments(count, arguments, &invocation);
    if (!status)
        check_config(config, sizeof config - 1, invocation.override_count, invocation.overrides);
    free(invocation.overrides);
    return status;
}
