#include "data/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/memory.h"
#include "data/output.h"

static const char MAGIC[] = "lohko checkpoint 1\n";
enum { MAGIC_SIZE = sizeof MAGIC - 1, HEADER_SIZE = JOURNAL_NAME_SIZE + sizeof(int64_t) };

static const char *const fact_name[CHECKPOINT_FACTS] = {"program", "config", "input", "previous"};

void checkpoint_free(struct checkpoint *checkpoint)
{
    for (int i = 0; i < CHECKPOINT_FACTS; i++)
        free(checkpoint->fact[i]);
    *checkpoint = (struct checkpoint){.fact = {NULL}};
}

static status_t path_of(const char *directory, const char *name, char **path)
{
    if (asprintf(path, "%s/%s", directory, name) < 0)
        *path = NULL;
    return status_of_allocation(*path, 1, "a path");
}

bool checkpoint_exists(const char *directory, const char *name)
{
    char *path = NULL;
    status_t status = path_of(directory, name, &path);
    bool exists = !status && access(path, F_OK) == 0;
    status_free(status);
    free(path);
    return exists;
}

/* ---- writing ---- */

struct sink {
    FILE *file;
    XXH3_state_t *hash;
};

/* What fwrite could not write is found by ferror at the end. */
static void put(struct sink *sink, const void *data, int64_t bytes)
{
    if (bytes > 0 && fwrite(data, 1, (size_t)bytes, sink->file) == (size_t)bytes)
        XXH3_64bits_update(sink->hash, data, (size_t)bytes);
}

static void put_entry(struct sink *sink, const char *name, const void *data, int64_t bytes)
{
    char header[HEADER_SIZE] = {0};
    snprintf(header, JOURNAL_NAME_SIZE, "%s", name);
    memcpy(header + JOURNAL_NAME_SIZE, &bytes, sizeof bytes);
    put(sink, header, HEADER_SIZE);
    put(sink, data, bytes);
}

static status_t write_content(const char *partial, const struct checkpoint *checkpoint,
                              const struct journal *journal)
{
    struct sink sink = {.hash = XXH3_createState()};
    status_t status = status_of_allocation(sink.hash, 1, "a checksum");
    if (!status)
        status = output_text_begin(partial, &sink.file);
    if (!status) {
        XXH3_64bits_reset(sink.hash);
        put(&sink, MAGIC, MAGIC_SIZE);
        for (int i = 0; i < CHECKPOINT_FACTS; i++)
            put_entry(&sink, fact_name[i], checkpoint->fact[i], (int64_t)strlen(checkpoint->fact[i]));
        for (int64_t i = 0; i < journal->count; i++)
            put_entry(&sink, journal->entry[i].step, journal->entry[i].data, journal->entry[i].bytes);
        XXH64_hash_t hash = XXH3_64bits_digest(sink.hash);
        put(&sink, &hash, sizeof hash);
        status = output_text_end(partial, sink.file);
    }
    XXH3_freeState(sink.hash);
    return status;
}

status_t checkpoint_rename(const char *directory, const char *from, const char *to)
{
    char *path = NULL;
    char *other = NULL;
    status_t status = path_of(directory, from, &path);
    if (!status)
        status = path_of(directory, to, &other);
    if (!status && rename(path, other) != 0)
        status = status_new(EXIT_NO_OUTPUT, "%s: cannot be renamed: %s", path, strerror(errno));
    free(path);
    free(other);
    return status;
}

status_t checkpoint_write(const char *directory, const struct checkpoint *checkpoint,
                          const struct journal *journal)
{
    struct output output;
    const char *partial = NULL;
    status_t status = output_open(&output, directory);
    if (!status)
        status = output_add(&output, CHECKPOINT_NAME, &partial);
    if (!status)
        status = write_content(partial, checkpoint, journal);
    if (!status)
        status = output_commit(&output);
    output_close(&output);
    return status;
}

/* ---- reading ---- */

static status_t damaged(const char *path, const char *what)
{
    return status_new(EXIT_NO_INPUT, "%s: damaged (%s); remove it to begin at the beginning", path, what);
}

