#include "data/results_stability.h"

#include "data/h5.h"
#include "data/results_rows.h"

struct making {
    const struct partition *partition;
    shares_maker make;
    void *context;
};

static status_t make_rows(void *context, int64_t first, int64_t count, void *const *memory, int64_t *rows)
{
    const struct making *making = context;
    *rows = results_rows_of(making->partition, first, count);
    return making->make(making->context, first, count, memory[0]);
}

status_t results_write_membership(struct results_file *results, struct comm *comm,
                                  const struct partition *partition, shares_maker make, void *context)
{
    const struct rows_dataset dataset = {"/stability/membership",
                                         "share of replicates in which the customer stays; NaN: left out",
                                         H5T_IEEE_F32LE,
                                         H5T_NATIVE_FLOAT,
                                         4,
                                         0};
    struct making making = {partition, make, context};
    struct rows_job job = {.partition = partition,
                           .dataset = &dataset,
                           .datasets = 1,
                           .rows = partition->row_count,
                           .make = make_rows,
                           .context = &making};
    return results_write_rows(results->file, comm, &job);
}

status_t results_write_figures(struct results_file *results, const struct results_figure *figures,
                               int64_t count, const char *group, const struct results_attribute *attributes,
                               int64_t attribute_count)
{
    status_t status = STATUS_OK;
    for (int64_t i = 0; !status && i < count; i++)
        status = results_write_figure(results->file, &figures[i]);
    if (status || attribute_count == 0)
        return status;
    hid_t object = H5Gopen(results->file, group, H5P_DEFAULT);
    if (object < 0)
        return h5_write_failure(results->file, group);
    status = results_write_attributes(object, attributes, attribute_count);
    if (!h5_close(object))
        status = status_first(status, h5_write_failure(results->file, group));
    return status;
}
