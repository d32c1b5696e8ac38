/* ranks: 1 */
/* Which number of segments each criterion picks, which is taken, and the sentences about it. */
#include "assess/selection.h"

#include <math.h>

#include "assess/stability.h"
#include "support.h"

enum { MOST = 6 };

static const double none = (double)NAN;

/* `count` rows from k = `first` on in which nothing was measured. */
static struct selection blank(struct selection_row *row, int64_t first, int64_t count)
{
    assert_true(count <= MOST);
    for (int64_t i = 0; i < count; i++)
        row[i] = (struct selection_row){.k = first + i,
                                        .inertia = none,
                                        .silhouette = none,
                                        .calinski_harabasz = none,
                                        .davies_bouldin = none,
                                        .gap = none,
                                        .gap_error = none,
                                        .prediction_strength = none,
                                        .stability = none};
    return (struct selection){.row = row, .count = count, .gap_one = none, .gap_one_error = none};
}

/* What a criterion picks, and the row that is chosen by it, where its column holds `value`. */
static void check_rule(enum criterion criterion, int64_t first, int64_t count, const double *value,
                       int64_t pick, int64_t chosen)
{
    struct selection_row row[MOST];
    struct selection selection = blank(row, first, count);
    for (int64_t i = 0; i < count; i++) {
        double *column[] = {&row[i].silhouette, &row[i].stability, &row[i].gap, &row[i].prediction_strength};
        *column[criterion] = value[i];
    }
    selection_choose(&selection, criterion);
    assert_int_equal(selection.pick[criterion], pick);
    assert_int_equal(selection.chosen, chosen);
    for (int c = 0; c < CRITERIA; c++)
        assert_true(c == (int)criterion || selection.pick[c] == SELECTION_UNKNOWN);
    assert_true(isnan(selection.structure) && isnan(selection.structure_error) && !selection.one_cloud);
}

#define VALUES(...) ((const double[]){__VA_ARGS__})

/* ---- rules ---- */

static void the_highest_silhouette(void **state)
{
    (void)state;
    enum criterion by = CHOOSE_SILHOUETTE;
    check_rule(by, 2, 4, VALUES(0.2, 0.5, 0.5, 0.4), 1, 1); /* the fewest on a tie */
    check_rule(by, 2, 3, VALUES(-0.3, -0.1, -0.2), 1, 1);
    check_rule(by, 1, 3, VALUES(none, 0.1, 0.2), 2, 2); /* one segment has none */
    check_rule(by, 2, 3, VALUES(0.1, none, 0.05), 0, 0);
    check_rule(by, 2, 2, VALUES(none, none), SELECTION_UNKNOWN, 0);
    check_rule(by, 7, 1, VALUES(-0.9), 0, 0);
    check_rule(by, 1, 1, VALUES(none), SELECTION_UNKNOWN, 0);
}

static void the_most_that_are_as_stable(void **state)
{
    (void)state;
    enum criterion by = CHOOSE_STABILITY;
    double alike = 0.9 - SELECTION_ALIKE;
    check_rule(by, 2, 4, VALUES(0.9, 0.5, alike, 0.7), 2, 2);
    check_rule(by, 2, 4, VALUES(0.9, 0.5, nextafter(alike, 0), 0.7), 0, 0);
    check_rule(by, 2, 3, VALUES(alike, 0.9, none), 1, 1);
    check_rule(by, 1, 3, VALUES(1.0, 0.6, 0.3), 1, 1); /* one segment always comes out again */
    check_rule(by, 1, 3, VALUES(1.0, none, none), SELECTION_UNKNOWN, 0);
    check_rule(by, 2, 2, VALUES(-0.1, -0.5), 0, 0);
    check_rule(by, 1, 1, VALUES(1.0), SELECTION_UNKNOWN, 0);
}

