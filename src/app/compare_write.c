/* The files of `lohko compare`. */
#include <stdio.h>

#include "app/attributes.h"
#include "app/compare.h"
#include "app/summary_file.h"
#include "app/version.h"
#include "core/memory.h"
#include "data/results_dataset.h"

static struct migration_report report_of(const struct compare *compare)
{
    return (struct migration_report){.migration = &compare->migration,
                                     .drift = compare->rescored ? &compare->drift : NULL,
                                     .before_path = compare->options.before,
                                     .after_path = compare->options.after,
                                     .before_left_out = compare->before.labelled.left_out,
                                     .after_left_out = compare->after.labelled.left_out,
                                     .missing = compare->rescored ? NULL : compare->missing};
}

static status_t write_attributes(const struct compare *compare, hid_t file)
{
    struct attribute_list list = {.count = 0};
    attributes_add_job(&list, compare->comm, compare->hosts, compare->started);
    attributes_add_text(&list, "before_path", compare->options.before);
    attributes_add_text(&list, "after_path", compare->options.after);
    return results_write_attributes(file, list.item, list.count);
}

static status_t write_results(struct compare *compare)
{
    struct migration_report report = report_of(compare);
    struct results_file results = {H5I_INVALID_HID};
    const char *path = NULL;
    status_t status = output_add(&compare->output, "results.h5", &path);
    if (!status)
        status = results_create(&results, path);
    if (!status)
        status = migration_report_results(&report, results.file);
    if (!status)
        status = write_attributes(compare, results.file);
    return status_first(status, results_close(&results));
}

static status_t write_summary(const struct compare *compare, const char *path)
{
    struct migration_report report = report_of(compare);
    json_t *root =
        json_pack("{s:s, s:s, s:o, s:{s:i, s:s, s:f, s:I}}", "lohko", version_text(), "commit",
                  version_commit(), "migration", migration_report_summary(&report), "job", "ranks",
                  compare->comm->size, "hosts", compare->hosts, "seconds", log_elapsed(&compare->log),
                  "peak_bytes_per_rank", (json_int_t)compare->peak_memory);
    return summary_write(path, root);
}

static status_t write_all(struct compare *compare)
{
    struct migration_report report = report_of(compare);
    const char *path = NULL;
    status_t status = write_results(compare);
    if (!status)
        status = output_add(&compare->output, "migration.csv", &path);
    if (!status)
        status = migration_report_csv(&report, path);
    if (!status)
        status = output_add(&compare->output, "summary.json", &path);
    if (!status)
        status = write_summary(compare, path);
    if (!status)
        status = output_retire(&compare->output, "segments.csv");
    return status ? status : output_commit(&compare->output);
}

static status_t print(const struct compare *compare)
{
    struct migration_report report = report_of(compare);
    const char *directory = compare->options.output;
    status_t status = migration_report_print(&report);
    if (status)
        return status;
    printf(
        "\n%.1f s, %.2f GiB a rank at most\n"
        "%s/migration.csv   the table for people\n%s/results.h5      all of it, exactly\n%s/summary.json    "
        "the figures for programs\n",
        log_elapsed(&compare->log), (double)compare->peak_memory / 0x1p30, directory, directory, directory);
    fflush(stdout);
    return STATUS_OK;
}

status_t compare_write(struct compare *compare)
{
    struct comm *comm = compare->comm;
    log_phase_begin(&compare->log, "writing");
    compare->peak_memory = memory_peak();
    status_t status = comm_max_i64(comm, &compare->peak_memory, 1);
    comm->stop = NULL; /* from here on the job ends */
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? write_all(compare) : STATUS_OK);
    log_phase_end(&compare->log);
    log_phase_table(&compare->log, compare->after.labelled.partition.rows);
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? print(compare) : STATUS_OK);
    return status;
}
