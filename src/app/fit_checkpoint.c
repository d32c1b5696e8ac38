#include "app/fit_checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "app/fit.h"
#include "app/version.h"
#include "app/yaml_file.h"
#include "core/memory.h"

/* What a job that goes on may say otherwise: where things are, and how it runs. The content of the input is
 * compared by its checksum. */
static const char *const may_differ[] = {"input.path",     "input.features", "run.memory",
                                         "run.checkpoint", "run.resume",     "output.directory"};

static bool is_free(const char *key)
{
    for (size_t i = 0; i < sizeof may_differ / sizeof *may_differ; i++) {
        if (strcmp(key, may_differ[i]) == 0)
            return true;
    }
    return false;
}

static status_t refuse(const struct fit *fit, enum status_code code, const char *what, const char *then,
                       const char *now)
{
    return status_new(code,
                      "%s/%s belongs to another job: %s was %s and is %s now (expected: the same, or "
                      "run.resume: false to begin at the beginning)",
                      fit->config.output, CHECKPOINT_NAME, what, then, now);
}

/* ---- whose it is ---- */

/* From where the second of two texts that begin alike differs from the first, with a few letters before. */
static void show_difference(const char *text, const char *other, char shown[static VALUE_SHOWN])
{
    enum { BEFORE = 16 };
    size_t same = 0;
    while (text[same] && text[same] == other[same])
        same++;
    size_t from = same > BEFORE ? same - BEFORE : 0;
    while (((unsigned char)text[from] & 0xC0) == 0x80) /* within a character */
        from++;
    snprintf(shown, VALUE_SHOWN, "%s%.*s", from > 0 ? "..." : "", text_shown(text + from), text + from);
}

static status_t refuse_text(const struct fit *fit, const char *what, const char *then, const char *now)
{
    char before[VALUE_SHOWN];
    char after[VALUE_SHOWN];
    show_difference(then, now, before);
    show_difference(now, then, after);
    return refuse(fit, EXIT_BAD_CONFIG, what, before, after);
}

/* Of values that are not the same, but are shown alike since they are long. */
static status_t refuse_items(const struct fit *fit, const char *key, const struct option_value *then,
                             const struct option_value *now)
{
    char what[VALUE_SHOWN];
    int64_t i = 0;
    while (i < then->count && i < now->count && value_equals(&then->item[i], &now->item[i]))
        i++;
    snprintf(what, sizeof what, "entry %lld of %s", (long long)(now->kind == VALUE_MAP ? i / 2 : i) + 1, key);
    const char *old = i < then->count && then->item[i].text ? then->item[i].text : "not there";
    const char *new = i < now->count && now->item[i].text ? now->item[i].text : "not there";
    return refuse_text(fit, what, old, new);
}

static status_t refuse_value(const struct fit *fit, const char *key, const struct option_value *then,
                             const struct option_value *now)
{
    char before[VALUE_SHOWN];
    char after[VALUE_SHOWN];
    value_print(then, before);
    value_print(now, after);
    if (strcmp(before, after) != 0)
        return refuse(fit, EXIT_BAD_CONFIG, key, before, after);
    return then->kind == VALUE_SCALAR ? refuse_text(fit, key, then->text, now->text)
                                      : refuse_items(fit, key, then, now);
}

static status_t compare_settings(const struct fit *fit, const struct settings *then,
                                 const struct settings *now)
{
    for (int64_t i = 0; i < now->count; i++) {
        const struct setting *setting = &now->item[i];
        if (is_free(setting->key))
            continue;
        if (i >= then->count || strcmp(then->item[i].key, setting->key) != 0)
            return refuse(fit, EXIT_BAD_CONFIG, setting->key, "not there", "an option");
        if (!value_equals(&then->item[i].value, &setting->value))
            return refuse_value(fit, setting->key, &then->item[i].value, &setting->value);
    }
    return STATUS_OK;
}

static status_t describe_program(char **text)
{
    if (asprintf(text, "lohko %s (%s)", version_text(), version_commit()) < 0)
        *text = NULL;
    return status_of_allocation(*text, 1, "a checkpoint");
}

