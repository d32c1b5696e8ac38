/* ranks: 1 2 3 7 */
/* Trees over customers by both routes, all linkages, against the definition; cuts; what is refused. */
#include "cluster/hierarchy.h"

#include <math.h>

#include "numbers.h"

enum { ROWS = 1500, FEATURES = 2, MOST = 320 };

static double clouds(int64_t row, int64_t feature)
{
    return 30 * uniform(4, row % 5, feature) + uniform(2, row, feature);
}

static double few_places(int64_t row, int64_t feature)
{
    return feature == 0 ? (double)(row % 4) : (double)(row % 9) * 1.25;
}

static double all_alike(int64_t row, int64_t feature)
{
    (void)row;
    return (double)feature;
}

static bool most(int64_t row)
{
    return row % 12 != 5;
}

static bool all_but_one(int64_t row)
{
    return row != 700;
}

static bool all_but_two(int64_t row)
{
    return row != 3 && row != 1400;
}

/* ---- runs ---- */

struct run {
    struct sample sample;
    struct hierarchy_result result;
};

static status_t run_on(struct run *run, struct comm *comm, sample_value value, sample_mark out,
                       const struct hierarchy_settings *settings)
{
    sample_open(&run->sample, comm, ROWS, FEATURES, value, out);
    return hierarchy_run(&run->sample.customers, &run->sample.preparation, settings, &run->result);
}

static void finish(struct run *run)
{
    hierarchy_free(&run->result);
    assert_null(run->result.leaf.number);
    sample_close(&run->sample);
}

static struct hierarchy_settings every_customer(enum linkage linkage)
{
    return (struct hierarchy_settings){.linkage = linkage, .every_customer = true, .seed = 1};
}

static struct hierarchy_settings micro_clusters(int64_t leaves, bool fewer)
{
    return (struct hierarchy_settings){.linkage = LINKAGE_WARD, .leaves = leaves, .fewer = fewer, .seed = 1};
}

/* ---- the twin: distances between clusters by the formulas of Lance and Williams ---- */

static double apart[2 * MOST][2 * MOST];
static double weight[2 * MOST]; /* customers; 0: not a cluster, or not any more */
static double leaf_place[MOST][FEATURES];

static double combined(enum linkage linkage, int64_t a, int64_t b, int64_t c)
{
    double x = apart[a][c];
    double y = apart[b][c];
    double all = weight[a] + weight[b] + weight[c];
    switch (linkage) {
    case LINKAGE_SINGLE:
        return fmin(x, y);
    case LINKAGE_COMPLETE:
        return fmax(x, y);
    case LINKAGE_AVERAGE:
        return (weight[a] * x + weight[b] * y) / (weight[a] + weight[b]);
    case LINKAGE_WARD:
    default:
        return sqrt(fmax(0.0, ((weight[a] + weight[c]) * x * x + (weight[b] + weight[c]) * y * y -
                               weight[c] * apart[a][b] * apart[a][b]) /
                                  all));
    }
}

static void begin_twin(enum linkage linkage, int64_t leaves)
{
    for (int64_t a = 0; a < leaves; a++) {
        for (int64_t b = 0; b < leaves; b++) {
            double square = 0.0;
            for (int64_t f = 0; f < FEATURES; f++)
                square += pow(leaf_place[a][f] - leaf_place[b][f], 2);
            double factor = linkage == LINKAGE_WARD ? 2 * weight[a] * weight[b] / (weight[a] + weight[b]) : 1;
            apart[a][b] = sqrt(factor * square);
        }
    }
}

static double lowest(int64_t nodes)
{
    double least = (double)INFINITY;
    for (int64_t a = 0; a < nodes; a++) {
        for (int64_t b = 0; weight[a] > 0 && b < a; b++) {
            if (weight[b] > 0)
                least = fmin(least, apart[a][b]);
        }
    }
    return least;
}

/* Every row joins two clusters that are as near as any two are. */
static void check_tree(const struct dendrogram *tree, enum linkage linkage)
{
    double under[2 * MOST];
    begin_twin(linkage, tree->leaves);
    for (int64_t i = 0; i < tree->leaves; i++)
        under[i] = 1;
    for (int64_t row = 0; row + 1 < tree->leaves; row++) {
        const double *merge = tree->linkage + 4 * row;
        int64_t made = tree->leaves + row;
        int64_t a = (int64_t)merge[0];
        int64_t b = (int64_t)merge[1];
        assert_true(a >= 0 && a < b && b < made && weight[a] > 0 && weight[b] > 0);
        assert_true(fabs(merge[2] - apart[a][b]) <= 1e-9 * merge[2] + 1e-6);
        assert_true(fabs(merge[2] - lowest(made)) <= 1e-9 * merge[2] + 1e-6);
        assert_true(row == 0 || merge[2] >= merge[-2]);
        under[made] = under[a] + under[b];
        assert_true(merge[3] == under[made]);
        for (int64_t c = 0; c < made; c++)
            apart[made][c] = apart[c][made] = weight[c] > 0 ? combined(linkage, a, b, c) : 0.0;
        weight[made] = weight[a] + weight[b];
        weight[a] = weight[b] = 0.0;
    }
}

