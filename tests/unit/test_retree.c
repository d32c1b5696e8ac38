/* ranks: 1 2 3 7 */
/* Trees with other weights of customers against a plain tree in which every customer is there as often as it
 * weighs, and alike on any number of ranks. */
#include "retrees.h"

/* ---- the twin: every leaf as often as it weighs, two clusters at a time (Lance and Williams) ---- */

static int64_t items;
static int64_t item_leaf[MOST];
static int64_t cluster_of[MOST]; /* items: the lowest item of its cluster */
static double distance[MOST][MOST];
static double size[MOST]; /* of clusters, at their lowest item; 0: no cluster */

static void begin_twin(const struct grown *grown)
{
    items = 0;
    for (int64_t i = 0; i < grown->leaves; i++) {
        for (int64_t n = 0; n < grown->weight[i]; n++) {
            assert_true(items < MOST);
            item_leaf[items++] = i;
        }
    }
    for (int64_t a = 0; a < items; a++) {
        cluster_of[a] = a;
        size[a] = 1;
        for (int64_t b = 0; b < items; b++)
            distance[a][b] = (double)sqrtl(apart(item_leaf[a], item_leaf[b]));
    }
}

static double combined(enum linkage linkage, int64_t a, int64_t b, int64_t c)
{
    double x = distance[a][c];
    double y = distance[b][c];
    switch (linkage) {
    case LINKAGE_SINGLE:
        return fmin(x, y);
    case LINKAGE_COMPLETE:
        return fmax(x, y);
    case LINKAGE_AVERAGE:
        return (size[a] * x + size[b] * y) / (size[a] + size[b]);
    case LINKAGE_WARD:
    default:
        return sqrt(fmax(0.0, ((size[a] + size[c]) * x * x + (size[b] + size[c]) * y * y -
                               size[c] * distance[a][b] * distance[a][b]) /
                                  (size[a] + size[b] + size[c])));
    }
}

static void merge_nearest(enum linkage linkage)
{
    int64_t a = -1;
    int64_t b = -1;
    for (int64_t i = 0; i < items; i++) {
        for (int64_t j = i + 1; size[i] > 0 && j < items; j++) {
            if (size[j] > 0 && (a < 0 || distance[i][j] < distance[a][b])) {
                a = i;
                b = j;
            }
        }
    }
    for (int64_t c = 0; c < items; c++) {
        if (size[c] > 0 && c != a && c != b)
            distance[a][c] = distance[c][a] = combined(linkage, a, b, c);
        if (cluster_of[c] == b)
            cluster_of[c] = a;
    }
    size[a] += size[b];
    size[b] = 0;
}

/* The same leaves together. Both are numbered by lowest leaf, so numbers can be compared. */
static void check_cut(const int32_t *segment)
{
    int32_t number[MOST];
    int32_t next = 0;
    for (int64_t i = 0; i < items; i++)
        number[i] = cluster_of[i] == i ? next++ : number[cluster_of[i]];
    for (int64_t i = 0; i < items; i++)
        assert_int_equal(segment[item_leaf[i]], number[i]);
}

static void check_twin(const struct grown *grown, enum linkage linkage, int64_t points)
{
    begin_twin(grown);
    for (int64_t clusters = items; clusters > 0; clusters--) {
        for (int64_t c = 0; c < grown->cuts; c++) {
            int64_t wanted = grown->clusters[c] < points ? grown->clusters[c] : points;
            if (clusters == wanted)
                check_cut(grown->segment + c * grown->leaves);
        }
        if (clusters > 1)
            merge_nearest(linkage);
    }
}

/* ---- both runs of a tree ---- */

/* `ties`: distances are alike, so that the twin may merge others. */
static void check_grown(struct run *all, struct run *one, const struct weighting *weighting, int64_t cuts,
                        const int64_t *clusters, bool ties)
{
    struct grown grown = grow(all, weighting, cuts, clusters);
    struct grown by_one = grow(one, weighting, cuts, clusters);
    check_alike(&grown, &by_one);
    if (world.rank == 0) {
        find_leaves(one, weighting, &grown);
        int64_t points = count_points(&grown, one->result.every_customer);
        check_numbers(&grown, points);
        if (!ties)
            check_twin(&grown, one->retree.linkage, points);
        free(place);
    }
    drop(&grown);
    drop(&by_one);
}

