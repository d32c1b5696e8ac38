/* lohko compare: two segmentations of customers, one report. */
#include <inttypes.h>
#include <stdlib.h>

#include "app/command_line.h"
#include "app/commands.h"
#include "app/compare.h"
#include "app/overwrite.h"
#include "app/places.h"
#include "core/memory.h"
#include "core/plural.h"
#include "data/join.h"

/* Of a round of the join, on a rank. */
static const int64_t JOIN_BYTES = INT64_C(256) << 20;

#define FIELD(name) .offset = offsetof(struct compare_options, name)

#define AUTO_OPTION(name, field, text)                                                                       \
    {                                                                                                        \
        .key = (name), .type = OPTION_TEXT_OR, FIELD(field), .default_text = "auto", .help = (text)          \
    }

static const struct option compare_options[] = {
    {.key = "before",
     .type = OPTION_PATH,
     .required = true,
     FIELD(before),
     .help = "results.h5 of the time before; or any HDF5 file with customer ids and labels"},
    {.key = "after",
     .type = OPTION_PATH,
     .required = true,
     FIELD(after),
     .help = "the same of the time after"},
    {.key = "output",
     .type = OPTION_PATH,
     .required = true,
     FIELD(output),
     .help = "the directory for results.h5, migration.csv and summary.json"},
    {.key = "input",
     .type = OPTION_TEXT_OR,
     FIELD(input),
     .default_text = "auto",
     .help =
         "the file with the customers after, row by row those of the segmentation after: the model before "
         "scores them, to tell what the customers did from what the model did; auto takes the file that "
         "the results after were made from, if it is still there and the same"},
    AUTO_OPTION("input.features", input_features, "where the features are inside that file"),
    AUTO_OPTION("input.id", input_id, "where the customer ids are inside that file"),
    AUTO_OPTION("before.features", before_features,
                "of a segmentation from elsewhere: the group, frame or matrix that holds the labels"),
    AUTO_OPTION("before.id", before_id, "where its customer ids are"),
    AUTO_OPTION("before.label", before_label,
                "the column of its labels, or the path of a dataset; auto: segment, label or cluster"),
    AUTO_OPTION("after.features", after_features, "the same of the segmentation after"),
    AUTO_OPTION("after.id", after_id, "the same"),
    AUTO_OPTION("after.label", after_label, "the same"),
};

static const struct command_line command_line = {
    .usage =
        "usage: lohko compare --before A/results.h5 --after B/results.h5 --output DIR [options] [-q | -v]\n\n"
        "Tells who went where between two segmentations, joined by customer id: counts and shares with new "
        "and\nlapsed customers, what became of every segment, and whether the customers or the model "
        "changed. "
        "A\nsegmentation from elsewhere is a file with customer ids and a column of labels.\n",
    .option = compare_options,
    .options = sizeof compare_options / sizeof compare_options[0],
    .quiet = "only warnings, errors and the report",
    .verbose = "also how the time was spent",
};

/* ---- the two segmentations ---- */

static status_t open_side(struct compare *compare, const char *path, const struct label_places *places,
                          struct compare_side *side)
{
    status_t status = labelled_open(compare->comm, &compare->log, path, places, &side->labelled);
    if (!status && side->labelled.has_model) {
        side->has_model = true;
        status = saved_model_read(compare->comm, path, &side->model);
        if (!status)
            status = comm_agree(compare->comm,
                                labelled_renumber(&side->labelled, side->model.k, side->model.number));
    }
    int64_t customers = side->labelled.partition.rows - side->labelled.left_out;
    if (!status)
        log_note(&compare->log, "%s: %" PRId64 " customer%s in %" PRId64 " segment%s", path, customers,
                 plural(customers), side->labelled.k, plural(side->labelled.k));
    return status;
}

static status_t open_sides(struct compare *compare)
{
    const struct compare_options *options = &compare->options;
    const struct label_places before = {options->before_features, options->before_id, options->before_label};
    const struct label_places after = {options->after_features, options->after_id, options->after_label};
    const struct overwrite read[] = {{"segmentation before", options->before},
                                     {"segmentation after", options->after},
                                     {"input", options->input}};
    log_phase_begin(&compare->log, "reading the segmentations");
    status_t status = refuse_overwriting(compare->comm, options->output, read, 3);
    if (!status)
        status = open_side(compare, options->before, &before, &compare->before);
    if (!status)
        status = open_side(compare, options->after, &after, &compare->after);
    /* known only now, and read unless --input names another file */
    const struct overwrite input = {"input of the segmentation after", compare->after.model.input_path};
    if (!status && !options->input)
        status = refuse_overwriting(compare->comm, options->output, &input, 1);
    return status;
}

