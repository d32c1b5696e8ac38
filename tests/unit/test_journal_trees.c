/* ranks: 1 2 3 7 */
/* Micro-clusters, trees of customers, and trees of replicates, stopped here and there: they go on from the
 * journal, on any number of ranks, and find the same as if nothing had happened. */
#include "checkpoints.h"
#include "retrees.h"

enum { TREES = 2, CUTS = 2 };

static const int64_t clusters[CUTS] = {3, 7};
static const struct weighting weightings[TREES] = {{WEIGHTING_REPLICATE, 7, 0},
                                                   {WEIGHTING_SECOND_HALF, 7, 1}};

struct found {
    struct hierarchy_result result;
    int32_t *leaf;           /* of all rows */
    int32_t *segment[TREES]; /* CUTS x leaves */
    int64_t *weight[TREES];
};

struct growing {
    struct sample sample[2]; /* on all ranks, on one */
    struct hierarchy_settings settings;
    struct found expected;
    struct found found;
};

static status_t grow_again(const struct customers *customers, const struct growing *growing,
                           const struct preparation *preparation, struct found *found)
{
    struct retree retree;
    status_t status = retree_open(&retree, customers, preparation, growing->settings.linkage, &found->result);
    for (int t = 0; !status && t < TREES; t++) {
        found->segment[t] = calloc((size_t)(CUTS * found->result.leaves), sizeof *found->segment[t]);
        found->weight[t] = calloc((size_t)found->result.leaves, sizeof *found->weight[t]);
        assert_true(found->segment[t] && found->weight[t]);
        status = retree_grow(&retree, &weightings[t], CUTS, clusters, found->segment[t], found->weight[t]);
    }
    retree_close(&retree);
    return status;
}

static status_t grow_once(void *context, int who)
{
    struct growing *growing = context;
    const struct sample *sample = &growing->sample[who];
    struct found *found = &growing->found;
    const struct partition *part = &sample->customers.partition;
    int64_t bytes = 0;
    *found = (struct found){.leaf = NULL};
    status_t status =
        hierarchy_run(&sample->customers, &sample->preparation, &growing->settings, &found->result);
    if (!status)
        status = grow_again(&sample->customers, growing, &sample->preparation, found);
    if (status)
        return status;
    int32_t *own = numbers_plain(&found->result.leaf);
    status = comm_gather_all(sample->customers.comm, own, part->row_count * (int64_t)sizeof *own,
                             (void **)&found->leaf, &bytes);
    free(own);
    return status;
}

static void check_reals(const double *a, const double *b, int64_t count)
{
    assert_true((a == NULL) == (b == NULL));
    if (a)
        assert_memory_equal(a, b, (size_t)count * sizeof *a);
}

static void check_found(void *context)
{
    const struct growing *growing = context;
    const struct found *found = &growing->found;
    const struct found *expected = &growing->expected;
    const struct hierarchy_result *a = &found->result;
    const struct hierarchy_result *b = &expected->result;
    int64_t rows = growing->sample[1].customers.partition.rows;
    assert_true(a->leaves == b->leaves && a->distinct == b->distinct && a->inertia == b->inertia);
    assert_int_equal(a->work.rounds, b->work.rounds);
    assert_memory_equal(found->leaf, expected->leaf, (size_t)rows * sizeof *found->leaf);
    check_reals(a->leaf_centroid, b->leaf_centroid, a->leaves * FEATURES);
    check_reals(a->leaf_place, b->leaf_place, a->leaves * FEATURES);
    if (a->leaf_size)
        assert_memory_equal(a->leaf_size, b->leaf_size, (size_t)a->leaves * sizeof *a->leaf_size);
    if (a->tree.linkage)
        check_reals(a->tree.linkage, b->tree.linkage, 4 * (a->leaves - 1));
    for (int t = 0; t < TREES; t++) {
        assert_memory_equal(found->segment[t], expected->segment[t],
                            (size_t)(CUTS * a->leaves) * sizeof *found->segment[t]);
        assert_memory_equal(found->weight[t], expected->weight[t],
                            (size_t)a->leaves * sizeof *found->weight[t]);
    }
}

static void forget_found(void *context)
{
    struct found *found = &((struct growing *)context)->found;
    hierarchy_free(&found->result);
    free(found->leaf);
    for (int t = 0; t < TREES; t++) {
        free(found->segment[t]);
        free(found->weight[t]);
    }
    *found = (struct found){.leaf = NULL};
}

/* `lost`: collectives of opening, of a round, and of what is not kept: walks over the customers. */
static void check_growing(const struct hierarchy_settings *settings, int64_t rows, sample_value value,
                          sample_mark out, int64_t stops, int64_t stride)
{
    struct growing growing = {.settings = *settings};
    struct stopping job = {grow_once, check_found, forget_found, &growing, .stops = stops, .lost = 400};
    sample_open(&growing.sample[0], &world, rows, FEATURES, value, out);
    sample_open(&growing.sample[1], &alone, rows, FEATURES, value, out);
    assert_ok(grow_once(&growing, 1));
    growing.expected = growing.found;
    static const char *const steps[] = {"micro-clusters", "tree", "tree", "tree", NULL};
    stopping_everywhere(&job);
    checkpoints_everywhere(&job, stride, settings->every_customer ? steps + 1 : steps);
    growing.found = growing.expected;
    forget_found(&growing);
    sample_close(&growing.sample[0]);
    sample_close(&growing.sample[1]);
}

/* 77 places. */
static double few_places(int64_t row, int64_t feature)
{
    return feature == 0 ? (double)(row % 7) : (double)(row % 11);
}

static double a_place_a_block(int64_t row, int64_t feature)
{
    return (double)(row / BLOCK_ROWS * (feature + 1));
}

static bool some(int64_t row)
{
    return row % 3 == 0 || row / BLOCK_ROWS == 1;
}

static void micro_clusters_go_on(void **state)
{
    (void)state;
    struct hierarchy_settings settings = micro_clusters(60);
    check_growing(&settings, 3000, scattered, some, 6, 1);
    settings = micro_clusters(3); /* ends when few change their leaf */
    check_growing(&settings, 3000, scattered, NULL, 6, 1);
    settings = micro_clusters(300); /* of which there are not as many */
    check_growing(&settings, 3000, few_places, NULL, 6, 1);
}

/* Different customers from outside of the first sample are needed. */
static void a_larger_sample_goes_on(void **state)
{
    (void)state;
    struct hierarchy_settings settings = micro_clusters(70);
    check_growing(&settings, 70 * BLOCK_ROWS, a_place_a_block, NULL, 4, 1);
}

static void trees_of_customers_go_on(void **state)
{
    (void)state;
    for (int l = 0; l < LINKAGES; l++) {
        struct hierarchy_settings settings = every_customer(linkages[l]);
        check_growing(&settings, 700, l % 2 ? grid : shared_places, most, 4, 5);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(micro_clusters_go_on),
    cmocka_unit_test(a_larger_sample_goes_on),
    cmocka_unit_test(trees_of_customers_go_on),
};

TESTS_MAIN("journal_trees", tests)