static void the_most_that_are_predictable(void **state)
{
    (void)state;
    enum criterion by = CHOOSE_PREDICTION_STRENGTH;
    double bound = STABILITY_STRENGTH;
    check_rule(by, 2, 4, VALUES(0.9, 0.5, bound, 0.7), 2, 2);
    check_rule(by, 2, 4, VALUES(0.9, 0.5, nextafter(bound, 0), 0.7), 0, 0);
    check_rule(by, 2, 4, VALUES(0.3, 0.5, 0.5, 0.4), SELECTION_NONE,
               1); /* the highest, the fewest on a tie */
    check_rule(by, 2, 3, VALUES(none, 0.2, 0.4), SELECTION_NONE, 2);
    check_rule(by, 2, 3, VALUES(0.2, none, 0.9), 2, 2);
    check_rule(by, 2, 2, VALUES(none, none), SELECTION_UNKNOWN, 0);
    check_rule(by, 1, 3, VALUES(1.0, 0.85, 0.4), 1, 1);
    check_rule(by, 1, 3, VALUES(1.0, 0.7, 0.4), SELECTION_NONE, 0); /* one segment is no segments */
    check_rule(by, 1, 1, VALUES(1.0), SELECTION_UNKNOWN, 0);
    check_rule(by, 4, 1, VALUES(0.1), SELECTION_NONE, 0);
}

/* Gap of one segment first; errors are all 0.125. */
static void check_gap(int64_t first, int64_t count, double one, const double *gap, int64_t pick,
                      int64_t chosen)
{
    struct selection_row row[MOST];
    struct selection selection = blank(row, first, count);
    selection.gap_one = one;
    selection.gap_one_error = 0.125;
    for (int64_t i = 0; i < count; i++) {
        row[i].gap = gap[i];
        row[i].gap_error = isnan(gap[i]) ? none : 0.125;
    }
    selection_choose(&selection, CHOOSE_GAP);
    assert_int_equal(selection.pick[CHOOSE_GAP], pick);
    assert_int_equal(selection.chosen, chosen);
}

static void the_fewest_that_the_gap_is_content_with(void **state)
{
    (void)state;
    double infinite = (double)INFINITY;
    check_gap(2, 4, 0, VALUES(1, 2, 2.125, 3), 1, 1); /* just content */
    check_gap(2, 4, 0, VALUES(1, 2, nextafter(2.125, 3), 3), 3, 3);
    check_gap(2, 3, 0, VALUES(1, 2, 3), 2, 2);                  /* it still grows at the end */
    check_gap(2, 3, 0, VALUES(3, 2, 4), 0, 0);                  /* the first, not the highest */
    check_gap(2, 3, 1, VALUES(1.125, 2, 3), SELECTION_NONE, 2); /* one segment is enough, then the highest */
    check_gap(2, 3, 1, VALUES(nextafter(1.125, 2), 1, 3), 0, 0);
    check_gap(2, 3, 5, VALUES(3, 3, 1), SELECTION_NONE, 0); /* the fewest on a tie */
    check_gap(3, 1, 0, VALUES(1), 0, 0);
    check_gap(3, 1, 5, VALUES(1), SELECTION_NONE, 0);
    check_gap(2, 3, -1, VALUES(0, infinite, infinite), 1, 1); /* customers without inertia */
}

static void gaps_that_are_not_known(void **state)
{
    (void)state;
    check_gap(2, 2, none, VALUES(none, none), SELECTION_UNKNOWN, 0);
    check_gap(2, 1, 0, VALUES(none), SELECTION_UNKNOWN, 0);
    check_gap(2, 4, 0, VALUES(1, 2, 3, none), 2, 2); /* the range ends before it */
    check_gap(2, 4, 0, VALUES(1, none, none, none), 0, 0);
    check_gap(2, 3, 5, VALUES(1, 2, none), SELECTION_NONE, 1);
}

/* One segment is in the range, with the same gap. */
static void gaps_from_one_segment_on(void **state)
{
    (void)state;
    check_gap(1, 3, 1, VALUES(1, 1.125, 0), SELECTION_NONE, 0); /* and is then taken */
    check_gap(1, 3, 1, VALUES(1, 0.5, 0), SELECTION_NONE, 0);
    check_gap(1, 3, 1, VALUES(1, 2, 0), 1, 1);
    check_gap(1, 1, 1, VALUES(1), SELECTION_NONE, 0);
}

