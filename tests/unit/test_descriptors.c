/* ranks: 1 3 */
/* Whatever a file holds, what was opened is closed: descriptors of the system and handles of HDF5. */
#include <dirent.h>
#include <sys/stat.h>

#include "data/labelled.h"
#include "data/saved_model.h"
#include "data/source.h"
#include "support.h"

enum { TIMES = 30, ROWS = 40 };

static int open_descriptors(void)
{
    int count = 0;
    DIR *open = opendir("/proc/self/fd");
    assert_non_null(open);
    while (readdir(open))
        count++;
    assert_int_equal(closedir(open), 0);
    return count;
}

static void write_dataset(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dimensions,
                          const void *values)
{
    hid_t dataset = H5I_INVALID_HID;
    assert_ok(h5_create_dataset(file, name, type, rank, dimensions, &dataset));
    if (values)
        assert_ok(h5_write_rows(dataset, type, 0, (int64_t)dimensions[0], values));
    assert_true(h5_close(dataset));
}

/* A matrix, ids of variable length and labels; `harm` says what is wrong with it. Collective. */
static void write_file(const char *path, const char *harm)
{
    const hsize_t shape[2] = {ROWS, 2};
    const hsize_t wrong[2] = {ROWS - 1, 2};
    double values[ROWS * 2];
    const char *id[ROWS];
    int32_t label[ROWS];
    char text[ROWS][24];
    hid_t file = H5I_INVALID_HID;
    hid_t type = H5Tcopy(H5T_C_S1);
    for (int i = 0; i < ROWS; i++) {
        values[2 * i] = values[2 * i + 1] = i;
        label[i] = i % 3;
        snprintf(text[i], sizeof text[i], "customer %d", i);
        id[i] = text[i];
    }
    assert_true(H5Tset_size(type, H5T_VARIABLE) >= 0);
    if (world.rank == 0) {
        file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        assert_true(file >= 0);
        write_dataset(file, "/features", H5T_NATIVE_DOUBLE, strcmp(harm, "rank") == 0 ? 1 : 2, shape,
                      strcmp(harm, "rank") == 0 ? NULL : values);
        if (strcmp(harm, "ids") == 0)
            write_dataset(file, "/customer_id", H5T_NATIVE_DOUBLE, 1, wrong, NULL);
        else
            write_dataset(file, "/customer_id", type, 1, shape, id);
        write_dataset(file, "/segment", H5T_NATIVE_INT32, 1, shape, label);
        assert_true(h5_close(file));
    }
    assert_true(h5_close(type));
    if (world.rank == 0 && strcmp(harm, "cut") == 0)
        assert_int_equal(truncate(path, 900), 0);
    assert_ok(comm_agree(&world, STATUS_OK));
}

/* Opens the file in each of the ways, and closes it again; what failed is freed. Collective. */
static void open_all_ways(const char *path)
{
    const struct label_places places = {0};
    struct source source;
    struct labelled labelled;
    struct saved_model model = {0};
    status_free(source_open(&world, path, NULL, NULL, &source));
    source_close(&source);
    status_free(labelled_open(&world, &quiet, path, &places, &labelled));
    labelled_close(&labelled);
    status_free(saved_model_read(&world, path, &model));
    saved_model_free(&model);
}

static void nothing_stays_open(void **state)
{
    static const char *const harm[] = {"none", "rank", "ids", "cut"};
    char path[512];
    (void)state;
    for (size_t h = 0; h < sizeof harm / sizeof *harm; h++) {
        snprintf(path, sizeof path, "%s", path_to(harm[h]));
        write_file(path, harm[h]);
        open_all_ways(path); /* the first time the libraries may open what they keep */
        int before = open_descriptors();
        ssize_t handles = H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL);
        for (int i = 0; i < TIMES; i++)
            open_all_ways(path);
        assert_int_equal(open_descriptors(), before);
        assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), handles);
        assert_int_equal(handles, 0);
    }
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_stays_open)};

TESTS_MAIN("descriptors", tests)
