#include "data/synthetic.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/partition.h"
#include "data/h5.h"

/* Rows are made and written in slabs: so many, or what fits into so many bytes, but at least one block. */
enum { SLAB_ROWS = 64 * BLOCK_ROWS, SLAB_BYTES = 32 << 20 };
/* Identifiers rise by 7 from FIRST_ID: whoever takes them for row numbers is found out. */
enum { FIRST_ID = 100000, ID_STEP = 7 };
/* Room for what HDF5 writes beside the datasets: a part for every file and one for every feature's name. */
enum { FILE_OVERHEAD = 16 << 10, FEATURE_OVERHEAD = 64 };
/* More names than this do not fit into an attribute in the object header of HDF5's oldest format. */
enum { OLD_FORMAT_NAMES = 4000 };

/* One run's handles and buffers. */
struct writer {
    const struct synthetic_settings *settings;
    struct synthetic_model model;
    hid_t file;
    hid_t value_type;
    hid_t id_type; /* negative: no identifiers */
    hid_t features;
    hid_t ids;
    hid_t truth;
    hid_t sizes;
    size_t value_size;
    size_t id_size;
    int64_t slab_rows;
    double *row;      /* one customer */
    char *values;     /* slab_rows x features of value_size */
    char *id;         /* slab_rows of id_size */
    int32_t *segment; /* slab_rows */
    int64_t *size;    /* segments: customers of this rank, then of all */
};

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

/* Reserves the space where the file system can, so that a quota has its say too; creating the HDF5 file gives
 * it back at once. Elsewhere what is free must do. */
static status_t check_space(const char *path, const char *partial, int descriptor,
                            const struct synthetic_settings *settings)
{
    int64_t needed = 0;
    status_t status = synthetic_bytes(settings, &needed);
    if (status)
        return status;
    needed += FILE_OVERHEAD + settings->features * FEATURE_OVERHEAD;
    if (fallocate(descriptor, 0, 0, needed) == 0)
        return STATUS_OK;
    int cause = errno;
    double left = free_bytes(partial);
    if (cause != ENOSPC && cause != EDQUOT && cause != EFBIG) {
        if (left >= (double)needed)
            return STATUS_OK;
        cause = ENOSPC;
    }
    return status_new(EXIT_IO_ERROR, "%s: no room for its %.1f MB: %s (%.1f MB free)", path,
                      1e-6 * (double)needed, strerror(cause), 1e-6 * left);
}

/* Before any work: may the file be created there, and does it fit? *created: `partial` is ours to remove. */
static status_t prepare(const char *path, const char *partial, const struct synthetic_settings *settings,
                        bool *created)
{
    struct stat found;
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode))
        return status_new(EXIT_NO_OUTPUT, "%s: cannot be replaced, it is not a file", path);
    int descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return status_new(EXIT_NO_OUTPUT, "%s: cannot be created: %s", path, strerror(errno));
    *created = true;
    status_t status = check_space(path, partial, descriptor, settings);
    if (close(descriptor) != 0)
        status = status_first(status, io_failure(partial));
    return status;
}

/* The whole file gets its name. */
static status_t publish(const char *partial, const char *path)
{
    int descriptor = open(partial, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return io_failure(partial);
    status_t status = fsync(descriptor) == 0 ? STATUS_OK : io_failure(partial);
    if (close(descriptor) != 0)
        status = status_first(status, io_failure(partial));
    if (!status && rename(partial, path) != 0)
        status = status_new(EXIT_IO_ERROR, "%s: cannot be renamed to %s: %s", partial, path, strerror(errno));
    return status;
}

static hid_t make_text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && H5Tset_size(type, size) >= 0 && H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0)
        return type;
    h5_close(type);
    return H5I_INVALID_HID;
}

static status_t open_types(struct writer *writer)
{
    const struct synthetic_settings *settings = writer->settings;
    writer->value_size = synthetic_value_size(settings);
    writer->id_size = synthetic_id_size(settings);
    writer->value_type = H5Tcopy(settings->type == SYNTHETIC_FLOAT64 ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT);
    if (settings->id == SYNTHETIC_ID_INTEGER)
        writer->id_type = H5Tcopy(H5T_NATIVE_INT64);
    if (settings->id == SYNTHETIC_ID_TEXT)
        writer->id_type = make_text_type(writer->id_size);
    if (writer->value_type < 0 || (settings->id != SYNTHETIC_ID_NONE && writer->id_type < 0))
        return h5_failure(EXIT_INTERNAL, "a data type cannot be made");
    return STATUS_OK;
}

