/* ranks: 1 2 3 7 */
/* Trees with other weights of customers against those that there are without weights: of all customers, and
 * of a file that holds a half of them; means that weigh nothing; what one tree leaves to the next; failures.
 */
#include "retrees.h"

/* ---- trees that there are without weights ---- */

static void check_equal_weights(sample_value value, const struct hierarchy_settings *settings)
{
    static const struct weighting equal = {WEIGHTING_ONE, 1, 0};
    static const int64_t clusters[] = {1, 2, 3, 7, 20, 29};
    struct run all;
    int32_t cut[MOST];
    open_run(&all, &world, ROWS, value, most, settings);
    struct grown grown = grow(&all, &equal, 6, clusters);
    for (int64_t c = 0; c < 6; c++) {
        assert_ok(hierarchy_cut(&world, &all.result, clusters[c], cut));
        assert_memory_equal(cut, grown.segment + c * grown.leaves, (size_t)grown.leaves * sizeof *cut);
    }
    drop(&grown);
    close_run(&all);
}

/* Ties and all. */
static void all_weigh_one_and_nothing_changes(void **state)
{
    (void)state;
    struct hierarchy_settings micro = micro_clusters(30);
    for (int i = 0; i < LINKAGES; i++) {
        struct hierarchy_settings every = every_customer(linkages[i]);
        check_equal_weights(scattered, &every);
        check_equal_weights(shared_places, &every);
        check_equal_weights(grid, &every);
    }
    check_equal_weights(scattered, &micro);
    check_equal_weights(grid, &micro);
}

enum { MANY = 2500 };

static const struct weighting half = {WEIGHTING_SECOND_HALF, 11, 2};

static bool not_in_half(int64_t row)
{
    float weight[KERNEL_LANES];
    weighting_tile(&half, kernels_choose(), row - row % KERNEL_LANES, weight);
    return row % 7 == 3 || weight[row % KERNEL_LANES] == 0.0F;
}

static bool one_in_seven(int64_t row)
{
    return row % 7 == 3;
}

static double fine_grid(int64_t row, int64_t feature)
{
    return floor((feature == 0 ? 60 : 40) * uniform(21, row, feature)) / 8;
}

static double many_scattered(int64_t row, int64_t feature)
{
    return 10 * uniform(4, row % 50, feature) + uniform(2, row, feature);
}

/* The tree of a half is that of a file that holds nobody else. */
static void check_half(sample_value value, int64_t rows, enum linkage linkage)
{
    static const int64_t clusters[] = {1, 2, 5, 40, 150};
    struct hierarchy_settings settings = every_customer(linkage);
    struct run all;
    struct run part;
    int32_t *cut = calloc((size_t)rows, sizeof *cut);
    assert_non_null(cut);
    open_run(&all, &world, rows, value, one_in_seven, &settings);
    open_run(&part, &world, rows, value, not_in_half, &settings);
    struct grown grown = grow(&all, &half, 5, clusters);
    for (int64_t c = 0; c < 5; c++) {
        int64_t next = 0;
        assert_ok(hierarchy_cut(&world, &part.result, clusters[c], cut));
        for (int64_t i = 0; i < grown.leaves; i++) {
            if (grown.weight[i] > 0)
                assert_int_equal(grown.segment[c * grown.leaves + i], cut[next++]);
        }
        assert_int_equal(next, part.result.leaves);
    }
    if (world.rank == 0 && world.size <= 2) {
        struct run one;
        open_run(&one, &alone, rows, value, one_in_seven, &settings);
        find_leaves(&one, &half, &grown);
        check_numbers(&grown, count_points(&grown, true));
        free(place);
        close_run(&one);
    }
    drop(&grown);
    close_run(&all);
    close_run(&part);
    free(cut);
}

static void a_half_is_a_file_of_its_own(void **state)
{
    (void)state;
    check_half(many_scattered, MANY, LINKAGE_WARD);
    check_half(fine_grid, MANY, LINKAGE_WARD);
    check_half(fine_grid, MANY, LINKAGE_SINGLE);
    check_half(fine_grid, 900, LINKAGE_AVERAGE);
    check_half(fine_grid, 900, LINKAGE_COMPLETE);
}

/* ---- means ---- */

static double unused(int64_t row, int64_t feature)
{
    (void)row;
    (void)feature;
    return 0.0;
}

/* Means that a coarse grid would move: trees use the sums, which are on it, and searches the means. The last
 * leaf has nobody. */