static status_t join(struct compare *compare)
{
    static const char advice[] =
        "a customer must be there once: a fit with input.duplicates: first keeps the first row";
    const struct labelled *before = &compare->before.labelled;
    const struct labelled *after = &compare->after.labelled;
    struct join_side sides[2] = {
        {compare->options.before, advice, {&before->source.id, before->partition, before->label, NULL}},
        {compare->options.after, advice, {&after->source.id, after->partition, after->label, NULL}}};
    log_phase_begin(&compare->log, "joining the customers");
    status_t status = comm_agree(
        compare->comm, memory_new(&compare->lapsed, before->k, sizeof *compare->lapsed, "customers"));
    if (!status)
        status = join_lookup(compare->comm, &sides[0], &sides[1], before->k, JOIN_BYTES, &compare->found,
                             compare->lapsed);
    int64_t shared = status ? 0 : row_numbers_count(&compare->found);
    if (!status)
        status = comm_sum_i64(compare->comm, &shared, 1);
    if (!status && shared == 0)
        status = status_new(EXIT_BAD_DATA, "%s and %s have no customer in common", compare->options.before,
                            compare->options.after);
    return status;
}

/* ---- where segments lie ---- */

static status_t find_places(struct compare *compare, struct migration_places *places)
{
    const struct saved_model *model = &compare->after.model;
    const struct places_after after = {.k = model->k,
                                       .units = {&model->preparation, model->name},
                                       .centroid = model->centroid,
                                       .columns = model->features,
                                       .column = model->name,
                                       .mean = model->mean};
    if (!compare->before.has_model || !compare->after.has_model)
        return STATUS_OK;
    return places_find(&compare->before.model, &after, &compare->carried, &compare->after_mean, places);
}

/* The labels after, as small numbers. */
static status_t narrow_labels(const struct labelled *labelled, struct row_numbers *label)
{
    status_t status = row_numbers_open(label, labelled->partition.block_count, labelled->k);
    for (int64_t b = 0; !status && b < labelled->partition.block_count; b++)
        row_numbers_put(label, b, labelled->label + b * BLOCK_ROWS);
    return status;
}

static status_t measure(struct compare *compare)
{
    struct migration *migration = &compare->migration;
    const struct labelled *before = &compare->before.labelled;
    const struct labelled *after = &compare->after.labelled;
    log_phase_begin(&compare->log, "migration");
    migration->before =
        (struct migration_side){.k = before->k, .number = before->number, .name = before->name};
    migration->after = (struct migration_side){.k = after->k, .number = after->number, .name = after->name};
    struct row_numbers label = {.number = NULL};
    status_t status = find_places(compare, &migration->places);
    if (!status)
        status = narrow_labels(after, &label);
    status = comm_agree(compare->comm, status);
    if (!status)
        status =
            migration_count(compare->comm, &compare->found, compare->rescored ? &compare->old_label : NULL,
                            &label, compare->lapsed, migration);
    row_numbers_free(&label);
    return status ? status : comm_agree(compare->comm, migration_measure(migration));
}

/* ---- all ---- */

static status_t run(struct compare *compare)
{
    struct comm *comm = compare->comm;
    status_t status = comm_hosts(comm, &compare->hosts);
    if (!status)
        status = open_sides(compare);
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? output_claim(&compare->output, compare->options.output)
                                                  : STATUS_OK);
    if (!status)
        status = join(compare);
    if (!status)
        status = compare_rescore(compare);
    if (!status)
        status = measure(compare);
    return status ? status : compare_write(compare);
}

static void close_side(struct compare_side *side)
{
    labelled_close(&side->labelled);
    saved_model_free(&side->model);
}

static void close_all(struct compare *compare)
{
    if (compare->comm->rank == 0)
        output_close(&compare->output);
    migration_free(&compare->migration);
    drift_close(&compare->drift);
    source_close(&compare->source);
    close_side(&compare->before);
    close_side(&compare->after);
    row_numbers_free(&compare->found);
    row_numbers_free(&compare->old_label);
    free(compare->lapsed);
    free(compare->carried);
    free(compare->after_mean);
    free(compare->hosts);
}

status_t command_compare(struct comm *comm, int argument_count, char *const *arguments)
{
    if (options_want_help(argument_count, arguments))
        return comm_agree(comm, comm->rank == 0 ? command_line_help(&command_line) : STATUS_OK);
    struct compare compare = {.comm = comm, .started = time(NULL), .source = {.file = H5I_INVALID_HID}};
    compare.before.labelled.source.file = H5I_INVALID_HID;
    compare.after.labelled.source.file = H5I_INVALID_HID;
    enum log_level level = LOG_NORMAL;
    status_t status = comm_agree(
        comm, command_line_parse(&command_line, argument_count, arguments, &compare.options, &level));
    if (!status) {
        log_open(&compare.log, comm->rank, level);
        status = run(&compare);
        log_phase_end(&compare.log);
        close_all(&compare);
    }
    options_free(command_line.option, command_line.options, &compare.options);
    return status;
}
