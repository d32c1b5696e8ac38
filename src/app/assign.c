/* lohko assign: new customers scored by a saved model, as they are read. */
#include <inttypes.h>
#include <stdlib.h>

#include "app/assign.h"
#include "app/command_line.h"
#include "app/commands.h"
#include "app/overwrite.h"
#include "core/memory.h"
#include "core/plural.h"

#define FIELD(name) .offset = offsetof(struct assign_options, name)

static const struct option assign_options[] = {
    {.key = "model",
     .type = OPTION_PATH,
     .required = true,
     FIELD(model),
     .help = "results.h5 of a fit: the segments, and how customers are prepared"},
    {.key = "input",
     .type = OPTION_PATH,
     .required = true,
     FIELD(input),
     .help = "the HDF5 file with the customers to be scored; columns are found by name, in any order"},
    {.key = "output",
     .type = OPTION_PATH,
     .required = true,
     FIELD(output),
     .help = "the directory for results.h5 and summary.json; not that of the model"},
    {.key = "features",
     .type = OPTION_TEXT_OR,
     FIELD(features),
     .default_text = "auto",
     .help = "where the features are inside the input file; auto finds them"},
    {.key = "id",
     .type = OPTION_TEXT_OR,
     FIELD(id),
     .default_text = "auto",
     .help = "where the customer ids are inside the input file; auto finds them, or takes the row numbers"},
};

static const struct command_line command_line = {
    .usage =
        "usage: lohko assign --model RESULTS.h5 --input NEW.h5 --output DIR [options] [-q | -v]\n\n"
        "Gives customers the segments of a model that lohko fit has learned, and tells how they differ from\n"
        "the customers that it was learned from. Memory does not depend on how many there are.\n",
    .option = assign_options,
    .options = sizeof assign_options / sizeof assign_options[0],
    .quiet = "only warnings, errors and the table of segments",
    .verbose = "also how the time was spent",
};

static status_t open_table(struct assign *assign)
{
    const struct assign_options *options = &assign->options;
    const struct saved_model *model = &assign->model;
    int64_t *column = NULL;
    status_t status =
        source_open(assign->comm, options->input, options->features, options->id, &assign->source);
    if (status)
        return status;
    status = memory_new(&column, model->features, sizeof *column, "columns");
    if (!status)
        status = saved_model_columns(model, &assign->source, &assign->log, column);
    status = comm_agree(assign->comm, status);
    if (!status)
        status = table_open_unmarked(assign->comm, &assign->log, &assign->source, column, model->features,
                                     &assign->table);
    free(column);
    if (!status)
        log_note(&assign->log,
                 "%s: %" PRId64 " customer%s (%s); %s: %" PRId64 " segment%s by %" PRId64
                 " feature%s; %d rank%s",
                 options->input, assign->source.rows, plural(assign->source.rows), assign->source.form,
                 options->model, model->k, plural(model->k), model->features, plural(model->features),
                 assign->comm->size, plural(assign->comm->size));
    return status;
}

static status_t open_all(struct assign *assign)
{
    struct comm *comm = assign->comm;
    const struct assign_options *options = &assign->options;
    const struct overwrite read[] = {{"model", options->model}, {"input", options->input}};
    log_phase_begin(&assign->log, "opening the model and the input");
    status_t status = refuse_overwriting(comm, options->output, read, 2);
    if (!status)
        status = comm_hosts(comm, &assign->hosts);
    if (!status)
        status = saved_model_read(comm, options->model, &assign->model);
    if (!status)
        status = open_table(assign);
    if (!status)
        status =
            comm_agree(comm, comm->rank == 0 ? output_claim(&assign->output, options->output) : STATUS_OK);
    if (!status)
        status = scorer_open(comm, &assign->log, &assign->model, options->input, &assign->scorer);
    if (status)
        return status;
    status = table_reader_open(&assign->table, &assign->reader);
    if (!status)
        status = drift_open(&assign->drift, &assign->model);
    return comm_agree(comm, status);
}

static void close_all(struct assign *assign)
{
    if (assign->comm->rank == 0)
        output_close(&assign->output);
    drift_close(&assign->drift);
    table_reader_close(assign->reader);
    scorer_close(assign->scorer);
    table_close(&assign->table);
    source_close(&assign->source);
    saved_model_free(&assign->model);
    free(assign->hosts);
}

status_t command_assign(struct comm *comm, int argument_count, char *const *arguments)
{
    if (options_want_help(argument_count, arguments))
        return comm_agree(comm, comm->rank == 0 ? command_line_help(&command_line) : STATUS_OK);
    struct assign assign = {.comm = comm, .started = time(NULL), .source = {.file = H5I_INVALID_HID}};
    enum log_level level = LOG_NORMAL;
    status_t status = comm_agree(
        comm, command_line_parse(&command_line, argument_count, arguments, &assign.options, &level));
    if (!status) {
        log_open(&assign.log, comm->rank, level);
        status = open_all(&assign);
        if (!status)
            status = assign_write(&assign);
        log_phase_end(&assign.log);
        close_all(&assign);
    }
    options_free(command_line.option, command_line.options, &assign.options);
    return status;
}
