#include "data/results_dataset.h"

#include "data/h5.h"

struct dataset {
    const char *name;
    const char *unit;
    hid_t file_type;
    hid_t memory_type;
    int rank;
    hsize_t dimensions[3];
};

static status_t write_dataset(hid_t file, const struct dataset *wanted, const void *values,
                              const char *const *column_names)
{
    hid_t dataset = H5I_INVALID_HID;
    status_t status =
        h5_create_dataset(file, wanted->name, wanted->file_type, wanted->rank, wanted->dimensions, &dataset);
    if (!status && H5Dwrite(dataset, wanted->memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        status = h5_write_failure(file, wanted->name);
    if (!status)
        status = h5_write_text(dataset, "unit", wanted->unit);
    if (!status && column_names)
        status = h5_write_texts(dataset, "feature_names", column_names,
                                (int64_t)wanted->dimensions[wanted->rank - 1]);
    if (!h5_close(dataset))
        status = status_first(status, h5_write_failure(file, wanted->name));
    return status;
}

status_t results_write_figure(hid_t file, const struct results_figure *figure)
{
    struct dataset dataset = {figure->name, figure->unit, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 0, {0, 0, 0}};
    if (!figure->real) {
        dataset.file_type = H5T_STD_I64LE;
        dataset.memory_type = H5T_NATIVE_INT64;
    }
    while (dataset.rank < 3 && (dataset.rank == 0 || figure->dimensions[dataset.rank] > 0)) {
        dataset.dimensions[dataset.rank] = (hsize_t)figure->dimensions[dataset.rank];
        dataset.rank++;
    }
    return write_dataset(file, &dataset, figure->real ? (const void *)figure->real : figure->whole, NULL);
}

status_t results_write_real(hid_t file, const char *name, const char *unit, int64_t rows, int64_t columns,
                            const double *values, const char *const *column_names)
{
    struct dataset dataset = {name,
                              unit,
                              H5T_IEEE_F64LE,
                              H5T_NATIVE_DOUBLE,
                              columns > 0 ? 2 : 1,
                              {(hsize_t)rows, (hsize_t)columns, 0}};
    return write_dataset(file, &dataset, values, column_names);
}

status_t results_write_whole(hid_t file, const char *name, const char *unit, int64_t rows,
                             const int64_t *values)
{
    struct dataset dataset = {name, unit, H5T_STD_I64LE, H5T_NATIVE_INT64, 1, {(hsize_t)rows, 0, 0}};
    return write_dataset(file, &dataset, values, NULL);
}

status_t results_write_names(hid_t file, const char *name, const char *const *texts, int64_t count)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    status_t status = STATUS_OK;
    if (type < 0 || H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)
        status = h5_failure(EXIT_INTERNAL, "%s: no type for text", name);
    struct dataset dataset = {name, "name", type, type, 1, {(hsize_t)count, 0, 0}};
    if (!status)
        status = write_dataset(file, &dataset, texts, NULL);
    h5_close(type);
    return status;
}

status_t results_write_attributes(hid_t object, const struct results_attribute *attributes, int64_t count)
{
    status_t status = STATUS_OK;
    for (int64_t a = 0; !status && a < count; a++) {
        const struct results_attribute *attribute = &attributes[a];
        if (attribute->text)
            status = h5_write_text(object, attribute->name, attribute->text);
        else if (attribute->whole)
            status = h5_write_number(object, attribute->name, H5T_NATIVE_INT64, &attribute->integer);
        else
            status = h5_write_number(object, attribute->name, H5T_NATIVE_DOUBLE, &attribute->real);
    }
    return status;
}
