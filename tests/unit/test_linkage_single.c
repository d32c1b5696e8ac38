/* ranks: 1 2 3 7 */
/* Single linkage against the components of the graph of all edges up to each height. */
#include "trees.h"

/* ---- the twin: a minimum spanning tree by Prim's algorithm ---- */

static long double *places_of(const struct cloud *cloud)
{
    long double *place = calloc((size_t)(cloud->count * cloud->features), sizeof *place);
    assert_non_null(place);
    for (int64_t i = 0; i < cloud->count * cloud->features; i++) {
        int64_t point = i / cloud->features;
        place[i] =
            (long double)cloud_sum(cloud, point, i % cloud->features) / (long double)cloud_size(cloud, point);
    }
    return place;
}

static long double distance(const long double *a, const long double *b, int64_t features)
{
    long double square = 0;
    for (int64_t f = 0; f < features; f++)
        square += (a[f] - b[f]) * (a[f] - b[f]);
    return sqrtl(square);
}

struct edge {
    long double length;
    int32_t a;
    int32_t b;
};

static int by_length(const void *a, const void *b)
{
    const struct edge *x = a;
    const struct edge *y = b;
    return x->length < y->length ? -1 : x->length > y->length;
}

/* The count - 1 edges, by length. The caller's to free. */
static struct edge *spanning_tree(const struct cloud *cloud)
{
    struct edge *tree = calloc((size_t)cloud->count, sizeof *tree);
    struct edge *near = calloc((size_t)cloud->count, sizeof *near); /* of each point outside, into the tree */
    long double *place = places_of(cloud);
    int64_t d = cloud->features;
    assert_true(tree && near);
    for (int32_t i = 1; i < cloud->count; i++)
        near[i] = (struct edge){distance(place, place + i * d, d), 0, i};
    near[0].a = -1;
    for (int64_t made = 0; made + 1 < cloud->count; made++) {
        int32_t next = -1;
        for (int32_t i = 1; i < cloud->count; i++) {
            if (near[i].a >= 0 && (next < 0 || near[i].length < near[next].length))
                next = i;
        }
        tree[made] = near[next];
        near[next].a = -1;
        for (int32_t i = 1; i < cloud->count; i++) {
            long double length = near[i].a >= 0 ? distance(place + next * d, place + i * d, d) : 0;
            if (near[i].a >= 0 && length < near[i].length)
                near[i] = (struct edge){length, next, i};
        }
    }
    qsort(tree, (size_t)cloud->count - 1, sizeof *tree, by_length);
    free(near);
    free(place);
    return tree;
}

static void join(int32_t *component, int64_t count, int32_t a, int32_t b)
{
    int32_t low = component[a] < component[b] ? component[a] : component[b];
    int32_t high = component[a] < component[b] ? component[b] : component[a];
    for (int64_t i = 0; i < count; i++) {
        if (component[i] == high)
            component[i] = low;
    }
}

/* The partition after the merges up to each height is one and the same however ties are taken. */
static void check_against_twin(const struct cloud *cloud, const struct merge *merge)
{
    int64_t merges = cloud->count - 1;
    struct edge *tree = spanning_tree(cloud);
    int32_t *expected = calloc((size_t)cloud->count, sizeof *expected);
    int32_t *got = calloc((size_t)cloud->count, sizeof *got);
    assert_true(expected && got);
    for (int32_t i = 0; i < cloud->count; i++)
        got[i] = expected[i] = i;
    check_names(merge, cloud->count);
    for (int64_t i = 0; i < merges; i++) {
        assert_true(i == 0 || merge[i].height >= merge[i - 1].height);
        assert_height(merge[i].height, tree[i].length, cloud);
        assert_true(got[merge[i].first] == merge[i].first && got[merge[i].second] == merge[i].second);
        join(got, cloud->count, merge[i].first, merge[i].second);
        join(expected, cloud->count, tree[i].a, tree[i].b);
        bool last = i + 1 == merges || tree[i + 1].length - tree[i].length >
                                           1e-12L * tree[i + 1].length + (long double)cloud->rounding;
        if (last && cloud->rounding == 0)
            assert_memory_equal(got, expected, (size_t)cloud->count * sizeof *got);
    }
    free(tree);
    free(expected);
    free(got);
}

