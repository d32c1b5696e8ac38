/* ranks: 1 2 3 7 */
/* Ward's linkage against the definition: every merge, taken by height, is the lowest that there is. */
#include "trees.h"

/* ---- the twin: merges one by one, the lowest of all pairs each time ---- */

/* Clusters go by their lowest points. */
struct twin {
    int64_t count;
    int64_t features;
    long double *mean;
    long double *size; /* 0: has become part of another */
    int64_t *nearest;  /* -1: none left */
    long double *height;
};

/* The definition, in more digits than a double has. */
static long double height_of(const struct twin *twin, int64_t a, int64_t b)
{
    long double square = 0;
    for (int64_t f = 0; f < twin->features; f++) {
        long double apart = twin->mean[a * twin->features + f] - twin->mean[b * twin->features + f];
        square += apart * apart;
    }
    return sqrtl(2 * twin->size[a] * twin->size[b] / (twin->size[a] + twin->size[b])) * sqrtl(square);
}

static void find_nearest(struct twin *twin, int64_t a)
{
    twin->nearest[a] = -1;
    for (int64_t b = 0; b < twin->count; b++) {
        if (b == a || twin->size[b] == 0)
            continue;
        long double height = height_of(twin, a, b);
        if (twin->nearest[a] < 0 || height < twin->height[a]) {
            twin->nearest[a] = b;
            twin->height[a] = height;
        }
    }
}

static void twin_open(struct twin *twin, const struct cloud *cloud)
{
    size_t count = (size_t)cloud->count;
    *twin = (struct twin){.count = cloud->count,
                          .features = cloud->features,
                          .mean = calloc(count * (size_t)cloud->features, sizeof *twin->mean),
                          .size = calloc(count, sizeof *twin->size),
                          .nearest = calloc(count, sizeof *twin->nearest),
                          .height = calloc(count, sizeof *twin->height)};
    assert_true(twin->mean && twin->size && twin->nearest && twin->height);
    for (int64_t i = 0; i < cloud->count; i++) {
        twin->size[i] = (long double)cloud_size(cloud, i);
        for (int64_t f = 0; f < cloud->features; f++)
            twin->mean[i * cloud->features + f] = (long double)cloud_sum(cloud, i, f) / twin->size[i];
    }
    for (int64_t i = 0; i < cloud->count; i++)
        find_nearest(twin, i);
}

static void twin_close(struct twin *twin)
{
    free(twin->mean);
    free(twin->size);
    free(twin->nearest);
    free(twin->height);
}

/* b becomes part of a. It brings a no nearer to any third cluster than both were. */
static void twin_merge(struct twin *twin, int64_t a, int64_t b)
{
    long double size = twin->size[a] + twin->size[b];
    for (int64_t f = 0; f < twin->features; f++) {
        long double *mean = &twin->mean[a * twin->features + f];
        *mean = (*mean * twin->size[a] + twin->mean[b * twin->features + f] * twin->size[b]) / size;
    }
    twin->size[a] = size;
    twin->size[b] = 0;
    for (int64_t i = 0; i < twin->count; i++) {
        if (twin->size[i] > 0 && (i == a || twin->nearest[i] == a || twin->nearest[i] == b))
            find_nearest(twin, i);
    }
}

static long double lowest(const struct twin *twin)
{
    long double least = (long double)INFINITY;
    for (int64_t i = 0; i < twin->count; i++) {
        if (twin->size[i] > 0 && twin->nearest[i] >= 0 && twin->height[i] < least)
            least = twin->height[i];
    }
    return least;
}

static void check_against_twin(const struct cloud *cloud, const struct merge *merge)
{
    struct twin twin;
    struct merge *sorted = sorted_by_height(merge, cloud->count - 1);
    twin_open(&twin, cloud);
    check_names(merge, cloud->count);
    check_names(sorted, cloud->count);
    for (int64_t i = 0; i + 1 < cloud->count; i++) {
        assert_height(sorted[i].height, height_of(&twin, sorted[i].first, sorted[i].second), cloud);
        assert_height(sorted[i].height, lowest(&twin), cloud);
        twin_merge(&twin, sorted[i].first, sorted[i].second);
    }
    twin_close(&twin);
    free(sorted);
}

/* ---- clouds ---- */

