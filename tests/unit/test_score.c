/* ranks: 1 2 3 7 */
/* A customer's place among the segments against a plain search. */
#include <math.h>

#include "cluster/score.h"
#include "numbers.h"
#include "support.h"

enum { ROWS = 2600, FEATURES = 4, MOST_K = 6 };

static double values(int64_t row, int64_t feature)
{
    return floor(5 * uniform(1, row, feature)); /* ties, and customers on centroids */
}

static bool some(int64_t row)
{
    return row % 6 == 5 || row / BLOCK_ROWS == 0;
}

/* The nearest centroid but `not_this`, the lowest number on a tie; -1 where there is none. */
static int32_t nearest_but(const struct sample *sample, int64_t row, const double *centroid, int64_t k,
                           int32_t not_this)
{
    int32_t nearest = -1;
    for (int32_t h = 0; h < k; h++) {
        if (h != not_this && (nearest < 0 || sample_distance(sample, row, centroid + h * FEATURES) <
                                                 sample_distance(sample, row, centroid + nearest * FEATURES)))
            nearest = h;
    }
    return nearest;
}

static void check_customer(const struct sample *sample, int64_t row, const struct score *score, int32_t own,
                           const struct assignments *piece, int64_t at)
{
    const double *centroid = score->centroids.centroid;
    int32_t other = nearest_but(sample, row, centroid, score->centroids.k, own);
    double distance = sqrt(sample_distance(sample, row, centroid + own * FEATURES));
    double second = other < 0 ? 0.0 : sqrt(sample_distance(sample, row, centroid + other * FEATURES));
    double shadow = other < 0 || distance == 0 ? 0.0 : 2 * distance / (distance + second);
    assert_int_equal(piece->segment[at], own);
    assert_int_equal(piece->runner_up[at], other);
    assert_true(piece->distance[at] == (float)distance);
    assert_true(fabs((double)piece->shadow[at] - shadow) <= 2e-7);
}

/* Labels of this rank's customers: of the nearest centroid, or any. */
static int32_t *make_labels(const struct sample *sample, const double *centroid, int64_t k, bool nearest)
{
    const struct partition *part = &sample->customers.partition;
    int32_t *label = NULL;
    assert_ok(memory_new(&label, part->block_count * BLOCK_ROWS, sizeof *label, "test labels"));
    for (int64_t i = 0; i < part->block_count * BLOCK_ROWS; i++) {
        int64_t row = part->first_row + i;
        bool out = row >= ROWS || sample->is_out[row];
        label[i] = out ? -1 : nearest ? sample_nearest(sample, row, centroid, k) : (int32_t)(row * 7 % k);
    }
    return label;
}

static void check_pieces(int64_t k, int64_t blocks_a_piece, bool nearest)
{
    struct sample sample;
    double centroid[MOST_K * FEATURES];
    struct assignments piece;
    int64_t entries = blocks_a_piece * BLOCK_ROWS;
    sample_open(&sample, &world, ROWS, FEATURES, values, some);
    for (int64_t i = 0; i < k * FEATURES; i++)
        centroid[i] = floor(5 * uniform(3, i / FEATURES % 4, i % FEATURES)); /* the fifth is a duplicate */
    int32_t *label = make_labels(&sample, centroid, k, nearest);
    struct row_numbers kept = numbers_packed(label, sample.customers.partition.block_count * BLOCK_ROWS,
                                             sample.customers.partition.block_count, k);
    struct score score = {&sample.customers, {.k = k, .features = FEATURES, .centroid = centroid}, &kept};
    assert_ok(memory_new(&piece.segment, entries, sizeof *piece.segment, "test scores"));
    assert_ok(memory_new(&piece.runner_up, entries, sizeof *piece.runner_up, "test scores"));
    assert_ok(memory_new(&piece.distance, entries, sizeof *piece.distance, "test scores"));
    assert_ok(memory_new(&piece.shadow, entries, sizeof *piece.shadow, "test scores"));
    const struct partition *part = &sample.customers.partition;
    for (int64_t first = 0; first < part->block_count; first += blocks_a_piece) {
        int64_t left = part->block_count - first;
        int64_t blocks = left < blocks_a_piece ? left : blocks_a_piece;
        assert_ok(score_blocks(&score, first, blocks, &piece));
        for (int64_t i = 0; i < blocks * BLOCK_ROWS; i++) {
            int64_t row = part->first_row + first * BLOCK_ROWS + i;
            if (row < ROWS && !sample.is_out[row]) {
                check_customer(&sample, row, &score, label[first * BLOCK_ROWS + i], &piece, i);
                assert_true(!nearest || piece.shadow[i] <= 1);
            } else {
                assert_true(piece.segment[i] == -1 && piece.runner_up[i] == -1);
                assert_true(isnan(piece.distance[i]) && isnan(piece.shadow[i]));
            }
        }
    }
    free(piece.segment);
    free(piece.runner_up);
    free(piece.distance);
    free(piece.shadow);
    free(label);
    row_numbers_free(&kept);
    sample_close(&sample);
}

static void the_nearest_segment(void **state)
{
    (void)state;
    for (int64_t k = 1; k <= MOST_K; k++)
        check_pieces(k, 1 + k % 3, true);
}

static void whatever_segment_is_given(void **state)
{
    (void)state;
    for (int64_t k = 1; k <= MOST_K; k++)
        check_pieces(k, 1 + k % 3, false);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_nearest_segment),
    cmocka_unit_test(whatever_segment_is_given),
};

TESTS_MAIN("score", tests)
