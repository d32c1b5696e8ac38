/* ranks: 1 2 3 7 */
/* The gap statistic: the same on any number of ranks, peaks where the segments are, and awkward cases. */
#include <math.h>
#include <unistd.h>

#include "cluster/hierarchy.h"
#include "cluster/labelling.h"
#include "gaps.h"

/* ---- customers ---- */

static double normal(int64_t row, int64_t index)
{
    double pair[2];
    random_normal_pair(3, RANDOM_GENERATE_VALUE, row, (uint32_t)index, pair);
    return pair[0];
}

/* Elongated, and not along a feature: the axis-parallel box would be mostly empty. */
static double long_cloud(int64_t row, int64_t feature)
{
    return 10 * normal(row, 9) + normal(row, feature);
}

static double three_groups(int64_t row, int64_t feature)
{
    static const double place[3][2] = {{0, 0}, {9, 2}, {3, 8}};
    return place[row % 3][feature] + normal(row, feature);
}

static bool all_but_two(int64_t row)
{
    return row != 4 && row != 1900;
}

/* ---- ranks ---- */

static void gaps_are_the_same_on_any_number_of_ranks(void **state)
{
    (void)state;
    const struct gap_settings settings[] = {by_kmeans(2), by_tree(LINKAGE_WARD, 2),
                                            by_tree(LINKAGE_AVERAGE, 2)};
    for (int i = 0; i < 3; i++) {
        struct sample all;
        struct sample one;
        struct gap gap[5];
        struct gap gap_alone[5];
        int64_t rows = 0;
        int64_t rows_alone = 0;
        sample_open(&all, &world, i < 2 ? 2500 : 1300, 3, mixed, every_seventh);
        sample_open(&one, &alone, i < 2 ? 2500 : 1300, 3, mixed, every_seventh);
        assert_ok(measure(&all, &settings[i], gap, 5, &rows));
        assert_ok(measure(&one, &settings[i], gap_alone, 5, &rows_alone));
        assert_true(rows == all.customers.used && rows == rows_alone);
        assert_memory_equal(gap, gap_alone, sizeof gap);
        for (int64_t g = 0; g < 5; g++)
            assert_true(isfinite(gap[g].gap) && gap[g].error > 0 && gap[g].k == g + 1);
        sample_close(&all);
        sample_close(&one);
    }
}

/* ---- what gaps tell ---- */

static double inertia_of_cut(const struct sample *sample, const struct hierarchy_result *tree, int64_t k)
{
    struct segmentation segments = {.k = k};
    int32_t cut[1024];
    int32_t number[MOST_GAPS];
    const struct labelling labelling = {.k = k, .segment = cut, .leaf = &tree->leaf};
    assert_true(tree->leaves <= 1024);
    assert_ok(hierarchy_cut(&world, tree, k, cut));
    assert_ok(segments_from_labels(&sample->customers, &sample->preparation, &labelling, &segments, number));
    double inertia = segments.inertia;
    segments_free(&segments);
    return inertia;
}

/* Gaps of 1 .. count segments of the sample, whose own inertia is that of the same method. */
static void judge(const struct sample *sample, const struct gap_settings *settings, struct gap *gaps,
                  int64_t count)
{
    int64_t rows = 0;
    struct hierarchy_result tree = {.leaves = 0};
    struct hierarchy_settings every = {.linkage = settings->linkage, .every_customer = true};
    struct kmeans_result result[MOST_GAPS];
    static const int64_t numbers[MOST_GAPS] = {1, 2, 3, 4, 5, 6, 7, 8};
    if (settings->tree)
        assert_ok(hierarchy_run(&sample->customers, &sample->preparation, &every, &tree));
    else
        assert_ok(
            kmeans_run(&sample->customers, &sample->preparation, &settings->kmeans, numbers, count, result));
    for (int64_t g = 0; g < count; g++) {
        gaps[g] = (struct gap){.k = g + 1};
        if (settings->tree) {
            gaps[g].inertia = inertia_of_cut(sample, &tree, g + 1);
        } else {
            gaps[g].inertia = result[g].segments.inertia;
            kmeans_free(&result[g]);
        }
    }
    hierarchy_free(&tree);
    assert_ok(gap_measure(&sample->customers, settings, gaps, count, &rows));
}

