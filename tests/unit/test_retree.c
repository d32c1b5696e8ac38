/* ranks: 1 2 3 7 */
/* Trees with other weights of customers: against a plain tree in which every customer is there as often as it
 * weighs, against trees over those of a half alone, and alike on any number of ranks. */
#include "cluster/retree.h"

#include <math.h>

#include "support.h"

enum { ROWS = 1500, FEATURES = 2, MOST = 400 /* items of the twin */, MOST_CUTS = 8 };

/* ---- customers ---- */

static double scattered(int64_t row, int64_t feature)
{
    return 6 * uniform(4, row % 5, feature) + uniform(2, row, feature);
}

/* Three customers at most places, all of whose distances differ. */
static double shared_places(int64_t row, int64_t feature)
{
    return 10 * uniform(8, row / 12 % 40, feature);
}

/* Places on a grid: many distances are alike. */
static double grid(int64_t row, int64_t feature)
{
    int64_t i = row / 12 % 100;
    return (double)(feature == 0 ? i % 10 : i / 10);
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

static bool all_but_four(int64_t row)
{
    return row != 3 && row != 20 && row != 700 && row != 1400;
}

/* ---- runs ---- */

struct run {
    struct sample sample;
    struct hierarchy_result result;
    struct retree retree;
};

static struct hierarchy_settings every_customer(enum linkage linkage)
{
    return (struct hierarchy_settings){.linkage = linkage, .every_customer = true, .seed = 1};
}

static struct hierarchy_settings micro_clusters(int64_t leaves)
{
    return (struct hierarchy_settings){.linkage = LINKAGE_WARD, .leaves = leaves, .fewer = true, .seed = 1};
}

static void open_run(struct run *run, struct comm *comm, int64_t rows, sample_value value, sample_mark out,
                     const struct hierarchy_settings *settings)
{
    sample_open(&run->sample, comm, rows, FEATURES, value, out);
    assert_ok(hierarchy_run(&run->sample.customers, &run->sample.preparation, settings, &run->result));
    assert_ok(retree_open(&run->retree, &run->sample.customers, &run->sample.preparation, settings->linkage,
                          &run->result));
}

static void close_run(struct run *run)
{
    retree_close(&run->retree);
    hierarchy_free(&run->result);
    sample_close(&run->sample);
}

struct grown {
    int64_t leaves;
    int64_t cuts;
    const int64_t *clusters;
    int32_t *segment;
    int64_t *weight;
};

static struct grown grow(struct run *run, const struct weighting *weighting, int64_t cuts,
                         const int64_t *clusters)
{
    int64_t leaves = run->result.leaves;
    struct grown grown = {leaves, cuts, clusters, malloc((size_t)(cuts * leaves) * sizeof(int32_t)),
                          malloc((size_t)leaves * sizeof(int64_t))};
    assert_true(grown.segment && grown.weight);
    memset(grown.segment, 0x77, (size_t)(cuts * leaves) * sizeof(int32_t));
    memset(grown.weight, 0x77, (size_t)leaves * sizeof(int64_t));
    assert_ok(retree_grow(&run->retree, weighting, cuts, clusters, grown.segment, grown.weight));
    return grown;
}

static void drop(struct grown *grown)
{
    free(grown->segment);
    free(grown->weight);
}

static void check_alike(const struct grown *a, const struct grown *b)
{
    assert_true(a->leaves == b->leaves && a->cuts == b->cuts);
    assert_memory_equal(a->segment, b->segment, (size_t)(a->cuts * a->leaves) * sizeof *a->segment);
    assert_memory_equal(a->weight, b->weight, (size_t)a->leaves * sizeof *a->weight);
}

static int64_t weight_of(const struct run *run, const struct weighting *weighting, int64_t row)
{
    float weight[KERNEL_LANES];
    weighting_tile(weighting, run->sample.customers.kernels, row / KERNEL_LANES * KERNEL_LANES, weight);
    return (int64_t)weight[row % KERNEL_LANES];
}

/* ---- leaves, plainly; of a run on one rank ---- */

static double (*place)[FEATURES]; /* of each leaf */

static void find_leaves(const struct run *one, const struct weighting *weighting, const struct grown *grown)
{
    const struct hierarchy_result *result = &one->result;
    int64_t *weight = calloc((size_t)result->leaves, sizeof *weight);
    place = calloc((size_t)result->leaves, sizeof *place);
    assert_true(weight && place);
    for (int64_t row = 0; row < one->sample.customers.partition.rows; row++) {
        int32_t leaf = result->leaf[row];
        if (leaf < 0)
            continue;
        weight[leaf] += weight_of(one, weighting, row);
        for (int64_t f = 0; f < FEATURES; f++)
            place[leaf][f] = result->every_customer ? (double)one->sample.all[row * FEATURES + f]
                                                    : result->leaf_centroid[leaf * FEATURES + f];
    }
    assert_memory_equal(weight, grown->weight, (size_t)result->leaves * sizeof *weight);
    free(weight);
}

static long double apart(int64_t a, int64_t b)
{
    long double square = 0;
    for (int64_t f = 0; f < FEATURES; f++)
        square += powl((long double)place[a][f] - (long double)place[b][f], 2);
    return square;
}

/* The nearest leaf that weighs something. */
static int64_t nearest_leaf(const struct grown *grown, int64_t leaf)
{
    int64_t nearest = -1;
    for (int64_t i = 0; i < grown->leaves; i++) {
        if (grown->weight[i] > 0 && (nearest < 0 || apart(leaf, i) < apart(leaf, nearest)))
            nearest = i;
    }
    return nearest;
}

/* Leaves that weigh something, those of customers at one place as one. */
static int64_t count_points(const struct grown *grown, bool every)
{
    int64_t points = 0;
    for (int64_t i = 0; i < grown->leaves; i++) {
        int64_t same = 0;
        while (same < i && (!every || grown->weight[same] == 0 || apart(same, i) > 0))
            same++;
        points += grown->weight[i] > 0 && same == i;
    }
    return points;
}

/* Numbered by lowest leaf of those that weigh something, as many as asked for; the others as the nearest. */
static void check_numbers(const struct grown *grown, int64_t points)
{
    for (int64_t c = 0; c < grown->cuts; c++) {
        const int32_t *segment = grown->segment + c * grown->leaves;
        int32_t next = 0;
        for (int64_t i = 0; i < grown->leaves; i++) {
            int64_t nearest = grown->weight[i] > 0 ? i : nearest_leaf(grown, i);
            assert_int_equal(segment[i], nearest < 0 ? 0 : segment[nearest]);
            assert_true(grown->weight[i] == 0 || (segment[i] >= 0 && segment[i] <= next));
            next += grown->weight[i] > 0 && segment[i] == next;
        }
        assert_int_equal(next, grown->clusters[c] < points ? grown->clusters[c] : points);
    }
}

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

static const enum linkage linkages[] = {LINKAGE_WARD, LINKAGE_AVERAGE, LINKAGE_COMPLETE, LINKAGE_SINGLE};
enum { LINKAGES = 4 };

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
    weighting_tile(&half, kernels_choose(), row / KERNEL_LANES * KERNEL_LANES, weight);
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
    int32_t label[BLOCK_ROWS];
    struct sample sample;
    struct retree retree;
    int32_t segment[8];
    int64_t weight[4];
    sample_open(&sample, &world, 3, 1, unused, NULL);
    sample.preparation.feature[0].quantum = 1.0;
    memset(label, -1, sizeof label);
    for (int32_t i = 0; i < 3; i++)
        label[i] = i;
    struct hierarchy_result tree = {.leaves = 4, .features = 1, .leaf = label, .leaf_centroid = mean};
    assert_ok(retree_open(&retree, &sample.customers, &sample.preparation, LINKAGE_WARD, &tree));
    assert_ok(retree_grow(&retree, &equal, 2, clusters, segment, weight));
    static const int32_t expected[] = {0, 0, 1, 1, 0, 1, 2, 2}; /* sums of 0, 1 and 3 */
    static const int64_t weights[] = {1, 1, 1, 0};
    assert_memory_equal(segment, expected, sizeof expected);
    assert_memory_equal(weight, weights, sizeof weights);
    retree_close(&retree);
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
    assert_true(micro > 4096 * 16 * sizeof(double) / 2 && micro < points / 100);
    double more = retree_bytes(&ward, (int64_t)n, 16, 110, 4, 2) - points;
    assert_close(more, 100 * n * sizeof(int32_t), 1e-9);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_customer_as_often_as_it_weighs),
    cmocka_unit_test(micro_clusters_as_often_as_they_weigh),
    cmocka_unit_test(nobody_and_few_are_drawn),
    cmocka_unit_test(all_weigh_one_and_nothing_changes),
    cmocka_unit_test(a_half_is_a_file_of_its_own),
    cmocka_unit_test(sums_are_on_the_grid_and_means_where_they_are),
    cmocka_unit_test(trees_do_not_depend_on_those_before),
    cmocka_unit_test(a_failure_is_everyones),
    cmocka_unit_test(bytes_that_are_asked_for),
};

TESTS_MAIN("retree", tests)