static status_t compare_config(const struct fit *fit, const char *text)
{
    struct settings then = {0};
    struct settings now = {0};
    status_t status = yaml_read_settings(CHECKPOINT_NAME, text, (int64_t)strlen(text), &then);
    if (!status)
        status = yaml_read_settings("config", fit->echo, (int64_t)strlen(fit->echo), &now);
    if (!status)
        status = compare_settings(fit, &then, &now);
    settings_free(&then);
    settings_free(&now);
    return status;
}

/* What is known before the input is: the program and the config. */
static status_t compare_job(const struct fit *fit, const struct checkpoint *then)
{
    char *program = NULL;
    status_t status = describe_program(&program);
    if (!status && strcmp(program, then->fact[CHECKPOINT_PROGRAM]) != 0)
        status = refuse(fit, EXIT_BAD_CONFIG, "the program", then->fact[CHECKPOINT_PROGRAM], program);
    if (!status)
        status = compare_config(fit, then->fact[CHECKPOINT_CONFIG]);
    free(program);
    return status;
}

/* Which customers take part, which ids decide, too. Collective. */
static status_t hash_left_out(const struct fit *fit, int64_t *hash)
{
    const struct table *table = &fit->table;
    uint64_t sum = 0;
    for (int64_t b = 0; b < table->partition.block_count; b++)
        sum += XXH3_64bits_withSeed(table->left_out + b * BLOCK_TILES, BLOCK_TILES * sizeof *table->left_out,
                                    (uint64_t)(table->partition.first_block + b));
    *hash = (int64_t)sum;
    return comm_sum_i64(fit->comm, hash, 1);
}

/* The hash of what came before and of `bytes` more. */
static void add_hash(uint64_t *hash, const void *data, size_t bytes)
{
    *hash = XXH3_64bits_withSeed(data, bytes, *hash);
}

/* Customers' values and names are told apart: by its name a column is transformed, weighted and carried. */
static status_t describe_input(const struct fit *fit, int64_t left_out, char **text)
{
    uint64_t names = 0;
    for (int64_t c = 0; c < fit->table.columns; c++) {
        const char *name = fit->source.column[fit->table.column[c]].name;
        add_hash(&names, name, strlen(name) + 1);
    }
    if (asprintf(text,
                 "%" PRId64 " rows, %" PRId64 " columns, checksums %016" PRIx64 " and of names %016" PRIx64
                 ", %" PRId64 " customers, checksum %016" PRIx64,
                 fit->source.rows, fit->table.columns, fit->survey.checksum, names, fit->survey.customers,
                 (uint64_t)left_out) < 0)
        *text = NULL;
    return status_of_allocation(*text, 1, "a checkpoint");
}

static status_t describe_previous(const struct fit *fit, char **text)
{
    if (!fit->previous)
        return memory_copy_text(text, "none");
    const struct saved_model *model = &fit->previous->model;
    uint64_t hash = 0;
    add_hash(&hash, model->centroid, (size_t)(model->k * model->features) * sizeof *model->centroid);
    add_hash(&hash, model->number, (size_t)model->k * sizeof *model->number);
    add_hash(&hash, model->size, (size_t)model->k * sizeof *model->size);
    for (int64_t f = 0; f < model->features; f++) {
        const struct prepared_feature *feature = &model->preparation.feature[f];
        const double constant[] = {feature->transform, feature->fill,   feature->low,    feature->high,
                                   feature->shift,     feature->factor, feature->weight, feature->quantum};
        add_hash(&hash, model->name[f], strlen(model->name[f]) + 1);
        add_hash(&hash, constant, sizeof constant);
    }
    const double whole[] = {(double)model->missing, (double)model->next_number, (double)model->customers,
                            model->inertia};
    add_hash(&hash, whole, sizeof whole);
    if (asprintf(text, "%" PRId64 " segments, %" PRId64 " features, checksum %016" PRIx64, model->k,
                 model->features, hash) < 0)
        *text = NULL;
    return status_of_allocation(*text, 1, "a checkpoint");
}