static status_t open_buffers(struct writer *writer)
{
    const struct synthetic_settings *settings = writer->settings;
    size_t row_size = (size_t)settings->features * writer->value_size;
    int64_t rows = SLAB_BYTES / (int64_t)row_size;
    rows = rows < BLOCK_ROWS ? BLOCK_ROWS : rows > SLAB_ROWS ? SLAB_ROWS : rows;
    writer->slab_rows = rows < settings->customers ? rows : settings->customers;
    status_t status = synthetic_model_new(settings, &writer->model);
    if (!status)
        status = memory_new(&writer->row, settings->features, sizeof(double), "a customer");
    if (!status)
        status = memory_new(&writer->values, writer->slab_rows, row_size, "customers");
    if (!status)
        status = memory_new(&writer->id, writer->slab_rows, writer->id_size, "identifiers");
    if (!status)
        status = memory_new(&writer->segment, writer->slab_rows, sizeof(int32_t), "segments");
    if (!status)
        status = memory_new(&writer->size, settings->segments, sizeof(int64_t), "segment sizes");
    return status;
}

static status_t write_names(struct writer *writer)
{
    int64_t count = writer->settings->features;
    const char **names = NULL;
    status_t status = memory_new(&names, count, sizeof *names, "feature names");
    for (int64_t j = 0; !status && j < count; j++)
        names[j] = writer->model.feature[j].name;
    if (!status)
        status = h5_write_texts(writer->features, "feature_names", names, count);
    free(names);
    return status;
}

static status_t write_attributes(const struct writer *writer, const char *generator)
{
    const struct synthetic_settings *settings = writer->settings;
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
    status_t status = h5_write_text(writer->file, "generator", generator);
    for (size_t i = 0; !status && i < sizeof number / sizeof number[0]; i++)
        status = h5_write_number(writer->file, number[i].name, number[i].type, number[i].value);
    return status;
}

/* Everything but the rows: HDF5 wants the same calls from every rank. */
static status_t create_datasets(struct writer *writer, const char *generator)
{
    const struct synthetic_settings *settings = writer->settings;
    hsize_t shape[2] = {(hsize_t)settings->customers, (hsize_t)settings->features};
    hsize_t segments = (hsize_t)settings->segments;
    status_t status = STATUS_OK;
    if (settings->features > OLD_FORMAT_NAMES &&
        H5Fset_libver_bounds(writer->file, H5F_LIBVER_V18, H5F_LIBVER_LATEST) < 0)
        status = h5_failure(EXIT_INTERNAL, "the file format cannot be chosen");
    if (!status)
        status =
            h5_create_dataset(writer->file, "/features", writer->value_type, 2, shape, &writer->features);
    if (!status)
        status = write_names(writer);
    if (!status && writer->id_type >= 0)
        status = h5_create_dataset(writer->file, "/customer_id", writer->id_type, 1, shape, &writer->ids);
    if (!status)
        status =
            h5_create_dataset(writer->file, "/truth/segment", H5T_NATIVE_INT32, 1, shape, &writer->truth);
    if (!status)
        status =
            h5_create_dataset(writer->file, "/truth/size", H5T_NATIVE_INT64, 1, &segments, &writer->sizes);
    if (!status)
        status = write_attributes(writer, generator);
    /* Now, while there is space: HDF5 hangs when closing a file whose metadata one rank could not write. */
    if (!status && H5Fflush(writer->file, H5F_SCOPE_GLOBAL) < 0)
        status = h5_failure(EXIT_IO_ERROR, "the file's structure cannot be written");
    return status;
}

static void store_values(struct writer *writer, int64_t at)
{
    int64_t count = writer->settings->features;
    if (writer->settings->type == SYNTHETIC_FLOAT64) {
        memcpy((double *)(void *)writer->values + at * count, writer->row, (size_t)count * sizeof(double));
        return;
    }
    float *values = (float *)(void *)writer->values + at * count;
    for (int64_t j = 0; j < count; j++)
        values[j] = (float)writer->row[j];
}

static void store_id(struct writer *writer, int64_t row, int64_t at)
{
    if (writer->settings->id == SYNTHETIC_ID_INTEGER)
        ((int64_t *)(void *)writer->id)[at] = FIRST_ID + ID_STEP * row;
    if (writer->settings->id != SYNTHETIC_ID_TEXT)
        return;
    char *text = writer->id + (size_t)at * writer->id_size;
    int64_t number = row + 1;
    text[0] = 'C';
    for (size_t i = writer->id_size - 1; i > 0; i--) {
        text[i] = (char)('0' + number % 10);
        number /= 10;
    }
}

static status_t write_slab(struct writer *writer, int64_t first, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        writer->segment[i] = synthetic_customer(&writer->model, first + i, writer->row);
        writer->size[writer->segment[i]]++;
        store_values(writer, i);
        store_id(writer, first + i, i);
    }
    status_t status = h5_write_rows(writer->features, writer->value_type, first, count, writer->values);
    if (!status && writer->id_type >= 0)
        status = h5_write_rows(writer->ids, writer->id_type, first, count, writer->id);
    if (!status)
        status = h5_write_rows(writer->truth, H5T_NATIVE_INT32, first, count, writer->segment);
    return status;
}