/* The rule of the paper: the smallest k with gap(k) >= gap(k + 1) - error(k + 1); 0 where there is none. */
static int64_t first_peak(const struct gap *gaps, int64_t count)
{
    for (int64_t g = 0; g + 1 < count; g++) {
        if (gaps[g].gap >= gaps[g + 1].gap - gaps[g + 1].error)
            return gaps[g].k;
    }
    return 0;
}

static void check_peak(sample_value value, int64_t features, const struct gap_settings *settings,
                       int64_t expected)
{
    struct sample sample;
    struct gap gap[5];
    sample_open(&sample, &world, 600, features, value, NULL);
    judge(&sample, settings, gap, 5);
    assert_int_equal(first_peak(gap, 5), expected);
    for (int64_t g = 0; g < 5; g++)
        assert_true(gap[g].gap <= gap[expected - 1].gap + 2 * hypot(gap[g].error, gap[expected - 1].error));
    sample_close(&sample);
}

static void peaks_are_where_segments_are(void **state)
{
    (void)state;
    const struct gap_settings kmeans = by_kmeans(6);
    const struct gap_settings tree = by_tree(LINKAGE_WARD, 6);
    check_peak(three_groups, 2, &kmeans, 3);
    check_peak(three_groups, 2, &tree, 3);
    check_peak(box_of_numbers, 2, &kmeans, 1);
    check_peak(box_of_numbers, 2, &tree, 1);
    check_peak(long_cloud, 3, &kmeans, 1);
    check_peak(long_cloud, 3, &tree, 1);
}

/* ---- awkward cases ---- */

static void customers_without_inertia(void **state)
{
    (void)state;
    const struct gap_settings settings[] = {by_kmeans(3), by_tree(LINKAGE_WARD, 3)};
    struct sample sample;
    sample_open(&sample, &world, 300, 2, mixed, every_seventh);
    for (int i = 0; i < 2; i++) {
        struct gap gap[2];
        struct gap none[2] = {{.k = 1, .inertia = 5.0}, {.k = 2, .inertia = 0.0}};
        int64_t rows = 0;
        assert_ok(measure(&sample, &settings[i], gap, 2, &rows));
        assert_ok(gap_measure(&sample.customers, &settings[i], none, 2, &rows));
        assert_true(isinf(none[1].gap) && none[1].gap > 0 && isfinite(none[0].gap));
        assert_true(none[1].error == gap[1].error && gap[1].error > 0);
    }
    sample_close(&sample);
}

static void sets_without_inertia(void **state)
{
    (void)state;
    const struct gap_settings settings[] = {by_kmeans(2), by_tree(LINKAGE_WARD, 2)};
    for (int i = 0; i < 2; i++) {
        struct sample sample;
        struct gap gap[5];
        int64_t rows = 0;
        sample_open(&sample, &world, 5, 2, mixed, NULL);
        assert_ok(measure(&sample, &settings[i], gap, 5, &rows));
        assert_true(isfinite(gap[1].gap) && isfinite(gap[1].error));
        for (int g = 2; g < 5; g++) /* less than two customers a segment */
            assert_true(isnan(gap[g].gap) && isnan(gap[g].error));
        sample_close(&sample);
        sample_open(&sample, &world, 2500, 2, mixed, all_but_two);
        assert_ok(measure(&sample, &settings[i], gap, 1, &rows));
        assert_true(rows == 2 && isfinite(gap[0].gap));
        sample_close(&sample);
        sample_open(&sample, &world, 2500, 2, mixed, all_but_one);
        assert_ok(measure(&sample, &settings[i], gap, 1, &rows));
        assert_true(rows == 1 && isnan(gap[0].gap) && isnan(gap[0].error));
        sample_close(&sample);
        sample_open(&sample, &world, 50, 2, alike, NULL);
        assert_ok(measure(&sample, &settings[i], gap, 1, &rows));
        assert_true(rows == 50 && isnan(gap[0].gap));
        sample_close(&sample);
    }
}