static status_t read_file(const char *path, char **text, int64_t *size)
{
    struct stat there = {.st_size = 0};
    /* A pipe would wait for somebody who writes into it. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "rb") : NULL;
    if (!file) {
        status_t status = status_new(EXIT_NO_INPUT, "%s: %s", path, strerror(errno));
        if (descriptor >= 0)
            (void)close(descriptor);
        return status;
    }
    status_t status = STATUS_OK;
    if (fstat(descriptor, &there) != 0)
        status = status_new(EXIT_NO_INPUT, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(there.st_mode))
        status = damaged(path, "it is not a regular file");
    *size = there.st_size;
    if (!status)
        status = memory_new(text, *size, 1, "a checkpoint");
    if (!status && fread(*text, 1, (size_t)*size, file) != (size_t)*size)
        status = damaged(path, "it cannot be read to its end");
    if (fclose(file) != 0)
        status = status_first(status, status_new(EXIT_NO_INPUT, "%s: %s", path, strerror(errno)));
    return status;
}

static status_t check_whole(const char *path, const char *text, int64_t size)
{
    XXH64_hash_t hash = 0;
    int64_t hashed = size - (int64_t)sizeof hash;
    if (hashed < MAGIC_SIZE || memcmp(text, MAGIC, MAGIC_SIZE) != 0)
        return damaged(path, "it does not begin as a checkpoint of this version of lohko does");
    memcpy(&hash, text + hashed, sizeof hash);
    if (hash != XXH3_64bits(text, (size_t)hashed))
        return damaged(path, "its checksum is not that of its content");
    return STATUS_OK;
}

/* One entry at *at, which moves behind it. */
static status_t take_entry(const char *path, const char *text, int64_t size, int64_t *at,
                           char name[JOURNAL_NAME_SIZE], char **data, int64_t *bytes)
{
    *data = NULL;
    *bytes = -1;
    if (size - *at >= HEADER_SIZE) {
        memcpy(name, text + *at, JOURNAL_NAME_SIZE);
        memcpy(bytes, text + *at + JOURNAL_NAME_SIZE, sizeof *bytes);
    }
    if (*bytes < 0 || *bytes > size - *at - HEADER_SIZE || memchr(name, '\0', JOURNAL_NAME_SIZE) == NULL)
        return damaged(path, "an entry does not fit");
    status_t status = memory_new(data, *bytes + 1, 1, "a checkpoint"); /* facts end as texts do */
    if (!status && *bytes > 0)
        memcpy(*data, text + *at + HEADER_SIZE, (size_t)*bytes);
    *at += HEADER_SIZE + *bytes;
    return status;
}

/* *at: where the entries of the journal begin. */
static status_t take_facts(const char *path, const char *text, int64_t size, int64_t *at,
                           struct checkpoint *checkpoint)
{
    int64_t bytes = 0;
    char name[JOURNAL_NAME_SIZE];
    status_t status = STATUS_OK;
    *at = MAGIC_SIZE;
    for (int i = 0; !status && i < CHECKPOINT_FACTS; i++) {
        status = take_entry(path, text, size, at, name, &checkpoint->fact[i], &bytes);
        if (!status && strcmp(name, fact_name[i]) != 0)
            status = damaged(path, "it does not say what it belongs to");
    }
    return status;
}

static status_t take_apart(const char *path, const char *text, int64_t size, struct checkpoint *checkpoint,
                           struct journal *journal)
{
    int64_t end = size - (int64_t)sizeof(XXH64_hash_t);
    int64_t at = 0;
    int64_t bytes = 0;
    char name[JOURNAL_NAME_SIZE];
    status_t status = take_facts(path, text, end, &at, checkpoint);
    while (!status && at < end) {
        char *data = NULL;
        status = take_entry(path, text, end, &at, name, &data, &bytes);
        if (!status)
            status = journal_add(journal, name, data, bytes);
        else
            free(data);
    }
    return status;
}

status_t checkpoint_facts(const char *directory, const char *name, struct checkpoint *checkpoint)
{
    char *path = NULL;
    char *text = NULL;
    int64_t size = 0;
    int64_t at = 0;
    *checkpoint = (struct checkpoint){.fact = {NULL}};
    status_t status = path_of(directory, name, &path);
    if (!status)
        status = read_file(path, &text, &size);
    if (!status)
        status = check_whole(path, text, size);
    if (!status)
        status = take_facts(path, text, size - (int64_t)sizeof(XXH64_hash_t), &at, checkpoint);
    free(text);
    free(path);
    return status;
}

status_t checkpoint_read(struct comm *comm, const char *directory, struct checkpoint *checkpoint,
                         struct journal *journal)
{
    char *path = NULL;
    char *text = NULL;
    int64_t size = 0;
    *checkpoint = (struct checkpoint){.fact = {NULL}};
    status_t status = path_of(directory, CHECKPOINT_NAME, &path);
    if (!status && comm->rank == 0) {
        status = read_file(path, &text, &size);
        if (!status)
            status = check_whole(path, text, size);
    }
    status = comm_agree(comm, status);
    if (!status)
        status = comm_broadcast(comm, &size, sizeof size);
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? STATUS_OK : memory_new(&text, size, 1, "a checkpoint"));
    if (!status)
        status = comm_broadcast(comm, text, size);
    if (!status)
        status = comm_agree(comm, take_apart(path, text, size, checkpoint, journal));
    free(text);
    free(path);
    return status;
}
