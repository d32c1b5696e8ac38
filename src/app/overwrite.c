#include "app/overwrite.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

bool is_overwritten(const char *directory, const char *path)
{
    struct stat read;
    struct stat written;
    char result[PATH_MAX]; /* the system takes no longer one */
    int length = snprintf(result, sizeof result, "%s/results.h5", directory);
    return length < PATH_MAX && stat(path, &read) == 0 && stat(result, &written) == 0 &&
           read.st_dev == written.st_dev && read.st_ino == written.st_ino;
}

status_t refuse_overwriting(struct comm *comm, const char *directory, const struct overwrite *file, int count)
{
    status_t status = STATUS_OK;
    for (int i = 0; comm->rank == 0 && !status && i < count; i++) {
        if (file[i].path && is_overwritten(directory, file[i].path))
            status = status_new(
                EXIT_BAD_USAGE,
                "--output: %s/results.h5 is the %s, which would be overwritten; choose another directory",
                directory, file[i].what);
    }
    return comm_agree(comm, status);
}