/* Sets are drawn by the seed alone, whatever else is asked for. */
static void sets_hang_on_the_seed(void **state)
{
    (void)state;
    struct gap_settings settings = by_kmeans(2);
    struct sample sample;
    struct gap gap[4];
    struct gap other[4];
    struct gap single = {.k = 3, .inertia = 1000.0 / 3};
    int64_t rows = 0;
    sample_open(&sample, &world, 300, 2, mixed, NULL);
    assert_ok(measure(&sample, &settings, gap, 4, &rows));
    assert_ok(gap_measure(&sample.customers, &settings, &single, 1, &rows));
    assert_true(single.gap == gap[2].gap && single.error == gap[2].error);
    settings.seed++;
    assert_ok(measure(&sample, &settings, other, 4, &rows));
    for (int64_t g = 0; g < 4; g++)
        assert_true(other[g].gap != gap[g].gap && fabs(other[g].gap - gap[g].gap) < 0.5);
    sample_close(&sample);
}

/* What the first rank says in a job that says all it can. */
static void the_log_tells_of_sets_alone(void **state)
{
    (void)state;
    const struct gap_settings settings[] = {by_kmeans(3), by_tree(LINKAGE_WARD, 3)};
    struct sample sample;
    struct gap gap[3];
    int64_t rows = 0;
    sample_open(&sample, &world, 300, 2, mixed, NULL);
    for (int i = 0; i < 2; i++) {
        char text[512] = "";
        struct log log;
        log_open(&log, world.rank, LOG_VERBOSE);
        log.terminal = false; /* where progress is a line at most every few seconds, and the first at once */
        log.phase_begun = log.begun;
        sample.customers.log = &log;
        FILE *file = fopen(path_to(world.rank == 0 ? "said" : "silence"), world.rank == 0 ? "w+" : "a+");
        assert_non_null(file);
        fflush(stderr);
        int kept = dup(STDERR_FILENO);
        assert_true(kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
        status_t status = measure(&sample, &settings[i], gap, 3, &rows);
        fflush(stderr);
        assert_true(dup2(kept, STDERR_FILENO) >= 0 && close(kept) == 0);
        assert_ok(status);
        rewind(file);
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
        const char *end = strchr(text, '\n');
        assert_true(world.rank > 0 ||
                    (end && end[1] == '\0' && strstr(text, "reference set 1 of at most 3")));
        assert_true(world.rank == 0 || text[0] == '\0');
        assert_int_equal(log.phase_count, 0);
    }
    sample_close(&sample);
}

static void bytes_that_are_asked_for(void **state)
{
    (void)state;
    double few = gap_bytes(1000, 16, 4);
    double many = gap_bytes(100000000, 16, 4);
    double set = (double)GAP_CUSTOMERS * 16 * sizeof(float);
    assert_true(many > set / 4 && many < set / 4 * 1.5 + 1e6);
    assert_true(gap_bytes(GAP_CUSTOMERS, 16, 4) == many && few < many && few > 1024 * 16 * sizeof(float));
    assert_true(gap_bytes(100000000, 16, 1) > many + 0.7 * set);
    double wide = gap_bytes(1000, 1000, 1); /* the axes, a block and the sums */
    assert_true(wide > 8e6 + 8.2e6 + 18e6 && wide < 8e6 + 3 * 8.2e6 + 20e6);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(gaps_are_the_same_on_any_number_of_ranks),
    cmocka_unit_test(peaks_are_where_segments_are),
    cmocka_unit_test(customers_without_inertia),
    cmocka_unit_test(sets_without_inertia),
    cmocka_unit_test(sets_hang_on_the_seed),
    cmocka_unit_test(the_log_tells_of_sets_alone),
    cmocka_unit_test(bytes_that_are_asked_for),
};

TESTS_MAIN("gap", tests)
