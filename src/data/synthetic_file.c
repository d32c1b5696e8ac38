#include "data/synthetic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/memory.h"
#include "data/h5.h"

/* Room for what HDF5 writes beside the datasets: a part for every file and one for every feature's name. */
enum { FILE_OVERHEAD = 16 << 10, FEATURE_OVERHEAD = 64 };
/* More names than this do not fit into an attribute in the object header of HDF5's oldest format. */
enum { OLD_FORMAT_NAMES = 4000 };

static status_t io_failure(const char *path)
{
    return status_new(EXIT_IO_ERROR, "%s: %s", path, strerror(errno));
}

/* Bytes free on the volume that holds `path`; as much as can be said where it does not tell. */
static double free_bytes(const char *path)
{
    struct statvfs volume;
    if (statvfs(path, &volume) != 0 || volume.f_blocks == 0)
        return HUGE_VAL;
    return (double)volume.f_bavail * (double)volume.f_frsize;
}

/* Where the file system can, so that a quota has its say too; elsewhere what is free must do. */
static status_t reserve(const char *path, const char *partial, int descriptor, int64_t needed)
{
    int cause = 0;
    do
        cause = fallocate(descriptor, 0, 0, needed) == 0 ? 0 : errno;
    while (cause == EINTR);
    if (cause == 0)
        return STATUS_OK;
    double left = free_bytes(partial);
    if (cause != ENOSPC && cause != EDQUOT && cause != EFBIG) {
        if (left >= (double)needed)
            return STATUS_OK;
        cause = ENOSPC;
    }
    return status_new(EXIT_IO_ERROR, "%s: no room for its %.1f MB: %s (%.1f MB free)", path,
                      1e-6 * (double)needed, strerror(cause), 1e-6 * left);
}

/* Before any work: may the file be created there, and does it fit? */
static status_t prepare(const char *path, const char *partial, const struct synthetic_settings *settings,
                        bool *created)
{
    int64_t needed = 0;
    status_t status = synthetic_bytes(settings, &needed);
    if (status)
        return status;
    needed += FILE_OVERHEAD + settings->features * FEATURE_OVERHEAD;
    struct stat found;
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode))
        return status_new(EXIT_NO_OUTPUT, "%s: cannot be replaced, it is not a file", path);
    int descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return status_new(EXIT_NO_OUTPUT, "%s: cannot be created: %s", path, strerror(errno));
    *created = true;
    status = reserve(path, partial, descriptor, needed);
    if (close(descriptor) != 0)
        status = status_first(status, io_failure(partial));
    return status;
}

static status_t write_names(hid_t features, const struct synthetic_settings *settings,
                            const struct synthetic_model *model)
{
    const char **names = NULL;
    status_t status = memory_new(&names, settings->features, sizeof *names, "feature names");
    for (int64_t j = 0; !status && j < settings->features; j++)
        names[j] = model->feature[j].name;
    if (!status)
        status = h5_write_texts(features, "feature_names", names, settings->features);
    free(names);
    return status;
}

static status_t write_attributes(hid_t file, const struct synthetic_settings *settings, const char *generator)
{
    const struct {
        const char *name;
        hid_t type;
        const void *value;
    } number[] = {{"seed", H5T_NATIVE_INT64, &settings->seed},
                  {"customers", H5T_NATIVE_INT64, &settings->customers},
                  {"features", H5T_NATIVE_INT64, &settings->features},
                  {"segments", H5T_NATIVE_INT64, &settings->segments},
                  {"separation", H5T_NATIVE_DOUBLE, &settings->separation},
                  {"missing", H5T_NATIVE_DOUBLE, &settings->missing}};
    status_t status = h5_write_text(file, "generator", generator);
    for (size_t i = 0; !status && i < sizeof number / sizeof number[0]; i++)
        status = h5_write_number(file, number[i].name, number[i].type, number[i].value);
    return status;
}

/* The type of an identifier; the caller closes it. */
static hid_t id_type(const struct synthetic_settings *settings)
{
    if (settings->id == SYNTHETIC_ID_INTEGER)
        return H5Tcopy(H5T_NATIVE_INT64);
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && H5Tset_size(type, synthetic_id_size(settings)) >= 0 &&
        H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0)
        return type;
    h5_close(type);
    return H5I_INVALID_HID;
}

