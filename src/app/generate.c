/* lohko generate: synthetic customers, with the truth. */
#include <inttypes.h>
#include <stdio.h>

#include "app/command_line.h"
#include "app/commands.h"
#include "app/version.h"
#include "core/plural.h"
#include "data/h5.h"
#include "data/synthetic.h"

struct generate {
    struct synthetic_settings synthetic;
    char *output;
};

#define FIELD(name) .offset = offsetof(struct generate, name)

static const struct option generate_options[] = {
    {.key = "customers",
     .type = OPTION_INT,
     .required = true,
     FIELD(synthetic.customers),
     .low = 1,
     .high = SYNTHETIC_MAX_CUSTOMERS,
     .help = "how many customers, that is rows"},
    {.key = "features",
     .type = OPTION_INT,
     .required = true,
     FIELD(synthetic.features),
     .low = 1,
     .high = SYNTHETIC_MAX_FEATURES,
     .help = "how many features, that is columns"},
    {.key = "segments",
     .type = OPTION_INT,
     .required = true,
     FIELD(synthetic.segments),
     .low = 1,
     .high = SYNTHETIC_MAX_SEGMENTS,
     .help = "how many segments; no more than customers"},
    {.key = "output", .type = OPTION_PATH, .required = true, FIELD(output), .help = "the HDF5 file to write"},
    {.key = "seed",
     .type = OPTION_INT,
     FIELD(synthetic.seed),
     .default_text = "1",
     .low = 0,
     .high = OPTION_NO_LIMIT,
     .help = "the start of every random draw; the same seed gives the same data on any number of ranks"},
    {.key = "missing",
     .type = OPTION_FLOAT,
     FIELD(synthetic.missing),
     .default_text = "0.0",
     .low = 0,
     .high = 1,
     .help = "the share of the values that are missing (NaN)"},
    {.key = "separation",
     .type = OPTION_FLOAT,
     FIELD(synthetic.separation),
     .default_text = "1.0",
     .low = 0,
     .high = 100,
     .help = "how far the segments lie apart: 0 not at all, 1 with some overlap, 3 with hardly any"},
    {.key = "type",
     .type = OPTION_CHOICE,
     FIELD(synthetic.type),
     .default_text = "float32",
     .choices = "float32|float64",
     .help = "the type of the features"},
    {.key = "id",
     .type = OPTION_CHOICE,
     FIELD(synthetic.id),
     .default_text = "integer",
     .choices = "integer|text|none",
     .help = "the type of the customer ids"},
};

static const struct command_line command_line = {
    .usage =
        "usage: lohko generate --customers N --features D --segments K --output FILE.h5 [options] [-q]\n\n"
        "Writes synthetic customers: correlated features with names that a marketer knows (/features), ids\n"
        "(/customer_id), and the segment that every customer was drawn from (/truth/segment, "
        "/truth/size).\n",
    .option = generate_options,
    .options = sizeof generate_options / sizeof generate_options[0],
    .quiet = "say nothing while it runs",
};

static status_t parse(int count, char *const *arguments, struct generate *generate, enum log_level *level)
{
    const struct synthetic_settings *synthetic = &generate->synthetic;
    status_t status = command_line_parse(&command_line, count, arguments, generate, level);
    if (!status && synthetic->customers < synthetic->segments)
        status = status_new(EXIT_BAD_USAGE,
                            "--customers: %" PRId64 " is less than --segments %" PRId64
                            " (expected: at least one customer for every segment)",
                            synthetic->customers, synthetic->segments);
    return status;
}

static status_t generate_file(struct comm *comm, const struct generate *generate, enum log_level level)
{
    const struct synthetic_settings *synthetic = &generate->synthetic;
    struct log log;
    log_open(&log, comm->rank, level);
    char generator[64];
    snprintf(generator, sizeof generator, "lohko %s", version_text());
    int64_t bytes = 0;
    status_t status = synthetic_bytes(synthetic, &bytes);
    if (status)
        return status;
    status = synthetic_write(comm, &log, synthetic, generate->output, generator);
    if (!status)
        log_note(&log, "%s: %" PRId64 " customer%s x %" PRId64 " feature%s in %" PRId64 " segment%s, %.1f MB",
                 generate->output, synthetic->customers, plural(synthetic->customers), synthetic->features,
                 plural(synthetic->features), synthetic->segments, plural(synthetic->segments),
                 1e-6 * (double)bytes);
    return status;
}

status_t command_generate(struct comm *comm, int argument_count, char *const *arguments)
{
    if (options_want_help(argument_count, arguments))
        return comm_agree(comm, comm->rank == 0 ? command_line_help(&command_line) : STATUS_OK);
    struct generate generate = {0};
    enum log_level level = LOG_NORMAL;
    status_t status = comm_agree(comm, parse(argument_count, arguments, &generate, &level));
    if (!status)
        status = generate_file(comm, &generate, level);
    options_free(command_line.option, command_line.options, &generate);
    return status;
}
