/* ranks: 1 2 3 7 */
/* Contingency tables of labelings, and how often customers stay where they belong, against plain loops. */
#include "assess/tables.h"

#include <math.h>

#include "labels.h"
#include "numbers.h"

enum { ROWS = 3300, FEATURES = 3, LEAVES = 20, MOST_K = 6 };

/* ---- customers and labelings of them ---- */

static double values(int64_t row, int64_t feature)
{
    return 4 * uniform(1, row, feature) + (double)(row % 3);
}

/* Ties everywhere. */
static double grid(int64_t row, int64_t feature)
{
    return floor(3 * uniform(2, row, feature));
}

static bool some(int64_t row)
{
    return row % 5 == 2 || (row >= 1024 && row < 2048) || row > 3200;
}

static bool all_but_one(int64_t row)
{
    return row != 2100;
}

/* Of five segments; three; four, of which two are alike; six and three from leaves. */
enum { FIVE, THREE, FOUR, BY_LEAF, BY_LEAF_TOO, LABELINGS };

static const double five[5 * FEATURES] = {1, 1, 1, 3, 3, 3, 5, 1, 2, 0.5, 4, 2, 2, 2, 5};
static const double three[3 * FEATURES] = {0, 2, 1, 4, 4, 2, 2, 1, 4.5};
static const double four[4 * FEATURES] = {1, 2, 2, 4, 3, 1.5, 1, 2, 2, 3, 1, 5};
static const int32_t six_of_leaf[LEAVES] = {0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 3, 3, 2, 2};
static const int32_t three_of_leaf[LEAVES] = {2, 1, 0, 0, 2, 2, 1, 1, 0, 1, 1, 2, 0, 0, 0, 1, 2, 2, 2, 1};

struct labelings {
    struct sample sample;
    struct labelling of[LABELINGS];
    struct row_numbers leaf;
};

static int32_t leaf_of(int64_t row)
{
    return (int32_t)(LEAVES * uniform(3, row, 0));
}

static void open_all(struct labelings *labelings, struct comm *comm, int64_t rows, sample_value value,
                     sample_mark out)
{
    struct sample *sample = &labelings->sample;
    sample_open(sample, comm, rows, FEATURES, value, out);
    const struct partition *part = &sample->customers.partition;
    int64_t room = part->block_count * BLOCK_ROWS;
    int32_t *leaf = calloc((size_t)room + 1, sizeof *leaf);
    assert_non_null(leaf);
    for (int64_t i = 0; i < room; i++) {
        int64_t row = part->first_row + i;
        leaf[i] = i < part->row_count && sample->is_out[row] ? -1 : leaf_of(row);
    }
    labelings->leaf = numbers_packed(leaf, room, part->block_count, LEAVES);
    free(leaf);
    labelings->of[FIVE] = (struct labelling){.k = 5, .centroid = five};
    labelings->of[THREE] = (struct labelling){.k = 3, .centroid = three};
    labelings->of[FOUR] = (struct labelling){.k = 4, .centroid = four};
    labelings->of[BY_LEAF] = (struct labelling){.k = 6, .segment = six_of_leaf, .leaf = &labelings->leaf};
    labelings->of[BY_LEAF_TOO] =
        (struct labelling){.k = 3, .segment = three_of_leaf, .leaf = &labelings->leaf};
    for (int i = 0; i < LABELINGS; i++)
        assert_ok(labelling_open(&labelings->of[i], FEATURES));
}

static void close_all(struct labelings *labelings)
{
    for (int i = 0; i < LABELINGS; i++)
        labelling_close(&labelings->of[i]);
    row_numbers_free(&labelings->leaf);
    sample_close(&labelings->sample);
}

static int32_t label_of(const struct labelings *labelings, int which, int64_t row)
{
    const struct labelling *labelling = &labelings->of[which];
    if (labelings->sample.is_out[row])
        return -1;
    return labelling->segment ? labelling->segment[leaf_of(row)]
                              : sample_nearest(&labelings->sample, row, labelling->centroid, labelling->k);
}

