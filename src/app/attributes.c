#include "app/attributes.h"

#include <stdio.h>
#include <sys/stat.h>

#include "app/version.h"

/* Of results.h5, whichever command wrote it. */
enum { FORMAT_VERSION = 1 };

void attributes_add_text(struct attribute_list *list, const char *name, const char *text)
{
    list->item[list->count++] = (struct results_attribute){.name = name, .text = text};
}

void attributes_add_whole(struct attribute_list *list, const char *name, int64_t value)
{
    list->item[list->count++] = (struct results_attribute){.name = name, .whole = true, .integer = value};
}

void attributes_add_real(struct attribute_list *list, const char *name, double value)
{
    list->item[list->count++] = (struct results_attribute){.name = name, .real = value};
}

/* 2026-01-31T09:00:00Z */
static void format_time(time_t time, char text[TIME_SIZE])
{
    struct tm parts;
    if (!gmtime_r(&time, &parts) || strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(text, TIME_SIZE, "unknown");
}

void attributes_add_job(struct attribute_list *list, const struct comm *comm, const char *hosts,
                        time_t started)
{
    comm_library(list->mpi, sizeof list->mpi);
    results_library(list->hdf5, sizeof list->hdf5);
    format_time(started, list->started);
    format_time(time(NULL), list->ended);
    attributes_add_whole(list, "format_version", FORMAT_VERSION);
    attributes_add_text(list, "lohko_version", version_text());
    attributes_add_text(list, "lohko_commit", version_commit());
    attributes_add_text(list, "mpi_version", list->mpi);
    attributes_add_text(list, "hdf5_version", list->hdf5);
    attributes_add_text(list, "hosts", hosts);
    attributes_add_whole(list, "ranks", comm->size);
    attributes_add_text(list, "started", list->started);
    attributes_add_text(list, "ended", list->ended);
}

void attributes_add_input(struct attribute_list *list, const char *path)
{
    struct stat input;
    bool known = stat(path, &input) == 0;
    snprintf(list->modified, TIME_SIZE, "unknown");
    if (known)
        format_time(input.st_mtime, list->modified);
    attributes_add_text(list, "input_path", path);
    attributes_add_whole(list, "input_size", known ? (int64_t)input.st_size : -1);
    attributes_add_text(list, "input_modified", list->modified);
}