/* Slab by slab, the ranks in step, so that a full disk stops all of them at once. Rank 0 has most rows. */
static status_t write_rows(struct writer *writer, struct comm *comm, struct log *log)
{
    int64_t customers = writer->settings->customers;
    struct partition part = partition_of(customers, comm->rank, comm->size);
    int64_t most = partition_of(customers, 0, comm->size).row_count;
    status_t status = STATUS_OK;
    for (int64_t done = 0; !status && done < most; done += writer->slab_rows) {
        int64_t left = part.row_count > done ? part.row_count - done : 0;
        status = comm_agree(comm, write_slab(writer, part.first_row + done,
                                             left < writer->slab_rows ? left : writer->slab_rows));
        int64_t mine = done + writer->slab_rows < most ? done + writer->slab_rows : most;
        double fraction = (double)mine / (double)most;
        int64_t seen = (int64_t)(fraction * (double)customers);
        log_show_progress(log, &(struct log_progress){.fraction = fraction, .customers = seen});
    }
    if (!status)
        status = comm_sum_i64(comm, writer->size, writer->settings->segments);
    if (!status && comm->rank == 0)
        status = h5_write_rows(writer->sizes, H5T_NATIVE_INT64, 0, writer->settings->segments, writer->size);
    return comm_agree(comm, status);
}

/* The failure with the file's name and what its volume has left: MPI-IO does not say that a disk is full. */
static status_t name_failure(const char *partial, status_t failure)
{
    if (!failure)
        return STATUS_OK;
    status_t named = status_new((enum status_code)failure->code, "%s: %s; %.1f MB free", partial,
                                failure->message, 1e-6 * free_bytes(partial));
    status_free(failure);
    return named;
}

static status_t close_file(struct writer *writer, status_t status)
{
    /* On every rank its own part to the disk: a server or a quota may refuse only here. */
    if (!status && H5Fflush(writer->file, H5F_SCOPE_GLOBAL) < 0)
        status = h5_failure(EXIT_IO_ERROR, "writing to the disk failed");
    const hid_t handles[] = {writer->features, writer->ids, writer->truth, writer->sizes, writer->file};
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++)
        if (!h5_close(handles[i]) && !status)
            status = h5_failure(EXIT_IO_ERROR, "closing failed");
    return status;
}

static status_t fill_file(struct writer *writer, struct comm *comm, struct log *log, const char *partial,
                          const char *generator)
{
    status_t status = h5_create_parallel(comm, partial, &writer->file);
    if (status)
        return status;
    status = comm_agree(comm, create_datasets(writer, generator));
    if (!status)
        status = write_rows(writer, comm, log);
    return name_failure(partial, comm_agree(comm, close_file(writer, status)));
}

static status_t write_file(struct comm *comm, struct log *log, const struct synthetic_settings *settings,
                           const char *partial, const char *generator)
{
    const hid_t none = H5I_INVALID_HID;
    struct writer writer = {settings, .file = none, .value_type = none, .id_type = none};
    writer.features = writer.ids = writer.truth = writer.sizes = none;
    status_t status = open_types(&writer);
    if (!status)
        status = open_buffers(&writer);
    status = comm_agree(comm, status);
    if (!status)
        status = fill_file(&writer, comm, log, partial, generator);
    h5_close(writer.value_type);
    h5_close(writer.id_type);
    synthetic_model_free(&writer.model);
    free(writer.row);
    free(writer.values);
    free(writer.id);
    free(writer.segment);
    free(writer.size);
    return status;
}

status_t synthetic_write(struct comm *comm, struct log *log, const struct synthetic_settings *settings,
                         const char *path, const char *generator)
{
    char *partial = NULL;
    bool created = false;
    status_t status = STATUS_OK;
    if (asprintf(&partial, "%s.partial", path) < 0) {
        partial = NULL;
        status = status_new(EXIT_NO_MEMORY, "not enough memory for a file name");
    }
    if (!status && comm->rank == 0)
        status = prepare(path, partial, settings, &created);
    status = comm_agree(comm, status);
    if (!status) {
        log_phase_begin(log, "generate");
        status = write_file(comm, log, settings, partial, generator);
        log_phase_end(log);
    }
    comm->stop = NULL; /* from here on the job ends */
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? publish(partial, path) : STATUS_OK);
    if (status && created && unlink(partial) != 0)
        log_warning(log, "%s: cannot be removed: %s", partial, strerror(errno));
    free(partial);
    return status;
}