/* ---- writing ---- */

static status_t write_now(struct fit *fit)
{
    struct fit_checkpoint *checkpoint = &fit->checkpoint;
    status_t status = checkpoint_write(fit->config.output, &checkpoint->now, &checkpoint->journal);
    checkpoint->written = checkpoint->written || !status;
    return status;
}

/* A checkpoint that cannot be written does not end the job: the one before stays. */
static void write_on_the_way(void *context, const struct journal *journal)
{
    struct fit *fit = context;
    (void)journal;
    status_t status = write_now(fit);
    if (status)
        log_warning(&fit->log, "no checkpoint: %s%s", status->message,
                    fit->checkpoint.written ? "; the one before stays" : "");
    else
        log_detail(&fit->log, "checkpoint written");
    status_free(status);
}

/* ---- the job's beginning and end ---- */

/* A run without run.resume may have set this job's checkpoint aside and ended before it kept anything.
 * Another job's stays where it is. */
static status_t take_back(struct fit *fit)
{
    const char *directory = fit->config.output;
    struct checkpoint then = {.fact = {NULL}};
    if (checkpoint_exists(directory, CHECKPOINT_NAME) || !checkpoint_exists(directory, CHECKPOINT_OLD_NAME))
        return STATUS_OK;
    status_t other = checkpoint_facts(directory, CHECKPOINT_OLD_NAME, &then);
    if (!other)
        other = compare_job(fit, &then);
    checkpoint_free(&then);
    if (other) {
        log_note(&fit->log, "%s/" CHECKPOINT_OLD_NAME " is not taken: %s", directory,
                 other->code == EXIT_BAD_CONFIG ? "it belongs to another job" : other->message);
        status_free(other);
        return STATUS_OK;
    }
    log_note(&fit->log, "%s/" CHECKPOINT_OLD_NAME " is of this job, and taken", directory);
    return checkpoint_rename(directory, CHECKPOINT_OLD_NAME, CHECKPOINT_NAME);
}

status_t fit_checkpoint_open(struct fit *fit)
{
    struct fit_checkpoint *checkpoint = &fit->checkpoint;
    struct comm *comm = fit->comm;
    double interval = comm->rank == 0 ? fit->config.checkpoint : 0; /* the others hold nothing to write */
    journal_open(&checkpoint->journal, comm->rank, interval, write_on_the_way, fit);
    status_t status = comm_agree(comm, comm->rank == 0 && fit->config.resume ? take_back(fit) : STATUS_OK);
    int64_t exists = comm->rank == 0 && checkpoint_exists(fit->config.output, CHECKPOINT_NAME);
    if (!status)
        status = comm_broadcast(comm, &exists, sizeof exists);
    if (!status && !fit->config.resume && exists) {
        log_note(&fit->log,
                 "%s/%s is of a job that did not end; this one begins at the beginning (run.resume: true "
                 "would go on), and it is kept as " CHECKPOINT_OLD_NAME,
                 fit->config.output, CHECKPOINT_NAME);
        status = comm_agree(comm, comm->rank == 0 ? checkpoint_rename(fit->config.output, CHECKPOINT_NAME,
                                                                      CHECKPOINT_OLD_NAME)
                                                  : STATUS_OK);
    }
    if (!status && fit->config.resume && !exists)
        log_note(&fit->log, "there is no checkpoint in %s: the job begins at the beginning",
                 fit->config.output);
    if (status || !fit->config.resume || !exists)
        return status;
    status = checkpoint_read(comm, fit->config.output, &checkpoint->then, &checkpoint->journal);
    checkpoint->written = true;
    return status ? status : comm_agree(comm, compare_job(fit, &checkpoint->then));
}