/* A criterion that is not known takes the first row, whatever the others say. */
static void others_do_not_stand_in(void **state)
{
    (void)state;
    for (int c = 0; c < CRITERIA; c++) {
        struct selection_row row[MOST];
        struct selection selection = blank(row, 2, 3);
        selection.gap_one = c == CHOOSE_GAP ? none : 0.0;
        for (int i = 0; i < 3; i++) {
            row[i].silhouette = c == CHOOSE_SILHOUETTE ? none : 0.1 * i;
            row[i].stability = c == CHOOSE_STABILITY ? none : 0.3 * i;
            row[i].gap = c == CHOOSE_GAP ? none : i + 1;
            row[i].gap_error = c == CHOOSE_GAP ? none : 0.1;
            row[i].prediction_strength = c == CHOOSE_PREDICTION_STRENGTH ? none : 0.45 * i;
        }
        selection_choose(&selection, (enum criterion)c);
        assert_int_equal(selection.chosen, 0);
        for (int other = 0; other < CRITERIA; other++)
            assert_int_equal(selection.pick[other], other == c ? SELECTION_UNKNOWN : 2);
    }
}

/* ---- reasons ---- */

static void expect_reason(struct selection *selection, enum criterion criterion, const char *expected)
{
    char text[1024];
    selection_choose(selection, criterion);
    selection_reason(selection, criterion, text, sizeof text);
    assert_string_equal(text, expected);
    char small[32]; /* cut short, as much as there is room for */
    memset(small, 'x', sizeof small);
    selection_reason(selection, criterion, small, sizeof small - 1);
    assert_memory_equal(small, expected, sizeof small - 2);
    assert_true(small[sizeof small - 2] == '\0' && small[sizeof small - 1] == 'x');
}

static void reasons(void **state)
{
    (void)state;
    struct selection_row row[MOST];
    struct selection selection = blank(row, 2, 3);
    expect_reason(&selection, CHOOSE_SILHOUETTE,
                  "2 segments, by silhouette: it could not be measured, so the "
                  "fewest.");
    expect_reason(&selection, CHOOSE_GAP, "2 segments, by gap: it could not be measured, so the fewest.");
    for (int i = 0; i < 3; i++) {
        row[i].silhouette = 0.1234 + 0.25 * i;
        row[i].stability = 0.5 + 0.126 * i;
        row[i].prediction_strength = 0.9 - 0.046 * i;
    }
    expect_reason(&selection, CHOOSE_SILHOUETTE,
                  "4 segments, by silhouette: the highest mean silhouette (0.623).");
    expect_reason(
        &selection, CHOOSE_STABILITY,
        "4 segments, by stability: the most whose bootstrap replicates agree (mean adjusted Rand index "
        "0.75) within 0.02 of the best.");
    expect_reason(&selection, CHOOSE_PREDICTION_STRENGTH,
                  "4 segments, by prediction strength: the most with a prediction strength of at least 0.8 "
                  "(0.81).");
    for (int i = 0; i < 3; i++)
        row[i].prediction_strength -= 0.4;
    expect_reason(
        &selection, CHOOSE_PREDICTION_STRENGTH,
        "2 segments, by prediction strength: no number of segments has a prediction strength of 0.8; "
        "here it is highest (0.50).");
}

static void reasons_by_the_gap(void **state)
{
    (void)state;
    struct selection_row row[MOST];
    struct selection selection = blank(row, 4, 4);
    selection.gap_one = 0.5;
    for (int i = 0; i < 3; i++) {
        row[i].gap = 1.0 + 0.25 * i;
        row[i].gap_error = 0.03125;
    }
    const char *grows = "6 segments, by gap: the gap statistic still grows at the end of the range (1.500).";
    expect_reason(&selection, CHOOSE_GAP, grows); /* what is not known is beyond it */
    selection.count = 3;
    expect_reason(&selection, CHOOSE_GAP, grows);
    row[2].gap = 1.25;
    expect_reason(&selection, CHOOSE_GAP,
                  "5 segments, by gap: the fewest whose gap (1.250) is not below that of 6 less its error "
                  "(1.250 - 0.031).");
    selection.gap_one = 2.0;
    expect_reason(
        &selection, CHOOSE_GAP,
        "5 segments, by gap: the gap statistic is for one segment; of the others it is highest here "
        "(1.250).");
    row[0].k = 1;
    row[0].gap = 2.0;
    expect_reason(&selection, CHOOSE_GAP, "1 segment, by gap: the gap statistic finds no more.");
}

/* ---- warnings ---- */

static void expect_warnings(const struct selection *selection, const char *expected)
{
    char text[2048];
    selection_warnings(selection, text, sizeof text);
    assert_string_equal(text, expected);
    char small[8];
    selection_warnings(selection, small, sizeof small);
    assert_true(strlen(small) < sizeof small && memcmp(small, expected, strlen(small)) == 0);
}

