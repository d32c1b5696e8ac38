#include "app/overwrite.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

#include "data/checkpoint.h"

/* Until it is whole, a file has its second name; what lies there by then is removed. */
#define WITH_PARTIAL(name) name, name ".partial"

/* All that any command gives to output_add or output_retire, or renames. */
static const char *const written_name[] = {
    WITH_PARTIAL("results.h5"),    WITH_PARTIAL("summary.json"),  WITH_PARTIAL("segments.csv"),
    WITH_PARTIAL("migration.csv"), WITH_PARTIAL(CHECKPOINT_NAME), WITH_PARTIAL(CHECKPOINT_OLD_NAME),
};

const char *overwritten_name(const char *directory, const char *path)
{
    struct stat read;
    if (stat(path, &read) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof written_name / sizeof written_name[0]; i++) {
        struct stat written;
        char place[PATH_MAX]; /* the system takes no longer one */
        int length = snprintf(place, sizeof place, "%s/%s", directory, written_name[i]);
        if (length < PATH_MAX && stat(place, &written) == 0 && read.st_dev == written.st_dev &&
            read.st_ino == written.st_ino)
            return written_name[i];
    }
    return NULL;
}

status_t refuse_overwriting(struct comm *comm, const char *directory, const struct overwrite *file, int count)
{
    status_t status = STATUS_OK;
    for (int i = 0; comm->rank == 0 && !status && i < count; i++) {
        const char *name = file[i].path ? overwritten_name(directory, file[i].path) : NULL;
        if (name)
            status =
                status_new(EXIT_BAD_USAGE,
                           "--output: %s/%s is the %s, which would be overwritten; choose another directory",
                           directory, name, file[i].what);
    }
    return comm_agree(comm, status);
}
