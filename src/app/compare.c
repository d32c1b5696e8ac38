/* lohko compare: two segmentations of customers, one report. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/commands.h"
#include "app/compare.h"
#include "app/options.h"
#include "core/memory.h"
#include "data/carry.h"
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

enum { COMPARE_OPTIONS = sizeof compare_options / sizeof compare_options[0] };

static status_t print_help(void)
{
    fputs(
        "usage: lohko compare --before A/results.h5 --after B/results.h5 --output DIR [options] [-q | -v]\n\n"
        "Tells who went where between two segmentations, joined by customer id: counts and shares with new "
        "and\nlapsed customers, what became of every segment, and whether the customers or the model "
        "changed. "
        "A\nsegmentation from elsewhere is a file with customer ids and a column of labels.\n\n"
        "options and their defaults\n",
        stdout);
    options_print_help(compare_options, COMPARE_OPTIONS, stdout);
    fputs(
        "  -q             only warnings, errors and the report\n"
        "  -v             also how the time was spent\n",
        stdout);
    if (fflush(stdout) != 0 || ferror(stdout))
        return status_new(EXIT_IO_ERROR, "the help cannot be written: %s", strerror(errno));
    return STATUS_OK;
}

/* -q and -v, which take no value, and then everything else by the table. */
static status_t parse(int count, char *const *arguments, struct compare_options *options,
                      enum log_level *level)
{
    char **rest = NULL;
    int rest_count = 0;
    status_t status = memory_new(&rest, count, sizeof *rest, "the command line");
    for (int i = 0; !status && i < count; i++) {
        if (strcmp(arguments[i], "-q") == 0)
            *level = LOG_QUIET;
        else if (strcmp(arguments[i], "-v") == 0)
            *level = LOG_VERBOSE;
        else
            rest[rest_count++] = arguments[i];
    }
    if (!status)
        status = options_parse_command_line(compare_options, COMPARE_OPTIONS, rest_count, rest, options);
    free(rest);
    return status;
}

/* What is read must not be what is written. */
static status_t check_output(const struct compare_options *options)
{
    const char *const read[] = {options->before, options->after};
    char *path = NULL;
    struct stat there;
    status_t status = STATUS_OK;
    if (asprintf(&path, "%s/results.h5", options->output) < 0)
        return status_of_allocation(NULL, 1, "a path");
    bool exists = stat(path, &there) == 0;
    for (int i = 0; !status && exists && i < 2; i++) {
        struct stat file;
        if (stat(read[i], &file) == 0 && file.st_dev == there.st_dev && file.st_ino == there.st_ino)
            status =
                status_new(EXIT_BAD_USAGE,
                           "--output: %s is read and would be overwritten; choose another directory", path);
    }
    free(path);
    return status;
}

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
    if (!status)
        log_note(&compare->log, "%s: %" PRId64 " customers in %" PRId64 " segments", path,
                 side->labelled.partition.rows - side->labelled.left_out, side->labelled.k);
    return status;
}

static status_t open_sides(struct compare *compare)
{
    const struct compare_options *options = &compare->options;
    const struct label_places before = {options->before_features, options->before_id, options->before_label};
    const struct label_places after = {options->after_features, options->after_id, options->after_label};
    log_phase_begin(&compare->log, "reading the segmentations");
    status_t status = open_side(compare, options->before, &before, &compare->before);
    return status ? status : open_side(compare, options->after, &after, &compare->after);
}

static status_t join(struct compare *compare)
{
    static const char advice[] =
        "a customer must be there once: a fit with input.duplicates: first keeps the first row";
    const struct labelled *before = &compare->before.labelled;
    const struct labelled *after = &compare->after.labelled;
    struct join_side sides[2] = {
        {compare->options.before, advice, {&before->source.id, before->partition, before->label}},
        {compare->options.after, advice, {&after->source.id, after->partition, after->label}}};
    int64_t rows = after->partition.block_count * BLOCK_ROWS;
    int64_t shared = 0;
    log_phase_begin(&compare->log, "joining the customers");
    status_t status = memory_new(&compare->found, rows, sizeof *compare->found, "customers");
    if (!status)
        status = memory_new(&compare->lapsed, before->k, sizeof *compare->lapsed, "customers");
    status = comm_agree(compare->comm, status);
    if (!status)
        status = join_lookup(compare->comm, &sides[0], &sides[1], before->k, JOIN_BYTES, compare->found,
                             compare->lapsed);
    for (int64_t i = 0; !status && i < rows; i++)
        shared += compare->found[i] >= 0;
    if (!status)
        status = comm_sum_i64(compare->comm, &shared, 1);
    if (!status && shared == 0)
        status = status_new(EXIT_BAD_DATA, "%s and %s have no customer in common", compare->options.before,
                            compare->options.after);
    return status;
}