static void disagreement(void **state)
{
    (void)state;
    struct selection_row row[MOST];
    struct selection selection = blank(row, 2, 3);
    row[1].silhouette = 0.5;
    selection_choose(&selection, CHOOSE_SILHOUETTE);
    expect_warnings(&selection, ""); /* one alone */
    row[1].prediction_strength = 0.85;
    row[0].prediction_strength = 0.9;
    selection_choose(&selection, CHOOSE_SILHOUETTE);
    expect_warnings(&selection, ""); /* two, the same */
    row[0].stability = 0.9;
    row[2].stability = 0.7;
    selection_choose(&selection, CHOOSE_SILHOUETTE);
    expect_warnings(&selection, "The criteria disagree: silhouette 3, stability 2, prediction strength 3.");
    row[0].stability = none;
    row[2].stability = 0.9;
    selection.gap_one = 1;
    row[0].gap = row[0].gap_error = 0;
    row[0].prediction_strength = row[1].prediction_strength = 0.1;
    selection_choose(&selection, CHOOSE_SILHOUETTE);
    expect_warnings(&selection,
                    "The criteria disagree: silhouette 3, stability 4, gap none (no segments), prediction "
                    "strength none (no segments).");
    row[1].silhouette = row[2].stability = none;
    selection_choose(&selection, CHOOSE_GAP);
    expect_warnings(&selection, ""); /* both say none */
    row[2].silhouette = 0.25;
    selection_choose(&selection, CHOOSE_GAP);
    expect_warnings(&selection,
                    "The criteria disagree: silhouette 4, gap none (no segments), prediction strength none "
                    "(no segments).");
    selection.count = 1; /* no choice, no disagreement */
    row[0].silhouette = 0.5;
    selection_choose(&selection, CHOOSE_GAP);
    assert_true(selection.pick[CHOOSE_SILHOUETTE] == 0 && selection.pick[CHOOSE_GAP] == SELECTION_NONE);
    expect_warnings(&selection, "");
}

static void instability(void **state)
{
    (void)state;
    struct selection_row row[MOST];
    struct selection selection = blank(row, 1, 4);
    selection_choose(&selection, CHOOSE_STABILITY);
    assert_false(selection.unstable); /* not measured */
    row[0].stability = 1;             /* as ever */
    selection_choose(&selection, CHOOSE_STABILITY);
    assert_false(selection.unstable);
    row[1].stability = 0.3;
    row[3].stability = STABILITY_PATTERN;
    selection_choose(&selection, CHOOSE_STABILITY);
    assert_false(selection.unstable);
    row[3].stability = nextafter(STABILITY_PATTERN, 0);
    selection_choose(&selection, CHOOSE_STABILITY);
    assert_true(selection.unstable);
    row[3].stability = 0.594;
    selection_choose(&selection, CHOOSE_STABILITY);
    assert_true(selection.unstable);
    expect_warnings(&selection,
                    "Nothing here is stable: bootstrap replicates agree with the segments by a mean "
                    "adjusted Rand index of at most 0.59, below 0.6. Do not build on these segments.");
    struct selection one = blank(row, 5, 1);
    row[0].stability = nextafter(STABILITY_PATTERN, 0);
    selection_choose(&one, CHOOSE_SILHOUETTE);
    assert_true(one.unstable);
    row[0].stability = -0.1;
    selection_choose(&one, CHOOSE_SILHOUETTE);
    expect_warnings(&one,
                    "Nothing here is stable: bootstrap replicates agree with the segments by a mean adjusted "
                    "Rand index of -0.10, below 0.6. Do not build on these segments.");
}

static bool told_too_few;

/* The published gaps differ by `gaps`, with errors of 0.003 and 0.004. */
static bool is_one_cloud(int64_t k, double structure, double error, double border, double gaps)
{
    struct selection_row row = {.k = k, .gap = 1.0 + gaps, .gap_error = 0.003};
    struct selection selection = {.row = &row, .count = 1, .gap_one = 1.0, .gap_one_error = 0.004};
    struct gap one = {.k = 1, .gap = 0.25, .error = 0};
    struct gap chosen = {.k = k, .gap = 0.25 + structure, .error = error};
    selection_weigh(&selection, &one, &chosen, border);
    if (isfinite(structure))
        assert_close(selection.structure, structure, 1e-12);
    assert_true(selection.border == border || isnan(border));
    assert_true(!selection.too_few || !selection.one_cloud);
    told_too_few = selection.too_few;
    return selection.one_cloud;
}