static void labels_are_those_of_each_way(void **state)
{
    (void)state;
    struct labelings labelings;
    int32_t *label = NULL;
    open_all(&labelings, &world, ROWS, grid, some);
    const struct partition *part = &labelings.sample.customers.partition;
    assert_ok(memory_new(&label, part->block_count * BLOCK_ROWS, sizeof *label, "test labels"));
    for (int which = 0; which < LABELINGS; which++) {
        assert_ok(label_all(&labelings.of[which], &labelings.sample.customers, label));
        for (int64_t i = 0; i < part->block_count * BLOCK_ROWS; i++)
            assert_int_equal(label[i],
                             i < part->row_count ? label_of(&labelings, which, part->first_row + i) : -1);
    }
    free(label);
    close_all(&labelings);
}

/* ---- tables ---- */

static const struct weighting first_half = {WEIGHTING_FIRST_HALF, 5, 3};
static const struct weighting second_half = {WEIGHTING_SECOND_HALF, 5, 3};
static const struct weighting replicate = {WEIGHTING_REPLICATE, 5, 6};
static const struct weighting everybody = {WEIGHTING_ONE, 5, 0};

/* As callers have them: one labeling with many, halves both ways; and any other order. */
static const struct {
    int rows;
    int columns;
    const struct weighting *only;
} wanted[] = {
    {FIVE, THREE, NULL},
    {FIVE, FOUR, NULL},
    {FIVE, BY_LEAF, NULL},
    {FIVE, FIVE, NULL},
    {THREE, FOUR, &first_half},
    {FOUR, THREE, &second_half},
    {THREE, FOUR, NULL},
    {BY_LEAF, BY_LEAF_TOO, &replicate},
    {BY_LEAF_TOO, BY_LEAF, &second_half},
    {FOUR, BY_LEAF_TOO, &everybody},
    {THREE, FIVE, NULL},
    {BY_LEAF, FOUR, &first_half},
    {FOUR, FOUR, &second_half},
    {FIVE, THREE, NULL},
};
enum { PAIRS = sizeof wanted / sizeof wanted[0] };

static bool counts(const struct customers *customers, const struct weighting *only, int64_t row)
{
    float weight[KERNEL_LANES] = {0};
    if (!only)
        return true;
    weighting_tile(only, customers->kernels, row / KERNEL_LANES * KERNEL_LANES, weight);
    return weight[row % KERNEL_LANES] > 0;
}

static void check_table(const struct labelings *labelings, int p, const struct contingency *table)
{
    int64_t count[MOST_K * MOST_K] = {0};
    const struct sample *sample = &labelings->sample;
    int64_t rows = labelings->of[wanted[p].rows].k;
    int64_t columns = labelings->of[wanted[p].columns].k;
    assert_int_equal(table->rows, rows);
    assert_int_equal(table->columns, columns);
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        int32_t i = label_of(labelings, wanted[p].rows, row);
        int32_t j = label_of(labelings, wanted[p].columns, row);
        if (i >= 0 && counts(&sample->customers, wanted[p].only, row))
            count[i * columns + j]++;
    }
    assert_memory_equal(table->count, count, (size_t)(rows * columns) * sizeof *count);
}

/* On all ranks, of which some may have no blocks, and on each by itself. */
static void check_tables(int64_t rows, sample_value value, sample_mark out)
{
    struct comm *comms[2] = {&world, &alone};
    for (int i = 0; i < 2; i++) {
        struct labelings labelings;
        struct table_pair pair[PAIRS];
        open_all(&labelings, comms[i], rows, value, out);
        for (int p = 0; p < PAIRS; p++)
            pair[p] = (struct table_pair){.rows = &labelings.of[wanted[p].rows],
                                          .columns = &labelings.of[wanted[p].columns],
                                          .only = wanted[p].only};
        assert_ok(tables_count(&labelings.sample.customers, pair, PAIRS));
        for (int p = 0; p < PAIRS; p++)
            check_table(&labelings, p, &pair[p].table);
        tables_free(pair, PAIRS);
        close_all(&labelings);
    }
}

static void tables_match_plain_loops(void **state)
{
    (void)state;
    check_tables(1, values, NULL);
    check_tables(ROWS, values, all_but_one);
    check_tables(ROWS, values, NULL);
    check_tables(ROWS, values, some);
    check_tables(ROWS, grid, some);
}