/* ---- where segments lie ---- */

static int64_t find_name(char *const *name, int64_t count, const char *wanted)
{
    for (int64_t i = 0; i < count; i++) {
        if (strcmp(name[i], wanted) == 0)
            return i;
    }
    return -1;
}

static status_t find_places(struct compare *compare, struct migration_places *places)
{
    const struct saved_model *before = &compare->before.model;
    const struct saved_model *after = &compare->after.model;
    double *unknown = NULL;
    if (!compare->before.has_model || !compare->after.has_model)
        return STATUS_OK;
    int64_t size = after->k * before->features;
    status_t status = memory_new(&unknown, before->features, sizeof *unknown, "places");
    if (!status)
        status = memory_new(&compare->carried, size, sizeof *compare->carried, "places");
    if (!status)
        status = memory_new(&compare->after_mean, size, sizeof *compare->after_mean, "places");
    for (int64_t f = 0; !status && f < before->features; f++) {
        int64_t c = find_name(after->name, after->features, before->name[f]);
        unknown[f] = NAN;
        for (int64_t h = 0; h < after->k; h++)
            compare->after_mean[h * before->features + f] =
                c < 0 ? (double)NAN : after->mean[h * after->features + c];
    }
    bool known = !status;
    if (!status) {
        struct carry_units from = {&after->preparation, after->name};
        struct carry_units to = {&before->preparation, before->name};
        carry_places(&from, after->centroid, after->k, &to, unknown, compare->carried);
    }
    for (int64_t i = 0; known && i < size; i++)
        known = !isnan(compare->carried[i]);
    *places = (struct migration_places){.features = before->features,
                                        .name = before->name,
                                        .before_prepared = known ? before->centroid : NULL,
                                        .after_prepared = known ? compare->carried : NULL,
                                        .before_mean = before->mean,
                                        .after_mean = compare->after_mean,
                                        .deviation = before->deviation};
    free(unknown);
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
    status_t status = comm_agree(compare->comm, find_places(compare, &migration->places));
    if (!status)
        status = migration_count(compare->comm, compare->found, compare->rescored ? compare->old_label : NULL,
                                 after->label, after->partition.block_count * BLOCK_ROWS, compare->lapsed,
                                 migration);
    return status ? status : comm_agree(compare->comm, migration_measure(migration));
}

/* ---- all ---- */

static status_t run(struct compare *compare)
{
    struct comm *comm = compare->comm;
    status_t status = comm_agree(comm, comm->rank == 0 ? check_output(&compare->options) : STATUS_OK);
    if (!status)
        status = comm_hosts(comm, &compare->hosts);
    if (!status)
        status = open_sides(compare);
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? output_open(&compare->output, compare->options.output)
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
    free(compare->found);
    free(compare->old_label);
    free(compare->lapsed);
    free(compare->carried);
    free(compare->after_mean);
    free(compare->hosts);
}

status_t command_compare(struct comm *comm, int argument_count, char *const *arguments)
{
    if (options_want_help(argument_count, arguments))
        return comm_agree(comm, comm->rank == 0 ? print_help() : STATUS_OK);
    struct compare compare = {.comm = comm, .started = time(NULL), .source = {.file = H5I_INVALID_HID}};
    compare.before.labelled.source.file = H5I_INVALID_HID;
    compare.after.labelled.source.file = H5I_INVALID_HID;
    enum log_level level = LOG_NORMAL;
    status_t status = comm_agree(comm, parse(argument_count, arguments, &compare.options, &level));
    if (!status) {
        log_open(&compare.log, comm->rank, level);
        status = run(&compare);
        log_phase_end(&compare.log);
        close_all(&compare);
    }
    options_free(compare_options, COMPARE_OPTIONS, &compare.options);
    return status;
}
