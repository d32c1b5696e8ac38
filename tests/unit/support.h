/* What the unit tests share: starting under MPI, a directory for files, statuses as assertions, and customers
 * made in memory. Header only; every function is local unless marked collective. */
#ifndef LOHKO_TESTS_SUPPORT_H
#define LOHKO_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>

#include "core/comm.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/partition.h"
#include "core/random.h"
#include "data/customers.h"
#include "data/h5.h"
#include "data/prepare.h"

#define SUPPORT __attribute__((unused)) static

SUPPORT struct comm world;     /* all ranks */
SUPPORT struct comm alone;     /* this rank by itself */
SUPPORT struct log quiet;      /* says nothing */
SUPPORT char directory[256];   /* for files: the same on all ranks, removed at the end */
SUPPORT char path_memory[512]; /* of path_to */

/* ---- statuses as assertions ---- */

SUPPORT void expect_ok(status_t status, const char *file, int line)
{
    if (!status)
        return;
    print_error("status %d: %s\n", status->code, status->message);
    status_free(status);
    _fail(file, line);
}

/* Fails unless `status` has the code and a message that holds `part`; frees it. */
SUPPORT void expect_failure(status_t status, int code, const char *part, const char *file, int line)
{
    if (status && status->code == code && strstr(status->message, part)) {
        status_free(status);
        return;
    }
    print_error("expected status %d with \"%s\", got %d: %s\n", code, part, status ? status->code : 0,
                status ? status->message : "success");
    status_free(status);
    _fail(file, line);
}

#define assert_ok(status) expect_ok((status), __FILE__, __LINE__)
#define assert_failure(status, code, part) expect_failure((status), (code), (part), __FILE__, __LINE__)

SUPPORT void expect_double(double got, double expected, double tolerance, const char *file, int line)
{
    double difference = got > expected ? got - expected : expected - got;
    double size = expected < 0 ? -expected : expected;
    if (difference <= tolerance * size || got == expected)
        return;
    print_error("expected %.17g, got %.17g\n", expected, got);
    _fail(file, line);
}

/* Equal to within `tolerance` x |expected|. */
#define assert_close(got, expected, tolerance)                                                               \
    expect_double((got), (expected), (tolerance), __FILE__, __LINE__)

/* ---- start and end ---- */

SUPPORT int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* The path of a file in the tests' directory; valid until the next call. */
SUPPORT const char *path_to(const char *name)
{
    snprintf(path_memory, sizeof path_memory, "%s/%s", directory, name);
    return path_memory;
}

/* Collective. */
SUPPORT int make_directory(void)
{
    const char *base = getenv("TMPDIR");
    if (world.rank == 0) {
        snprintf(directory, sizeof directory, "%s/lohko-test-XXXXXX", base && base[0] ? base : P_tmpdir);
        if (!mkdtemp(directory))
            directory[0] = '\0';
    }
    status_t status = comm_broadcast(&world, directory, sizeof directory);
    int failed = status || directory[0] == '\0';
    status_free(status);
    return failed;
}

/* Runs the tests of a file on all ranks; what main returns. Collective. */
SUPPORT int run_all(int *argc, char ***argv, const char *name, const struct CMUnitTest *tests, size_t count)
{
    if (MPI_Init(argc, argv) != MPI_SUCCESS)
        return 1;
    status_t status = status_first(comm_open(&world, MPI_COMM_WORLD), comm_open(&alone, MPI_COMM_SELF));
    status = status_first(status, h5_start());
    if (status || make_directory())
        return 1;
    log_open(&quiet, 1, LOG_QUIET);
    int failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    status_free(comm_agree(&world, STATUS_OK)); /* nobody is still using the files */
    if (world.rank == 0 && nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0)
        failed++;
    comm_close(&alone);
    comm_close(&world);
    return MPI_Finalize() == MPI_SUCCESS ? failed : 1;
}

#define TESTS_MAIN(name, tests)                                                                              \
    int main(int argc, char **argv)                                                                          \
    {                                                                                                        \
        return run_all(&argc, &argv, name, tests, sizeof(tests) / sizeof((tests)[0]));                       \
    }

/* ---- customers in memory ---- */

static const double SAMPLE_QUANTUM = 0x1p-16;

/* Value of customer `row`, any rank alike; rounded to SAMPLE_QUANTUM. */
typedef double (*sample_value)(int64_t row, int64_t feature);
typedef bool (*sample_mark)(int64_t row);

/* Customers of one communicator, as customers_load would leave them, and all values on every rank. */
struct sample {
    struct customers customers;
    struct preparation preparation;
    uint16_t *left_out;
    float *all;   /* rows x features */
    bool *is_out; /* rows */
};

SUPPORT float sample_round(double value)
{
    return (float)(__builtin_rint(value / SAMPLE_QUANTUM) * SAMPLE_QUANTUM + 0.0);
}