/* ---- every customer ---- */

/* On the first rank the same as alone. */
static void check_alike(const struct run *all, const struct run *one)
{
    const struct hierarchy_result *a = &all->result;
    const struct hierarchy_result *b = &one->result;
    assert_true(a->leaves == b->leaves && a->distinct == b->distinct && a->inertia == b->inertia);
    assert_true(a->features == FEATURES && a->every_customer == b->every_customer);
    assert_int_equal(a->work.rounds, b->work.rounds);
    int64_t first = all->sample.customers.partition.first_row;
    int32_t *own = numbers_plain(&a->leaf);
    int32_t *expected = numbers_plain(&b->leaf);
    for (int64_t i = 0; i < all->sample.customers.partition.row_count; i++)
        assert_int_equal(own[i], expected[first + i]);
    free(own);
    free(expected);
    if (world.rank > 0) {
        assert_null(a->tree.linkage);
        return;
    }
    assert_int_equal(a->tree.leaves, b->tree.leaves);
    if (a->leaves > 1)
        assert_memory_equal(a->tree.linkage, b->tree.linkage, (size_t)(a->leaves - 1) * 4 * sizeof(double));
}

/* Leaves are customers in row order. Their number; those of the twin are filled in. */
static int64_t take_customers(const struct run *one)
{
    int64_t leaves = 0;
    int32_t *leaf = numbers_plain(&one->result.leaf);
    for (int64_t row = 0; row < ROWS; row++) {
        assert_int_equal(leaf[row], one->sample.is_out[row] ? -1 : leaves);
        if (one->sample.is_out[row])
            continue;
        weight[leaves] = 1.0;
        for (int64_t f = 0; f < FEATURES; f++)
            leaf_place[leaves][f] = (double)one->sample.all[row * FEATURES + f];
        leaves++;
    }
    free(leaf);
    return leaves;
}

static int64_t count_places(int64_t leaves)
{
    int64_t places = 0;
    for (int64_t i = 0; i < leaves; i++) {
        int64_t j = 0;
        while (leaf_place[i][0] != leaf_place[j][0] || leaf_place[i][1] != leaf_place[j][1])
            j++;
        places += i == j;
    }
    return places;
}

static void check_every_customer(sample_value value, sample_mark out, enum linkage linkage)
{
    struct run all;
    struct run one;
    struct hierarchy_settings settings = every_customer(linkage);
    assert_ok(run_on(&all, &world, value, out, &settings));
    assert_ok(run_on(&one, &alone, value, out, &settings));
    check_alike(&all, &one);
    memset(weight, 0, sizeof weight);
    int64_t leaves = take_customers(&one);
    assert_true(all.result.every_customer && all.result.leaves == leaves);
    assert_int_equal(all.result.distinct, count_places(leaves));
    assert_true(!all.result.leaf_centroid && !all.result.leaf_size && all.result.inertia == 0.0);
    if (world.rank == 0)
        check_tree(&all.result.tree, linkage);
    finish(&all);
    finish(&one);
}

static void every_customer_is_a_leaf(void **state)
{
    (void)state;
    static const enum linkage linkages[] = {LINKAGE_WARD, LINKAGE_AVERAGE, LINKAGE_COMPLETE, LINKAGE_SINGLE};
    for (int i = 0; i < 4; i++) {
        check_every_customer(clouds, most, linkages[i]);
        check_every_customer(few_places, most, linkages[i]);
        check_every_customer(all_alike, most, linkages[i]);
        check_every_customer(clouds, all_but_one, linkages[i]);
        check_every_customer(clouds, all_but_two, linkages[i]);
    }
}

/* ---- micro-clusters ---- */