status_t fit_checkpoint_begin(struct fit *fit)
{
    struct fit_checkpoint *checkpoint = &fit->checkpoint;
    char **then = checkpoint->then.fact;
    char **fact = checkpoint->now.fact;
    int64_t left_out = 0;
    status_t status = hash_left_out(fit, &left_out);
    if (status)
        return status;
    status = describe_program(&fact[CHECKPOINT_PROGRAM]);
    if (!status)
        status = memory_copy_text(&fact[CHECKPOINT_CONFIG], fit->echo);
    if (!status)
        status = describe_input(fit, left_out, &fact[CHECKPOINT_INPUT]);
    if (!status)
        status = describe_previous(fit, &fact[CHECKPOINT_PREVIOUS]);
    bool goes_on = then[CHECKPOINT_INPUT] != NULL;
    if (!status && goes_on && strcmp(then[CHECKPOINT_INPUT], fact[CHECKPOINT_INPUT]) != 0)
        status = refuse(fit, EXIT_BAD_DATA, "the input", then[CHECKPOINT_INPUT], fact[CHECKPOINT_INPUT]);
    if (!status && goes_on && strcmp(then[CHECKPOINT_PREVIOUS], fact[CHECKPOINT_PREVIOUS]) != 0)
        status = refuse(fit, EXIT_BAD_DATA, "previous.results", then[CHECKPOINT_PREVIOUS],
                        fact[CHECKPOINT_PREVIOUS]);
    if (!status && fit->comm->rank == 0)
        status = output_retire(&fit->output, CHECKPOINT_NAME);
    if (!status && fit->comm->rank == 0)
        status = output_retire(&fit->output, CHECKPOINT_NAME ".partial");
    if (!status && fit->comm->rank == 0)
        status = output_retire(&fit->output, CHECKPOINT_OLD_NAME);
    status = comm_agree(fit->comm, status);
    if (!status && goes_on)
        log_note(&fit->log, "going on from the checkpoint in %s", fit->config.output);
    checkpoint->begun = !status;
    if (!status && (goes_on || fit->config.checkpoint > 0))
        fit->comm->journal = &checkpoint->journal;
    return status;
}

/* Where there is something to write, it is written. */
static status_t write_last(struct fit *fit)
{
    const struct journal *journal = &fit->checkpoint.journal;
    if (journal->is_lost)
        return status_new(EXIT_NO_MEMORY, "memory was short");
    if (!fit->checkpoint.begun || journal->kept == 0 || fit->config.checkpoint <= 0)
        return STATUS_OK;
    return write_now(fit);
}

static status_t tell_stop(struct fit *fit)
{
    struct fit_checkpoint *checkpoint = &fit->checkpoint;
    bool older =
        checkpoint->written || (fit->config.resume && checkpoint_exists(fit->config.output, CHECKPOINT_NAME));
    bool newer = checkpoint->begun && checkpoint->journal.kept > 0 && fit->config.checkpoint > 0;
    status_t failed = write_last(fit);
    status_t status = STATUS_OK;
    if (failed)
        status = status_new(EXIT_IO_ERROR, "stopped by a signal, and no checkpoint could be written: %s%s",
                            failed->message, older ? "; the one before stays" : "");
    else if (newer || older)
        status = status_new(EXIT_INTERRUPTED,
                            "stopped by a signal; checkpoint %s: run it again with --run.resume to go on",
                            newer ? "written" : "as it was");
    else if (fit->echo && fit->config.checkpoint <= 0)
        status = status_new(EXIT_STOPPED,
                            "stopped by a signal; nothing was kept, as run.checkpoint is 0: run it again");
    else
        status = comm_stopped();
    status_free(failed);
    return status;
}

status_t fit_checkpoint_end(struct fit *fit, status_t status)
{
    struct comm *comm = fit->comm;
    comm->journal = NULL;
    comm->stop = NULL; /* it has been heard */
    if (!status || status->code != EXIT_STOPPED)
        return status;
    status_free(status);
    status = comm->rank == 0 ? tell_stop(fit) : STATUS_OK;
    return comm_agree(comm, status);
}

void fit_checkpoint_free(struct fit *fit)
{
    journal_close(&fit->checkpoint.journal);
    checkpoint_free(&fit->checkpoint.now);
    checkpoint_free(&fit->checkpoint.then);
}