static void sums_are_on_the_grid_and_means_where_they_are(void **state)
{
    (void)state;
    static const struct weighting equal = {WEIGHTING_ONE, 1, 0};
    static const int64_t clusters[] = {2, 3};
    double mean[] = {0, 1.4, 2.55, 1.99};
    static const int32_t label[] = {0, 1, 2};
    struct sample sample;
    struct retree retree;
    int32_t segment[8];
    int64_t weight[4];
    sample_open(&sample, &world, 3, 1, unused, NULL);
    sample.preparation.feature[0].quantum = 1.0;
    struct hierarchy_result tree = {.leaves = 4, .features = 1, .leaf_centroid = mean};
    const struct partition *part = &sample.customers.partition;
    tree.leaf = numbers_packed(label, part->row_count, part->block_count, 4);
    assert_ok(retree_open(&retree, &sample.customers, &sample.preparation, LINKAGE_WARD, &tree));
    assert_ok(retree_grow(&retree, &equal, 2, clusters, segment, weight));
    static const int32_t expected[] = {0, 0, 1, 1, 0, 1, 2, 2}; /* sums of 0, 1 and 3 */
    static const int64_t weights[] = {1, 1, 1, 0};
    assert_memory_equal(segment, expected, sizeof expected);
    assert_memory_equal(weight, weights, sizeof weights);
    retree_close(&retree);
    row_numbers_free(&tree.leaf);
    sample_close(&sample);
}

/* ---- the rest ---- */

/* One tree leaves nothing behind that changes the next, nor anything in the log. */
static void trees_do_not_depend_on_those_before(void **state)
{
    (void)state;
    static const struct weighting first = {WEIGHTING_REPLICATE, 3, 1};
    static const struct weighting other = {WEIGHTING_FIRST_HALF, 4, 9};
    static const int64_t clusters[] = {3, 11};
    struct log loud;
    struct log before;
    for (int i = 0; i <= LINKAGES; i++) {
        struct hierarchy_settings settings = i < LINKAGES ? every_customer(linkages[i]) : micro_clusters(90);
        struct run run;
        open_run(&run, &world, ROWS, scattered, most, &settings);
        log_open(&loud, 0, LOG_VERBOSE);
        loud.last_progress = -1e9;
        memcpy(&before, &loud, sizeof loud);
        run.sample.customers.log = &loud;
        struct grown one = grow(&run, &first, 2, clusters);
        struct grown two = grow(&run, &other, 2, clusters);
        struct grown again = grow(&run, &first, 2, clusters);
        check_alike(&one, &again);
        assert_true(memcmp(one.weight, two.weight, (size_t)one.leaves * sizeof *one.weight) != 0);
        assert_memory_equal(&loud, &before, sizeof loud);
        drop(&one);
        drop(&two);
        drop(&again);
        close_run(&run);
    }
}

/* A rank that cannot go on takes the others with it. */
static void a_failure_is_everyones(void **state)
{
    (void)state;
    static const struct weighting weighting = {WEIGHTING_REPLICATE, 3, 1};
    static const int64_t clusters[] = {3};
    struct hierarchy_settings settings = every_customer(LINKAGE_WARD);
    struct run run;
    struct retree other;
    int32_t segment[MOST];
    int64_t weight[MOST];
    open_run(&run, &world, ROWS, scattered, most, &settings);
    if (world.rank == world.size - 1)
        setenv("LOHKO_VECTORS", "none", 1);
    assert_failure(retree_grow(&run.retree, &weighting, 1, clusters, segment, weight), EXIT_BAD_USAGE,
                   "LOHKO_VECTORS");
    assert_failure(
        retree_open(&other, &run.sample.customers, &run.sample.preparation, LINKAGE_WARD, &run.result),
        EXIT_BAD_USAGE, "LOHKO_VECTORS");
    unsetenv("LOHKO_VECTORS");
    retree_close(&other);
    assert_ok(retree_grow(&run.retree, &weighting, 1, clusters, segment, weight));
    close_run(&run);
}

static void bytes_that_are_asked_for(void **state)
{
    (void)state;
    struct hierarchy_settings ward = every_customer(LINKAGE_WARD);
    struct hierarchy_settings average = every_customer(LINKAGE_AVERAGE);
    struct hierarchy_settings leaves = micro_clusters(4096);
    double n = 1e6;
    double points = retree_bytes(&ward, (int64_t)n, 16, 10, 4, 2);
    double matrix = retree_bytes(&average, (int64_t)n, 16, 10, 4, 2);
    double micro = retree_bytes(&leaves, (int64_t)n, 16, 10, 4, 2);
    assert_true(matrix > n * n * sizeof(float) / 4 && matrix < 1.3 * n * n * sizeof(double) / 4);
    assert_true(points > n * 16 * sizeof(double) / 2 && points < 1000 * n);
    assert_true(micro > 4096.0 * 16 * sizeof(double) / 2 && micro < points / 100);
    double more = retree_bytes(&ward, (int64_t)n, 16, 110, 4, 2) - points;
    assert_close(more, 100 * n * 2 * sizeof(int32_t), 1e-9); /* of a tree, and in the journal */
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(all_weigh_one_and_nothing_changes),
    cmocka_unit_test(a_half_is_a_file_of_its_own),
    cmocka_unit_test(sums_are_on_the_grid_and_means_where_they_are),
    cmocka_unit_test(trees_do_not_depend_on_those_before),
    cmocka_unit_test(a_failure_is_everyones),
    cmocka_unit_test(bytes_that_are_asked_for),
};

TESTS_MAIN("retree_halves", tests)