static void check_micro_clusters(sample_value value, int64_t leaves, bool fewer, int64_t expected)
{
    struct run all;
    struct run one;
    struct hierarchy_settings settings = micro_clusters(leaves, fewer);
    assert_ok(run_on(&all, &world, value, most, &settings));
    assert_ok(run_on(&one, &alone, value, most, &settings));
    check_alike(&all, &one);
    const struct hierarchy_result *result = &all.result;
    assert_true(!result->every_customer && result->leaves == expected && result->distinct == expected);
    double sum[MOST][FEATURES] = {{0}};
    memset(weight, 0, sizeof weight);
    int32_t *leaf_of = numbers_plain(&one.result.leaf);
    for (int64_t row = 0; row < ROWS; row++) {
        int32_t leaf = leaf_of[row];
        assert_true(one.sample.is_out[row] ? leaf == -1 : leaf >= 0 && leaf < expected);
        for (int64_t f = 0; leaf >= 0 && f < FEATURES; f++)
            sum[leaf][f] += (double)one.sample.all[row * FEATURES + f];
        if (leaf >= 0)
            weight[leaf] += 1.0;
    }
    free(leaf_of);
    for (int64_t h = 0; h < expected; h++) {
        assert_true(weight[h] > 0 && (double)result->leaf_size[h] == weight[h]);
        for (int64_t f = 0; f < FEATURES; f++) {
            leaf_place[h][f] = sum[h][f] / weight[h];
            assert_true(result->leaf_centroid[h * FEATURES + f] == leaf_place[h][f]);
        }
    }
    if (world.rank == 0)
        check_tree(&result->tree, LINKAGE_WARD);
    finish(&all);
    finish(&one);
}

static void micro_clusters_are_leaves(void **state)
{
    (void)state;
    check_micro_clusters(clouds, 40, false, 40);
    check_micro_clusters(clouds, 1, false, 1);
    check_micro_clusters(clouds, 2, true, 2);
    check_micro_clusters(clouds, 125, false, 125); /* each customer one */
    check_micro_clusters(clouds, 126, true, 125);
    check_micro_clusters(few_places, 1000, true, 3);
}

static void more_leaves_than_customers(void **state)
{
    (void)state;
    static const int64_t leaves[] = {126, 1000000, 4};
    for (int i = 0; i < 3; i++) {
        struct run run;
        struct hierarchy_settings settings = micro_clusters(leaves[i], false);
        assert_failure(run_on(&run, &world, i < 2 ? clouds : few_places, most, &settings), EXIT_BAD_DATA,
                       i < 2 ? "125 customers are fewer than hierarchy.leaves = " : "hierarchy.leaves = 4");
        finish(&run);
    }
}

/* ---- cuts ---- */

/* Numbered by lowest leaf, and nested in the coarser one. */
static void check_cut(const int32_t *cluster, const int32_t *coarser, int64_t leaves, int64_t clusters)
{
    int32_t within[MOST];
    int32_t next = 0;
    for (int64_t i = 0; i < leaves; i++) {
        assert_true(cluster[i] >= 0 && cluster[i] <= next);
        if (cluster[i] == next)
            within[next++] = coarser[i];
        assert_int_equal(within[cluster[i]], coarser[i]);
    }
    assert_int_equal(next, clusters);
}

static void cuts_are_nested_and_on_every_rank(void **state)
{
    (void)state;
    struct run run;
    struct hierarchy_settings settings = every_customer(LINKAGE_WARD);
    int32_t cut[MOST];
    int32_t coarser[MOST] = {0};
    assert_ok(run_on(&run, &world, clouds, most, &settings));
    assert_int_equal(run.result.leaves, 125);
    for (int64_t clusters = 1; clusters <= 125; clusters++) {
        memset(cut, -1, sizeof cut);
        assert_ok(hierarchy_cut(&world, &run.result, clusters, cut));
        check_cut(cut, coarser, 125, clusters);
        assert_int_equal(cut[125], -1);
        if (clusters == 5) {
            for (int64_t i = 0; i < 125; i++)
                assert_int_equal(cut[i], cut[i % 5]); /* the clouds: row is 12 i + 5 */
        }
        memcpy(coarser, cut, sizeof cut);
    }
    finish(&run);
}

/* ---- memory ---- */

/* The matrix takes its n^2 doubles over the ranks; nothing else grows so. */
static void bytes_that_are_asked_for(void **state)
{
    (void)state;
    struct hierarchy_settings ward = every_customer(LINKAGE_WARD);
    struct hierarchy_settings average = every_customer(LINKAGE_AVERAGE);
    struct hierarchy_settings leaves = micro_clusters(4096, true);
    double n = 1e6;
    double matrix = hierarchy_bytes(&average, (int64_t)n, (int64_t)n / 4, 16, 4, 2);
    double points = hierarchy_bytes(&ward, (int64_t)n, (int64_t)n / 4, 16, 4, 2);
    double micro = hierarchy_bytes(&leaves, (int64_t)n, (int64_t)n / 4, 16, 4, 2);
    assert_true(matrix > n * n * sizeof(float) / 4 && matrix < 1.3 * n * n * sizeof(double) / 4);
    assert_true(points > n * 16 * sizeof(double) / 2 && points < 1000 * n);
    assert_true(micro > n / 4 * sizeof(int32_t) && micro < points);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_customer_is_a_leaf),   cmocka_unit_test(micro_clusters_are_leaves),
    cmocka_unit_test(more_leaves_than_customers), cmocka_unit_test(cuts_are_nested_and_on_every_rank),
    cmocka_unit_test(bytes_that_are_asked_for),
};

TESTS_MAIN("hierarchy", tests)