static void no_tables(void **state)
{
    (void)state;
    struct labelings labelings;
    open_all(&labelings, &world, 1100, values, NULL);
    assert_ok(tables_count(&labelings.sample.customers, NULL, 0));
    tables_free(NULL, 0);
    close_all(&labelings);
}

/* Both halves make up everybody; tables turned around are transposed. */
static void halves_add_up(void **state)
{
    (void)state;
    struct labelings labelings;
    open_all(&labelings, &world, ROWS, values, some);
    const struct labelling *a = &labelings.of[FIVE];
    const struct labelling *b = &labelings.of[BY_LEAF];
    struct table_pair pair[3] = {{.rows = a, .columns = b, .only = &first_half},
                                 {.rows = b, .columns = a, .only = &second_half},
                                 {.rows = a, .columns = b}};
    assert_ok(tables_count(&labelings.sample.customers, pair, 3));
    int64_t total = 0;
    for (int64_t i = 0; i < a->k; i++) {
        for (int64_t j = 0; j < b->k; j++) {
            int64_t all = pair[2].table.count[i * b->k + j];
            assert_int_equal(pair[0].table.count[i * b->k + j] + pair[1].table.count[j * a->k + i], all);
            total += all;
        }
    }
    assert_int_equal(total, labelings.sample.customers.used);
    tables_free(pair, 3);
    close_all(&labelings);
}

static void bytes_of_tables(void **state)
{
    (void)state;
    assert_true(tables_bytes(3, 5) == 120);
    assert_true(tables_bytes(INT64_C(1) << 31, INT64_C(1) << 32) == 0x1p66);
}

/* ---- membership ---- */

static void check_membership(int64_t rows, sample_value value, sample_mark out, struct comm *comm)
{
    enum { OTHERS = 4 };
    static const int which[OTHERS] = {THREE, BY_LEAF, FOUR, FIVE};
    /* of the five segments: some have no match, none has one in all */
    static const int32_t match[OTHERS * 5] = {0, -1, 1, 2, -1, 5, 4, 3, 0, 1, 3, 2, 1, 0, -1, 0, 1, 2, 3, -1};
    struct labelings labelings;
    struct labelling other[OTHERS];
    float *share = NULL;
    open_all(&labelings, comm, rows, value, out);
    const struct partition *part = &labelings.sample.customers.partition;
    for (int o = 0; o < OTHERS; o++)
        other[o] = labelings.of[which[o]];
    assert_ok(memory_new(&share, part->block_count * BLOCK_ROWS, sizeof *share, "test shares"));
    for (int64_t i = 0; i < part->block_count * BLOCK_ROWS; i++)
        share[i] = 77.0F;
    const struct membership membership = {&labelings.of[FIVE], other, OTHERS, match};
    for (int64_t first = 0; first < part->block_count; first += 2) { /* in pieces */
        int64_t blocks = part->block_count - first < 2 ? part->block_count - first : 2;
        assert_ok(tables_membership(&labelings.sample.customers, &membership, first, blocks,
                                    share + first * BLOCK_ROWS));
    }
    for (int64_t i = 0; i < part->block_count * BLOCK_ROWS; i++) {
        int64_t row = part->first_row + i;
        int32_t own = i < part->row_count ? label_of(&labelings, FIVE, row) : -1;
        int stays = 0;
        for (int o = 0; o < OTHERS && own >= 0; o++)
            stays += match[o * 5 + own] == label_of(&labelings, which[o], row);
        assert_true(own < 0 ? isnan(share[i]) : share[i] == (float)stays / OTHERS);
    }
    free(share);
    close_all(&labelings);
}

static void customers_stay_with_their_segment(void **state)
{
    (void)state;
    check_membership(1, values, NULL, &world);
    check_membership(ROWS, values, all_but_one, &world);
    check_membership(ROWS, values, some, &world);
    check_membership(ROWS, grid, NULL, &world);
    check_membership(ROWS, values, some, &alone);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(labels_are_those_of_each_way),
    cmocka_unit_test(tables_match_plain_loops),
    cmocka_unit_test(no_tables),
    cmocka_unit_test(halves_add_up),
    cmocka_unit_test(bytes_of_tables),
    cmocka_unit_test(customers_stay_with_their_segment),
};

TESTS_MAIN("tables", tests)
