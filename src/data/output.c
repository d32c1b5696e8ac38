#include "data/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/memory.h"

enum { CLAIM_TRIES = 50 }; /* five seconds */

static status_t cannot_create(const char *path)
{
    return status_new(EXIT_NO_OUTPUT, "%s: cannot be created: %s", path, strerror(errno));
}

static status_t make_directories(const char *directory)
{
    char *path = NULL;
    status_t status = memory_copy_text(&path, directory);
    if (!status && path[0] == '\0')
        status = status_new(EXIT_NO_OUTPUT, "the output directory has an empty name");
    for (char *slash = path; !status && slash;) {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            status = cannot_create(path);
        if (slash)
            *slash = '/';
    }
    free(path);
    return status;
}

static status_t prove_writable(const char *directory)
{
    char *probe = NULL;
    if (asprintf(&probe, "%s/.lohko-XXXXXX", directory) < 0)
        return status_of_allocation(NULL, 1, "a path");
    status_t status = STATUS_OK;
    int descriptor = mkstemp(probe);
    if (descriptor < 0)
        status =
            status_new(EXIT_NO_OUTPUT, "%s: files cannot be created in it: %s", directory, strerror(errno));
    else if (close(descriptor) != 0 || unlink(probe) != 0)
        status = status_new(EXIT_NO_OUTPUT, "%s: %s", directory, strerror(errno));
    free(probe);
    return status;
}

status_t output_open(struct output *output, const char *directory)
{
    *output = (struct output){0};
    status_t status = memory_copy_text(&output->directory, directory);
    if (!status)
        status = make_directories(directory);
    if (!status)
        status = prove_writable(directory);
    return status;
}

status_t output_claim(struct output *output, const char *directory)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    status_t status = output_open(output, directory);
    if (status)
        return status;
    output->claim = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    output->is_claimed = output->claim >= 0;
    if (!output->is_claimed) /* nor could it be flushed when files have come into it */
        return status_new(EXIT_NO_OUTPUT, "%s: cannot be opened: %s", directory, strerror(errno));
    for (int tries = 0; flock(output->claim, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK) /* cannot be locked here */
            break;
        if (tries == CLAIM_TRIES)
            return status_new(EXIT_NO_OUTPUT,
                              "%s: another job is writing into it (expected: a directory for each job, or to "
                              "wait for its end)",
                              directory);
        (void)nanosleep(&pause, NULL);
    }
    return STATUS_OK;
}

status_t output_add(struct output *output, const char *name, const char **partial)
{
    *partial = NULL;
    if (output->count == OUTPUT_FILES)
        return status_new(EXIT_INTERNAL, "too many output files");
    char **path = &output->path[output->count];
    char **temporary = &output->partial[output->count];
    if (asprintf(path, "%s/%s", output->directory, name) < 0)
        *path = NULL;
    if (asprintf(temporary, "%s/%s.partial", output->directory, name) < 0)
        *temporary = NULL;
    output->count++;
    *partial = *temporary;
    struct stat there;
    /* A pipe would wait for a reader. What cannot be removed cannot be created either. */
    if (*temporary && lstat(*temporary, &there) == 0 && !S_ISREG(there.st_mode))
        (void)unlink(*temporary);
    return status_of_allocation(*path && *temporary ? *path : NULL, 1, "a path");
}

status_t output_retire(struct output *output, const char *name)
{
    if (output->retired == OUTPUT_FILES)
        return status_new(EXIT_INTERNAL, "too many output files");
    if (asprintf(&output->retiree[output->retired], "%s/%s", output->directory, name) < 0)
        return status_of_allocation(NULL, 1, "a path");
    output->retired++;
    return STATUS_OK;
}

status_t output_reserve(const char *partial, int64_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        (rlim_t)bytes > limit.rlim_cur)
        return status_new(EXIT_IO_ERROR, "%s: %lld bytes are needed but files may have %llu here (ulimit -f)",
                          partial, (long long)bytes, (unsigned long long)limit.rlim_cur);
    int descriptor = open(partial, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0)
        return cannot_create(partial);
    int failure = 0;
    do
        failure = fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) == 0 ? 0 : errno;
    while (failure == EINTR); /* a signal to stop is heard by the next vote */
    if (close(descriptor) != 0)
        failure = errno;
    /* Not every file system can; then a full disk is found when writing. */
    if (failure != 0 && failure != EOPNOTSUPP && failure != ENOSYS && failure != EINVAL)
        return status_new(EXIT_IO_ERROR, "%s: %lld bytes are needed: %s", partial, (long long)bytes,
                          strerror(failure));
    return STATUS_OK;
}

status_t output_text_begin(const char *partial, FILE **file)
{
    *file = fopen(partial, "w");
    return *file ? STATUS_OK : cannot_create(partial);
}

status_t output_text_end(const char *partial, FILE *file)
{
    int failed = ferror(file);
    if (fclose(file) != 0 || failed)
        return status_new(EXIT_IO_ERROR, "%s: writing failed: %s", partial, strerror(errno));
    return STATUS_OK;
}

static status_t flush(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return status_new(EXIT_IO_ERROR, "%s: %s", path, strerror(errno));
    int failed = fsync(descriptor) != 0 && errno != EINVAL; /* some file systems cannot flush a directory */
    if (close(descriptor) != 0 || failed)
        return status_new(EXIT_IO_ERROR, "%s: cannot be flushed to disk: %s", path, strerror(errno));
    return STATUS_OK;
}

/* Found before the first rename, not between two. */
static status_t check_replaceable(const char *path)
{
    struct stat there;
    if (stat(path, &there) == 0 && S_ISDIR(there.st_mode))
        return status_new(EXIT_NO_OUTPUT, "%s is a directory and cannot be replaced by a file", path);
    return STATUS_OK;
}

status_t output_commit(struct output *output)
{
    status_t status = STATUS_OK;
    for (int i = 0; !status && i < output->count; i++)
        status = flush(output->partial[i]);
    for (int i = 0; !status && i < output->count; i++)
        status = check_replaceable(output->path[i]);
    for (int i = output->count - 1; !status && i >= 0; i--) {
        if (rename(output->partial[i], output->path[i]) != 0) {
            status =
                status_new(EXIT_IO_ERROR, "%s: cannot be renamed: %s", output->partial[i], strerror(errno));
        } else {
            free(output->partial[i]);
            output->partial[i] = NULL;
        }
    }
    if (!status) /* the new ones are there for good before others go */
        status = flush(output->directory);
    for (int i = 0; !status && i < output->retired; i++) {
        if (unlink(output->retiree[i]) != 0 && errno != ENOENT)
            status =
                status_new(EXIT_IO_ERROR, "%s: cannot be removed: %s", output->retiree[i], strerror(errno));
    }
    if (!status)
        status = flush(output->directory);
    return status;
}

void output_close(struct output *output)
{
    for (int i = 0; i < output->count; i++) {
        if (output->partial[i] && unlink(output->partial[i]) != 0)
            output->partial[i][0] = '\0'; /* it was never made */
        free(output->partial[i]);
        free(output->path[i]);
    }
    for (int i = 0; i < output->retired; i++)
        free(output->retiree[i]);
    if (output->is_claimed)
        (void)close(output->claim); /* nothing was written to it */
    free(output->directory);
    *output = (struct output){0};
}