static void one_cloud(void **state)
{
    (void)state;
    struct selection_row row = {.k = 3};
    struct selection selection = {.row = &row, .count = 1};
    selection_weigh(&selection, &(struct gap){.k = 1, .gap = 0, .error = 0.375},
                    &(struct gap){.k = 3, .gap = 0.5, .error = 0.5}, 1);
    assert_true(selection.structure == 0.5 && selection.structure_error == 0.625);
    /* customers on the borders, and no more structure than 0.02 and twice the error */
    assert_true(is_one_cloud(2, 0.02 - 1e-9, 0, 0.5, 1) && !is_one_cloud(2, 0.02 + 1e-9, 0, 0.5, 1));
    assert_true(is_one_cloud(7, 0.04 - 1e-9, 0.01, 1, 1) && !is_one_cloud(7, 0.04 + 1e-9, 0.01, 1, 1));
    assert_false(is_one_cloud(2, -3, 0.01, nextafter(0.5, 0), 1)); /* few on the borders */
    assert_false(told_too_few);
    /* or a gap that is not above that of one segment by twice both errors */
    assert_true(is_one_cloud(2, 1, 0, 1, 0.01 - 1e-9) && !is_one_cloud(2, 1, 0, 1, 0.01 + 1e-9));
    assert_false(is_one_cloud(2, 1, 0, 0.4, -1));
    assert_false(told_too_few);
    /* where errors leave room for more it cannot be said */
    assert_true(is_one_cloud(2, -0.1, 0.1 - 1e-9, 1, 1) && !told_too_few);
    assert_true(!is_one_cloud(2, -0.1, 0.1 + 1e-9, 1, 1) && told_too_few);
    assert_true(!is_one_cloud(2, -0.1, 0.2, 0.4, 1) && !told_too_few);
    /* nothing is said of one segment, or of what is not known */
    assert_false(is_one_cloud(1, 0, 0.01, 1, 0));
    assert_false(is_one_cloud(2, none, none, 1, 1));
    assert_false(is_one_cloud(2, 0, 0, none, 0));
}

static void one_cloud_is_said_first(void **state)
{
    (void)state;
    struct selection_row row[MOST];
    struct selection selection = blank(row, 2, 2);
    row[1].stability = 0.25;
    row[0].silhouette = 0.5;
    selection_choose(&selection, CHOOSE_STABILITY);
    selection_weigh(&selection, &(struct gap){.k = 1, .gap = 0.5, .error = 0.003},
                    &(struct gap){.k = 3, .gap = 0.485, .error = 0.004}, 1.0);
    expect_warnings(
        &selection,
        "No separate segments can be seen here. There are hardly fewer customers on the borders between "
        "these 3 segments than around their centres, and the segments fit them no better than segments fit "
        "customers that are spread evenly. They are slices of one cloud, even where the same slices come "
        "out again.\n"
        "Nothing here is stable: bootstrap replicates agree with the segments by a mean adjusted Rand "
        "index of at most 0.25, below 0.6. Do not build on these segments.\n"
        "The criteria disagree: silhouette 2, stability 3.");
    selection_choose(&selection, CHOOSE_STABILITY); /* another choice begins anew */
    assert_true(!selection.one_cloud && isnan(selection.structure));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_highest_silhouette),
    cmocka_unit_test(the_most_that_are_as_stable),
    cmocka_unit_test(the_most_that_are_predictable),
    cmocka_unit_test(the_fewest_that_the_gap_is_content_with),
    cmocka_unit_test(gaps_that_are_not_known),
    cmocka_unit_test(gaps_from_one_segment_on),
    cmocka_unit_test(others_do_not_stand_in),
    cmocka_unit_test(reasons),
    cmocka_unit_test(reasons_by_the_gap),
    cmocka_unit_test(disagreement),
    cmocka_unit_test(instability),
    cmocka_unit_test(one_cloud),
    cmocka_unit_test(one_cloud_is_said_first),
};

TESTS_MAIN("selection", tests)