SUPPORT void sample_fill(struct sample *sample)
{
    struct customers *customers = &sample->customers;
    const struct partition *part = &customers->partition;
    int64_t features = customers->features;
    if (part->block_count == 0)
        return;
    memset(sample->left_out, 0xff, (size_t)(part->block_count * BLOCK_TILES) * sizeof(uint16_t));
    for (int64_t i = 0; i < part->row_count; i++) {
        int64_t row = part->first_row + i;
        if (sample->is_out[row])
            continue;
        sample->left_out[i / TILE_ROWS] &= (uint16_t) ~(1U << (i % TILE_ROWS));
        double *square = customers->squares + i / BLOCK_ROWS * 2;
        for (int64_t f = 0; f < features; f++) {
            float value = sample->all[row * features + f];
            customers->tiles[(i / TILE_ROWS * features + f) * TILE_ROWS + i % TILE_ROWS] = value;
            double term = (double)value * (double)value;
            double sum = square[0] + term;
            square[1] += square[0] - sum + term; /* values keep to a range in which nothing is lost here */
            square[0] = sum;
        }
    }
}

SUPPORT double sample_variance(const struct sample *sample, int64_t rows, int64_t features)
{
    double total = 0.0;
    for (int64_t f = 0; f < features; f++) {
        double sum = 0.0;
        double squares = 0.0;
        int64_t used = sample->customers.used;
        for (int64_t row = 0; row < rows; row++) {
            double value = sample->is_out[row] ? 0.0 : (double)sample->all[row * features + f];
            sum += value;
            squares += value * value;
        }
        total += (squares - sum * sum / (double)used) / (double)used;
    }
    return total / (double)features;
}

/* `out` marks customers that take no part; NULL for none. */
SUPPORT void sample_open(struct sample *sample, struct comm *comm, int64_t rows, int64_t features,
                         sample_value value, sample_mark out)
{
    *sample = (struct sample){
        .customers = {.comm = comm, .log = &quiet, .kernels = kernels_choose(), .features = features}};
    struct customers *customers = &sample->customers;
    assert_non_null(customers->kernels);
    customers->partition = partition_of(rows, comm->rank, comm->size);
    int64_t blocks = customers->partition.block_count;
    assert_ok(memory_new(&sample->all, rows * features, sizeof *sample->all, "test values"));
    assert_ok(memory_new(&sample->is_out, rows, sizeof *sample->is_out, "test marks"));
    assert_ok(memory_new(&sample->left_out, blocks * BLOCK_TILES, sizeof *sample->left_out, "test marks"));
    assert_ok(memory_new(&customers->tiles, blocks * BLOCK_ROWS * features, sizeof(float), "test tiles"));
    assert_ok(memory_new(&customers->squares, 2 * blocks, sizeof(double), "test squares"));
    assert_ok(memory_new(&sample->preparation.feature, features, sizeof *sample->preparation.feature,
                         "test preparation"));
    customers->left_out = sample->left_out;
    for (int64_t row = 0; row < rows; row++) {
        sample->is_out[row] = out && out(row);
        customers->used += !sample->is_out[row];
        for (int64_t f = 0; f < features; f++)
            sample->all[row * features + f] = sample_round(value(row, f));
    }
    sample->preparation.count = features;
    for (int64_t f = 0; f < features; f++)
        sample->preparation.feature[f].quantum = SAMPLE_QUANTUM;
    sample_fill(sample);
    customers->mean_variance = sample_variance(sample, rows, features);
}

SUPPORT void sample_close(struct sample *sample)
{
    customers_free(&sample->customers);
    free(sample->preparation.feature);
    free(sample->left_out);
    free(sample->all);
    free(sample->is_out);
}

/* Squared distance of customer `row` to a centroid, plainly. */
SUPPORT double sample_distance(const struct sample *sample, int64_t row, const double *centroid)
{
    int64_t features = sample->customers.features;
    double sum = 0.0;
    for (int64_t f = 0; f < features; f++) {
        double difference = (double)sample->all[row * features + f] - centroid[f];
        sum = __builtin_fma(difference, difference, sum);
    }
    return sum;
}

/* The nearest of k centroids, the lowest number on a tie; -1 for a customer left out. */
SUPPORT int32_t sample_nearest(const struct sample *sample, int64_t row, const double *centroid, int64_t k)
{
    int32_t nearest = -1;
    double least = 0.0;
    for (int64_t h = 0; h < k && !sample->is_out[row]; h++) {
        double distance = sample_distance(sample, row, centroid + h * sample->customers.features);
        if (nearest < 0 || distance < least) {
            nearest = (int32_t)h;
            least = distance;
        }
    }
    return nearest;
}

/* Sum of squared distances to the nearest of k centroids, directly. */
SUPPORT double sample_inertia(const struct sample *sample, const double *centroid, int64_t k)
{
    __float128 sum = 0;
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        int32_t nearest = sample_nearest(sample, row, centroid, k);
        if (nearest >= 0)
            sum += (__float128)sample_distance(sample, row, centroid + nearest * sample->customers.features);
    }
    return (double)sum;
}

/* Uniform in [0, 1), keyed. */
SUPPORT double uniform(uint64_t seed, int64_t row, int64_t index)
{
    return random_uniform(seed, RANDOM_GENERATE_VALUE, row, (uint32_t)index);
}

#endif