/* In all manners the same merges, which the first rank holds against the twin. */
static void check_cloud(const struct cloud *cloud)
{
    struct linkage_work first_work;
    struct merge *first = link_cloud(cloud, linkage_ward, &manners[0], &first_work);
    assert_true(cloud->rounds == 0 || first_work.rounds <= cloud->rounds);
    for (int m = 1; m < MANNERS; m++) {
        struct linkage_work work;
        struct merge *merge = link_cloud(cloud, linkage_ward, &manners[m], &work);
        assert_true(same_merges(first, merge, cloud->count - 1));
        assert_true(work.rounds == first_work.rounds && work.searches == first_work.searches);
        free(merge);
    }
    if (world.rank == 0)
        check_against_twin(cloud, first);
    free(first);
}

static void awkward_clouds(void **state)
{
    (void)state;
    static const struct cloud clouds[] = {
        {180, 3, outlier_place, NULL, 1e-9, 0},
        {180, 2, distant_place, NULL, 1e-8, 0},
        {180, 5, huge_place, NULL, 0, 0},
        {180, 2, line_place, NULL, 0, 0},
        {180, 1, line_place, some_size, 0, 0},
        {90, 2, shared_place, rising_size, 0, 0}, /* at one place, and with other sizes */
        {180, 7, random_place, some_size, 0, 0},
        {180, 8, random_place, rising_size, 0, 0},
        {150, 16, star_place, star_size, 0, 0},
        {150, 40, other_star_place, star_size, 0, 0},
        {70, 257, random_place, NULL, 0, 0}, /* axes are not turned */
    };
    for (size_t i = 0; i < sizeof clouds / sizeof *clouds; i++)
        check_cloud(&clouds[i]);
}

/* Where nearly all distances are ties, many pairs merge at once all the same. */
static void ties_take_few_rounds(void **state)
{
    (void)state;
    static const struct cloud clouds[] = {
        {400, 2, lattice_place, NULL, 0, 40},
        {400, 2, lattice_place, rising_size, 0, 0},
        {64, 64, corner_place, NULL, 0, 32},
        {20, 1, lattice_place, NULL, 0, 10},
    };
    for (size_t i = 0; i < sizeof clouds / sizeof *clouds; i++)
        check_cloud(&clouds[i]);
}

static void a_few_points(void **state)
{
    (void)state;
    for (int64_t count = 1; count <= 6; count++) {
        check_cloud(&(struct cloud){count, 2, random_place, NULL, 0, 0});
        check_cloud(&(struct cloud){count, 1, lattice_place, rising_size, 0, 0});
    }
    check_cloud(&(struct cloud){65, 3, random_place, NULL, 0, 0}); /* one more than a cell holds */
}

/* Many cells, several orders of the slots, halves of coordinates. */
static void more_points(void **state)
{
    (void)state;
    check_cloud(&(struct cloud){1500, 2, blob_place, NULL, 0, 60});
    check_cloud(&(struct cloud){700, 16, blob_place, some_size, 0, 60});
}

/* On data with structure most distances are never looked at; with LOHKO_PRUNE=none all are. */
static void boxes_save_work(void **state)
{
    (void)state;
    struct linkage_work work[2];
    struct cloud cloud = {1500, 2, blob_place, NULL, 0, 0};
    free(link_cloud(&cloud, linkage_ward, &manners[PLAIN_MANNER], &work[0]));
    free(link_cloud(&cloud, linkage_ward, &manners[EVERYTHING_MANNER], &work[1]));
    assert_true(work[1].pairs >= cloud.count * cloud.count);
    assert_true(3 * work[0].pairs < work[1].pairs);
    assert_true(work[0].exact < cloud.count * cloud.count / 4);
    assert_true(work[0].searches < 4 * cloud.count); /* a lost neighbour seldom costs a search */
}

static void unknown_registers(void **state)
{
    (void)state;
    struct node node;
    struct points points;
    struct merge merge[9];
    struct linkage_work work;
    struct cloud cloud = {10, 2, random_place, NULL, 0, 0};
    assert_ok(node_open(&node, &world, 2));
    cloud_points(&cloud, &world, &node, &points);
    setenv("LOHKO_VECTORS", "none", 1);
    assert_failure(linkage_ward(&points, merge, &work), EXIT_BAD_USAGE, "LOHKO_VECTORS");
    unsetenv("LOHKO_VECTORS");
    node_close(&node);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_few_points), cmocka_unit_test(awkward_clouds),  cmocka_unit_test(ties_take_few_rounds),
    cmocka_unit_test(more_points),  cmocka_unit_test(boxes_save_work), cmocka_unit_test(unknown_registers),
};

TESTS_MAIN("linkage_ward", tests)