/* ---- clouds ---- */

/* In all manners the same merges, which the first rank holds against the twin. A round at least halves what
 * is left. */
static void check_cloud(const struct cloud *cloud)
{
    struct linkage_work first_work;
    struct merge *first = link_cloud(cloud, linkage_single, &manners[0], &first_work);
    assert_true(((int64_t)1 << first_work.rounds) <= 2 * cloud->count);
    for (int m = 1; m < MANNERS; m++) {
        struct linkage_work work;
        struct merge *merge = link_cloud(cloud, linkage_single, &manners[m], &work);
        assert_true(same_merges(first, merge, cloud->count - 1));
        assert_int_equal(work.rounds, first_work.rounds);
        free(merge);
    }
    if (world.rank == 0)
        check_against_twin(cloud, first);
    free(first);
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

static void awkward_clouds(void **state)
{
    (void)state;
    static const struct cloud clouds[] = {
        {200, 3, outlier_place, NULL, 0, 0},
        {200, 2, distant_place, NULL, 1e-9, 0},
        {200, 5, huge_place, NULL, 0, 0},
        {200, 2, line_place, NULL, 0, 0},
        {200, 7, random_place, some_size, 0, 0}, /* sizes mean nothing here */
        {200, 8, random_place, NULL, 0, 0},
        {70, 257, random_place, NULL, 0, 0}, /* axes are not turned */
    };
    for (size_t i = 0; i < sizeof clouds / sizeof *clouds; i++)
        check_cloud(&clouds[i]);
}

struct tied {
    double square;
    uint64_t tie;
    int32_t a;
    int32_t b;
};

static int by_square_then_tie(const void *a, const void *b)
{
    const struct tied *x = a;
    const struct tied *y = b;
    if (x->square != y->square)
        return x->square < y->square ? -1 : 1;
    return x->tie < y->tie ? -1 : x->tie > y->tie;
}

/* All pairs by length and, where that is the same, by the hash of their points; those that join two
 * components, in this order. Where squares are exact. */
static void check_order_of_ties(const struct cloud *cloud)
{
    struct linkage_work work;
    struct merge *merge = link_cloud(cloud, linkage_single, &manners[1], &work);
    struct tied *pair = calloc((size_t)(cloud->count * cloud->count), sizeof *pair);
    int32_t *component = calloc((size_t)cloud->count, sizeof *component);
    long double *place = places_of(cloud);
    int64_t pairs = 0;
    int64_t next = 0;
    assert_true(pair && component);
    for (int32_t a = 0; a < cloud->count; a++) {
        component[a] = a;
        for (int32_t b = 0; b < a; b++) {
            long double length =
                distance(place + a * cloud->features, place + b * cloud->features, cloud->features);
            pair[pairs++] = (struct tied){rint((double)(length * length)), linkage_tie(a, b), a, b};
        }
    }
    qsort(pair, (size_t)pairs, sizeof *pair, by_square_then_tie);
    for (int64_t i = 0; i < pairs; i++) {
        int32_t a = component[pair[i].a];
        int32_t b = component[pair[i].b];
        if (a == b)
            continue;
        assert_true(merge[next].height == sqrt(pair[i].square));
        assert_true(merge[next].first == (a < b ? a : b) && merge[next].second == (a < b ? b : a));
        next++;
        join(component, cloud->count, a, b);
    }
    free(merge);
    free(pair);
    free(component);
    free(place);
}

static void ties(void **state)
{
    (void)state;
    static const struct cloud clouds[] = {{400, 2, lattice_place, NULL, 0, 0},
                                          {64, 64, corner_place, NULL, 0, 0},
                                          {20, 1, lattice_place, NULL, 0, 0}};
    for (int i = 0; i < 3; i++) {
        check_cloud(&clouds[i]);
        check_order_of_ties(&clouds[i]);
    }
}

static void more_points(void **state)
{
    (void)state;
    check_cloud(&(struct cloud){1500, 2, blob_place, NULL, 0, 0});
    check_cloud(&(struct cloud){700, 16, blob_place, NULL, 0, 0});
}

/* Chains are what single linkage is known for: points along a spiral, one by one. */
static double spiral_place(int64_t point, int64_t feature)
{
    double turn = (double)point * 0.05;
    return (1 + turn) * (feature == 0 ? cos(turn) : sin(turn));
}

static void a_chain(void **state)
{
    (void)state;
    check_cloud(&(struct cloud){300, 2, spiral_place, NULL, 1e-12, 0});
}

static void boxes_save_work(void **state)
{
    (void)state;
    struct linkage_work work[2];
    struct cloud cloud = {1500, 2, blob_place, NULL, 0, 0};
    free(link_cloud(&cloud, linkage_single, &manners[PLAIN_MANNER], &work[0]));
    free(link_cloud(&cloud, linkage_single, &manners[EVERYTHING_MANNER], &work[1]));
    assert_true(work[1].pairs >= cloud.count * cloud.count);
    assert_true(3 * work[0].pairs < work[1].pairs);
    assert_true(work[0].exact < cloud.count * cloud.count / 4);
}

/* ---- the search that it stands on ---- */

static double least_outside(struct neighbours *all, int64_t slot)
{
    double least = (double)INFINITY;
    for (int64_t s = 0; s < all->slots; s++) {
        if (all->set[s] != all->set[slot])
            least = fmin(least, neighbours_square(all, slot, s));
    }
    return least;
}

/* Who could be at an end of a set's shortest edge has found it; the others may have found nothing. */
static void check_sets(struct neighbours *all)
{
    double *least = calloc((size_t)all->slots, sizeof *least);       /* by slot */
    double *shortest = calloc((size_t)all->slots, sizeof *shortest); /* by set */
    assert_true(least && shortest);
    for (int64_t s = 0; s < all->slots; s++)
        shortest[s] = (double)INFINITY;
    for (int64_t s = 0; s < all->slots; s++) {
        least[s] = least_outside(all, s);
        shortest[all->set[s]] = fmin(shortest[all->set[s]], least[s]);
    }
    for (int64_t s = 0; s < all->slots; s++) {
        const struct cluster *cluster = &all->cluster[s];
        assert_true(cluster->nearest < 0 ? least[s] > shortest[all->set[s]] || isinf(least[s])
                                         : cluster->square == least[s]);
        assert_true(!all->alone || all->within[all->set[s]] == shortest[all->set[s]]);
        for (int64_t other = 0; other < all->slots; other++) {
            bool known = false;
            for (int n = 0; n < NEIGHBOURS; n++)
                known = known || cluster->known[n] == other;
            if (all->set[other] == all->set[s])
                assert_false(known);
            else if (!known)
                assert_true(neighbours_square(all, s, other) >= cluster->radius);
        }
    }
    free(least);
    free(shortest);
}

/* Sets by the points' numbers or by where they are, many or two or one. */
static void a_search_outside_of_sets(void **state)
{
    (void)state;
    static const int sets[] = {1, 2, 40};
    static const struct cloud clouds[] = {{160, 2, lattice_place, NULL, 0, 0},
                                          {130, 9, blob_place, some_size, 0, 0}};
    for (int i = 0; i < 3 * 2 * 2 * MANNERS; i++) {
        struct held held;
        int64_t begin = 0;
        int64_t end = 0;
        int some = sets[i / MANNERS % 3];
        hold(&held, &clouds[i / MANNERS / 3 % 2], &manners[i % MANNERS], false, true);
        struct neighbours *all = &held.all;
        node_share(all->node, all->slots, &begin, &end);
        for (int64_t s = begin; s < end; s++) {
            all->set[s] = (int32_t)(i / MANNERS / 6 ? all->cluster[s].first % some : s * some / all->slots);
            all->within[s] = (double)INFINITY;
        }
        assert_ok(node_fence(&held.node));
        assert_ok(neighbours_boxes(all));
        search_all(&held);
        check_sets(all);
        release(&held);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_few_points),
    cmocka_unit_test(awkward_clouds),
    cmocka_unit_test(ties),
    cmocka_unit_test(more_points),
    cmocka_unit_test(a_chain),
    cmocka_unit_test(boxes_save_work),
    cmocka_unit_test(a_search_outside_of_sets),
};

TESTS_MAIN("linkage_single", tests)