static void check_trees(sample_value value, sample_mark out, const struct hierarchy_settings *settings,
                        bool ties)
{
    static const struct weighting weightings[] = {{WEIGHTING_REPLICATE, 7, 0},  {WEIGHTING_REPLICATE, 7, 5},
                                                  {WEIGHTING_FIRST_HALF, 7, 3}, {WEIGHTING_SECOND_HALF, 7, 3},
                                                  {WEIGHTING_REPLICATE, 8, 50}, {WEIGHTING_ONE, 7, 0}};
    struct run all;
    struct run one;
    open_run(&all, &world, ROWS, value, out, settings);
    open_run(&one, &alone, ROWS, value, out, settings);
    int64_t leaves = one.result.leaves;
    const int64_t clusters[] = {leaves, 1, leaves < 2 ? 1 : 2, (leaves + 4) / 5, (leaves + 1) / 2};
    for (size_t i = 0; i < sizeof weightings / sizeof *weightings; i++)
        check_grown(&all, &one, &weightings[i], 5, clusters, ties);
    check_grown(&all, &one, &weightings[0], 0, NULL, ties);
    close_run(&all);
    close_run(&one);
}

static void every_customer_as_often_as_it_weighs(void **state)
{
    (void)state;
    for (int i = 0; i < LINKAGES; i++) {
        struct hierarchy_settings settings = every_customer(linkages[i]);
        check_trees(scattered, most, &settings, false);
        check_trees(shared_places, most, &settings, false);
        check_trees(all_alike, most, &settings, false);
        check_trees(grid, most, &settings, true);
        check_trees(scattered, all_but_four, &settings, false);
    }
}

/* 125 customers: as many leaves leave a third of them without weight. */
static void micro_clusters_as_often_as_they_weigh(void **state)
{
    (void)state;
    static const int64_t leaves[] = {1, 2, 30, 80, 125};
    for (int i = 0; i < 5; i++) {
        struct hierarchy_settings settings = micro_clusters(leaves[i]);
        check_trees(scattered, most, &settings, false);
    }
    struct hierarchy_settings settings = micro_clusters(100);
    check_trees(shared_places, most, &settings, false);
    check_trees(grid, most, &settings, true);
}

/* ---- few that weigh something ---- */

/* The first replicate in which exactly `drawn` customers are drawn. */
static struct weighting replicate_that_draws(const struct run *one, int64_t drawn)
{
    for (int64_t index = 0; index < 1000; index++) {
        struct weighting weighting = {WEIGHTING_REPLICATE, 1, index};
        int64_t seen = 0;
        for (int64_t row = 0; row < ROWS; row++)
            seen += !one->sample.is_out[row] && weight_of(one, &weighting, row) > 0;
        if (seen == drawn)
            return weighting;
    }
    fail_msg("no replicate draws %d customers", (int)drawn);
    return (struct weighting){0};
}

static void check_few(sample_mark out, int64_t customers, const struct hierarchy_settings *settings)
{
    static const int64_t clusters[] = {4, 3, 2, 1};
    struct run all;
    struct run one;
    open_run(&all, &world, ROWS, scattered, out, settings);
    open_run(&one, &alone, ROWS, scattered, out, settings);
    assert_int_equal(one.result.leaves, customers);
    for (int64_t drawn = 0; drawn <= customers; drawn++) {
        struct weighting weighting = replicate_that_draws(&one, drawn);
        check_grown(&all, &one, &weighting, customers, clusters + 4 - customers, false);
    }
    close_run(&all);
    close_run(&one);
}

static void nobody_and_few_are_drawn(void **state)
{
    (void)state;
    struct hierarchy_settings micro = micro_clusters(4);
    for (int i = 0; i < LINKAGES; i++) {
        struct hierarchy_settings every = every_customer(linkages[i]);
        check_few(all_but_four, 4, &every);
        check_few(all_but_one, 1, &every);
    }
    check_few(all_but_four, 4, &micro);
    micro.leaves = 1;
    check_few(all_but_one, 1, &micro);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_customer_as_often_as_it_weighs),
    cmocka_unit_test(micro_clusters_as_often_as_they_weigh),
    cmocka_unit_test(nobody_and_few_are_drawn),
};

TESTS_MAIN("retree", tests)
