#include "core/journal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/memory.h"

static double now(void)
{
    struct timespec time = {0};
    return clock_gettime(CLOCK_MONOTONIC, &time) == 0 ? (double)time.tv_sec + 1e-9 * (double)time.tv_nsec : 0;
}

void journal_open(struct journal *journal, int rank, double interval, journal_writer write, void *context)
{
    *journal = (struct journal){
        .holds = rank == 0, .interval = interval, .written = now(), .write = write, .context = context};
}

/* Frees the entries from `first` on. */
static void drop(struct journal *journal, int64_t first)
{
    while (journal->count > first)
        free(journal->entry[--journal->count].data);
}

void journal_close(struct journal *journal)
{
    drop(journal, 0);
    free(journal->entry);
    *journal = (struct journal){.entry = NULL};
}

int64_t journal_mark(const struct journal *journal)
{
    return journal ? journal->recalled : 0;
}

/* The entry that the next step may find its outcome in. */
static struct journal_entry *next_entry(const struct journal *journal, const char *step)
{
    if (!journal || journal->recalled >= journal->count)
        return NULL;
    struct journal_entry *entry = &journal->entry[journal->recalled];
    return strcmp(entry->step, step) == 0 ? entry : NULL;
}

status_t journal_misfit(const char *step)
{
    return status_new(EXIT_BAD_DATA, "the checkpoint does not fit this job: %s", step);
}

bool journal_are_places(const double *values, int64_t count)
{
    bool are = true;
    for (int64_t i = 0; i < count; i++)
        are = are && fabs(values[i]) <= JOURNAL_FAR; /* not a NaN either */
    return are;
}

bool journal_are_counts(const int64_t *values, int64_t count, int64_t most)
{
    bool are = true;
    for (int64_t i = 0; i < count; i++)
        are = are && values[i] >= 0 && values[i] <= most;
    return are;
}

bool journal_are_flags(const bool *values, int64_t count)
{
    const unsigned char *byte = (const unsigned char *)values;
    bool are = true;
    for (int64_t i = 0; i < count; i++)
        are = are && byte[i] <= 1;
    return are;
}

int64_t journal_known_bytes(const struct journal *journal, const char *step)
{
    const struct journal_entry *entry = next_entry(journal, step);
    return entry ? entry->bytes : -1;
}

static int64_t total(const struct journal_field *fields, int count)
{
    int64_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += fields[i].bytes;
    return bytes;
}

status_t journal_recall(struct journal *journal, const char *step, const struct journal_field *fields,
                        int count, bool *known)
{
    struct journal_entry *entry = next_entry(journal, step);
    *known = entry != NULL;
    if (!entry)
        return STATUS_OK;
    if (entry->bytes != total(fields, count))
        return status_new(EXIT_BAD_DATA, "the checkpoint does not fit this job: %s has another size", step);
    const char *data = entry->data;
    for (int i = 0; i < count; i++) {
        if (fields[i].bytes > 0)
            memcpy(fields[i].data, data, (size_t)fields[i].bytes);
        data += fields[i].bytes;
    }
    journal->recalled++;
    if (!journal->holds) { /* it is not asked for twice */
        free(entry->data);
        entry->data = NULL;
    }
    return STATUS_OK;
}

static status_t make_room(struct journal *journal)
{
    if (journal->count < journal->capacity)
        return STATUS_OK;
    int64_t capacity = 2 * journal->capacity + 16;
    struct journal_entry *larger = NULL;
    status_t status = memory_new(&larger, capacity, sizeof *larger, "the journal");
    if (status)
        return status;
    if (journal->count > 0)
        memcpy(larger, journal->entry, (size_t)journal->count * sizeof *larger);
    free(journal->entry);
    journal->entry = larger;
    journal->capacity = capacity;
    return STATUS_OK;
}

status_t journal_add(struct journal *journal, const char *step, char *data, int64_t bytes)
{
    status_t status = make_room(journal);
    if (status) {
        free(data);
        return status;
    }
    struct journal_entry *entry = &journal->entry[journal->count++];
    snprintf(entry->step, sizeof entry->step, "%s", step);
    entry->data = data;
    entry->bytes = bytes;
    return STATUS_OK;
}

static status_t hold(struct journal *journal, const char *step, const struct journal_field *fields, int count)
{
    int64_t bytes = total(fields, count);
    char *data = NULL;
    status_t status = memory_new(&data, bytes, 1, "the journal");
    int64_t at = 0;
    for (int i = 0; !status && i < count; i++) {
        if (fields[i].bytes > 0)
            memcpy(data + at, fields[i].data, (size_t)fields[i].bytes);
        at += fields[i].bytes;
    }
    return status ? status : journal_add(journal, step, data, bytes);
}

static void write_when_due(struct journal *journal)
{
    if (journal->interval <= 0 || now() - journal->written < journal->interval)
        return;
    journal->write(journal->context, journal);
    journal->written = now();
}

status_t journal_keep(struct journal *journal, int64_t mark, const char *step,
                      const struct journal_field *fields, int count)
{
    if (!journal || journal->is_lost)
        return STATUS_OK;
    if (journal->recalled < journal->count)
        return status_new(EXIT_BAD_DATA, "the checkpoint does not fit this job: it has %s where %s is due",
                          journal->entry[journal->recalled].step, step);
    drop(journal, mark);
    if (journal->holds) {
        status_t status = hold(journal, step, fields, count);
        journal->is_lost = status != STATUS_OK;
        status_free(status);
    }
    if (journal->is_lost)
        drop(journal, 0);
    journal->recalled = journal->count;
    journal->kept++;
    if (!journal->is_lost)
        write_when_due(journal);
    return STATUS_OK;
}