static status_t add_dataset(hid_t file, const char *name, hid_t type, int rank, const hsize_t *shape,
                            hid_t *dataset, int64_t *offset)
{
    status_t status = h5_create_dataset(file, name, type, rank, shape, dataset);
    haddr_t place = status ? HADDR_UNDEF : H5Dget_offset(*dataset);
    if (!status && (place == HADDR_UNDEF || place > INT64_MAX))
        status = h5_write_failure(file, name);
    *offset = (int64_t)place;
    return status;
}

static status_t add_datasets(hid_t file, const struct synthetic_settings *settings,
                             const struct synthetic_model *model, struct synthetic_layout *layout)
{
    const struct {
        const char *name;
        hid_t type;
        int rank;
        hsize_t shape[2];
    } wanted[SYNTHETIC_DATASETS] = {
        {"/features",
         settings->type == SYNTHETIC_FLOAT64 ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT,
         2,
         {(hsize_t)settings->customers, (hsize_t)settings->features}},
        {"/customer_id",
         settings->id == SYNTHETIC_ID_NONE ? H5I_INVALID_HID : id_type(settings),
         1,
         {(hsize_t)settings->customers}},
        {"/truth/segment", H5T_NATIVE_INT32, 1, {(hsize_t)settings->customers}},
        {"/truth/size", H5T_NATIVE_INT64, 1, {(hsize_t)settings->segments}},
    };
    status_t status = STATUS_OK;
    for (int i = 0; !status && i < SYNTHETIC_DATASETS; i++) {
        hid_t dataset = H5I_INVALID_HID;
        if (i == SYNTHETIC_IDS_DATASET && settings->id == SYNTHETIC_ID_NONE)
            continue;
        status = add_dataset(file, wanted[i].name, wanted[i].type, wanted[i].rank, wanted[i].shape, &dataset,
                             &layout->offset[i]);
        if (!status && i == SYNTHETIC_FEATURES_DATASET)
            status = write_names(dataset, settings, model);
        if (!h5_close(dataset) && !status)
            status = h5_write_failure(file, wanted[i].name);
    }
    h5_close(wanted[SYNTHETIC_IDS_DATASET].type);
    return status;
}

/* The library cut off what had been reserved when it created the file, and knows its length now. */
static status_t reserve_again(const char *path, const char *partial)
{
    int descriptor = -1;
    struct stat found;
    status_t status = synthetic_file_open(partial, &descriptor);
    if (status)
        return status;
    status = fstat(descriptor, &found) == 0 ? reserve(path, partial, descriptor, found.st_size)
                                            : io_failure(partial);
    if (close(descriptor) != 0)
        status = status_first(status, io_failure(partial));
    return status;
}

status_t synthetic_file_make(const char *path, const char *partial, const struct synthetic_settings *settings,
                             const struct synthetic_model *model, const char *generator,
                             struct synthetic_layout *layout, bool *created)
{
    status_t status = prepare(path, partial, settings, created);
    if (status)
        return status;
    hid_t file = H5I_INVALID_HID;
    status = h5_create(partial, settings->features > OLD_FORMAT_NAMES, &file);
    if (status)
        return status;
    status = add_datasets(file, settings, model, layout);
    if (!status)
        status = write_attributes(file, settings, generator);
    if (!status && H5Fflush(file, H5F_SCOPE_LOCAL) < 0)
        status = h5_write_failure(file, "the structure");
    if (!h5_close(file) && !status)
        status = h5_failure(EXIT_IO_ERROR, "%s: its structure cannot be written", partial);
    return status ? status : reserve_again(path, partial);
}

status_t synthetic_file_open(const char *partial, int *descriptor)
{
    *descriptor = open(partial, O_WRONLY | O_CLOEXEC);
    return *descriptor < 0 ? io_failure(partial) : STATUS_OK;
}

status_t synthetic_file_write(int descriptor, const char *partial, int64_t at, const void *data, size_t size)
{
    const char *from = data;
    while (size > 0) {
        ssize_t written = pwrite(descriptor, from, size, at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? io_failure(partial)
                               : status_new(EXIT_IO_ERROR, "%s: nothing more can be written", partial);
        from += written;
        at += written;
        size -= (size_t)written;
    }
    return STATUS_OK;
}

status_t synthetic_file_close(int descriptor, const char *partial)
{
    if (descriptor < 0)
        return STATUS_OK;
    status_t status = fsync(descriptor) == 0 ? STATUS_OK : io_failure(partial);
    if (close(descriptor) != 0)
        status = status_first(status, io_failure(partial));
    return status;
}
