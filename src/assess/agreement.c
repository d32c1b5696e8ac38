#include "assess/agreement.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* ---- pairs of customers ---- */

/* Columns that are summed at a time: a table is read row by row, and nothing need be allocated. */
enum { STRIP = 64 };

/* Sums of squares: of the counts, of the sums of the rows and of the columns. */
struct squares {
    int64_t customers;
    __int128 count;
    __int128 row;
    __int128 column;
};

static __int128 square(int64_t count)
{
    return (__int128)count * count;
}

static int64_t row_sum(const struct contingency *table, int64_t row)
{
    int64_t sum = 0;
    for (int64_t j = 0; j < table->columns; j++)
        sum += table->count[row * table->columns + j];
    return sum;
}

static void add_column_squares(const struct contingency *table, int64_t first, struct squares *squares)
{
    int64_t width = table->columns - first < STRIP ? table->columns - first : STRIP;
    int64_t sum[STRIP] = {0};
    for (int64_t i = 0; i < table->rows; i++) {
        for (int64_t j = 0; j < width; j++) {
            int64_t count = table->count[i * table->columns + first + j];
            sum[j] += count;
            squares->count += square(count);
        }
    }
    for (int64_t j = 0; j < width; j++)
        squares->column += square(sum[j]);
}

static struct squares squares_of(const struct contingency *table)
{
    struct squares squares = {0};
    for (int64_t i = 0; i < table->rows; i++) {
        int64_t sum = row_sum(table, i);
        squares.customers += sum;
        squares.row += square(sum);
    }
    for (int64_t first = 0; first < table->columns; first += STRIP)
        add_column_squares(table, first, &squares);
    return squares;
}

/* Of ordered pairs: those that both labelings keep together, only the one, only the other, neither. With 2^40
 * customers they are below 2^80, and their products below 2^160, of which __float128 keeps 113 bits. */
double agreement_adjusted_rand(const struct contingency *table)
{
    struct squares squares = squares_of(table);
    __int128 both = squares.count - squares.customers;
    __int128 one = squares.row - squares.count;
    __int128 other = squares.column - squares.count;
    __int128 neither = square(squares.customers) - one - other - squares.count;
    if (one == 0 && other == 0)
        return 1.0;
    __float128 above = (__float128)both * (__float128)neither - (__float128)one * (__float128)other;
    __float128 below = (__float128)(both + one) * (__float128)(one + neither) +
                       (__float128)(both + other) * (__float128)(other + neither);
    return (double)(2 * above / below);
}

double agreement_prediction_strength(const struct contingency *table)
{
    double least = 1.0;
    for (int64_t i = 0; i < table->rows; i++) {
        int64_t sum = row_sum(table, i);
        __int128 kept = -sum;
        for (int64_t j = 0; j < table->columns; j++)
            kept += square(table->count[i * table->columns + j]);
        if (sum < 2)
            continue;
        double share = (double)kept / (double)(square(sum) - sum);
        least = share < least ? share : least;
    }
    return least;
}

/* ---- segments ---- */

status_t agreement_jaccard(const struct contingency *table, double *jaccard)
{
    int64_t *column = NULL;
    status_t status = memory_new(&column, table->columns, sizeof *column, "sizes of segments");
    if (status)
        return status;
    for (int64_t i = 0; i < table->rows; i++)
        for (int64_t j = 0; j < table->columns; j++)
            column[j] += table->count[i * table->columns + j];
    for (int64_t i = 0; i < table->rows; i++) {
        int64_t row = row_sum(table, i);
        jaccard[i] = 0.0;
        for (int64_t j = 0; row > 0 && j < table->columns; j++) {
            int64_t shared = table->count[i * table->columns + j];
            double share = (double)shared / (double)(row + column[j] - shared);
            jaccard[i] = share > jaccard[i] ? share : jaccard[i];
        }
    }
    free(column);
    return STATUS_OK;
}

static double column_stability(const struct contingency *table, int64_t column)
{
    int64_t sum = 0;
    double entropy = 0.0;
    for (int64_t i = 0; i < table->rows; i++)
        sum += table->count[i * table->columns + column];
    if (sum == 0)
        return (double)NAN;
    for (int64_t i = 0; i < table->rows; i++) {
        double share = (double)table->count[i * table->columns + column] / (double)sum;
        entropy -= share > 0 ? share * log(share) : 0.0;
    }
    double stability = table->rows > 1 ? 1.0 - entropy / log((double)table->rows) : 1.0;
    return stability > 0 ? stability : 0.0; /* rounding of equal shares */
}

void agreement_level_stability(const struct contingency *table, double *stability)
{
    for (int64_t j = 0; j < table->columns; j++)
        stability[j] = column_stability(table, j);
}

/* ---- matching ---- */

/* The side of the table that has fewer segments is matched, one after the other, with the one that has more:
 * every `one` finds an `other`. price and worth are whole numbers with worth[one] + price[other] >= count
 * everywhere, equal on matched pairs, and price 0 of those not yet matched: no matching has more customers
 * than the sum of both, so one of all that meets it is the best. */
struct matching {
    int64_t ones;
    int64_t others;
    const int64_t *count; /* ones x others */
    int64_t *worth;       /* ones */
    int64_t *price;       /* others */
    int32_t *other;       /* ones: matched with; -1: none yet */
    int32_t *one;         /* others */
    int64_t *loss;        /* others: of the cheapest path from the one that is to be matched */
    int32_t *from;        /* others: the one before on that path */
    bool *done;           /* others: nothing cheaper will be found */
};

/* Everybody's favourite, where it is still free: the best matching already where no two share one. */
static void match_favourites(struct matching *matching)
{
    memset(matching->one, -1, (size_t)matching->others * sizeof *matching->one);
    for (int64_t i = 0; i < matching->ones; i++) {
        const int64_t *count = matching->count + i * matching->others;
        int64_t best = 0;
        for (int64_t j = 1; j < matching->others; j++)
            best = count[j] > count[best] ? j : best;
        matching->worth[i] = count[best];
        matching->other[i] = matching->one[best] < 0 ? (int32_t)best : -1;
        if (matching->one[best] < 0)
            matching->one[best] = (int32_t)i;
    }
}

/* Paths that go on from `one`, which was reached with the loss `before`. Returns the cheapest of the others
 * that are not done, one without a partner on a tie. */
static int64_t look_around(struct matching *matching, int64_t one, int64_t before)
{
    const int64_t *count = matching->count + one * matching->others;
    int64_t best = -1;
    for (int64_t j = 0; j < matching->others; j++) {
        if (matching->done[j])
            continue;
        int64_t loss = before + matching->worth[one] + matching->price[j] - count[j];
        if (loss < matching->loss[j]) {
            matching->loss[j] = loss;
            matching->from[j] = (int32_t)one;
        }
        if (best < 0 || matching->loss[j] < matching->loss[best] ||
            (matching->loss[j] == matching->loss[best] && matching->one[best] >= 0 && matching->one[j] < 0))
            best = j;
    }
    return best;
}

/* The cheapest path from `one` to an other without a partner; all on it change partners. */
static void match_one(struct matching *matching, int64_t one)
{
    memset(matching->done, 0, (size_t)matching->others * sizeof *matching->done);
    for (int64_t j = 0; j < matching->others; j++)
        matching->loss[j] = INT64_MAX;
    int64_t end = look_around(matching, one, 0);
    while (matching->one[end] >= 0) {
        matching->done[end] = true;
        end = look_around(matching, matching->one[end], matching->loss[end]);
    }
    int64_t all = matching->loss[end];
    matching->worth[one] -= all;
    for (int64_t j = 0; j < matching->others; j++) {
        if (!matching->done[j])
            continue;
        matching->worth[matching->one[j]] -= all - matching->loss[j];
        matching->price[j] += all - matching->loss[j];
    }
    for (int64_t j = end; j >= 0;) {
        int32_t mover = matching->from[j];
        int64_t left = matching->other[mover];
        matching->other[mover] = (int32_t)j;
        matching->one[j] = mover;
        j = left;
    }
}

static status_t matching_open(struct matching *matching)
{
    int64_t ones = matching->ones;
    int64_t others = matching->others;
    status_t status = memory_new(&matching->worth, ones, sizeof *matching->worth, "a matching");
    if (!status)
        status = memory_new(&matching->price, others, sizeof *matching->price, "a matching");
    if (!status)
        status = memory_new(&matching->other, ones, sizeof *matching->other, "a matching");
    if (!status)
        status = memory_new(&matching->one, others, sizeof *matching->one, "a matching");
    if (!status)
        status = memory_new(&matching->loss, others, sizeof *matching->loss, "a matching");
    if (!status)
        status = memory_new(&matching->from, others, sizeof *matching->from, "a matching");
    if (!status)
        status = memory_new(&matching->done, others, sizeof *matching->done, "a matching");
    return status;
}

static void matching_close(struct matching *matching)
{
    free(matching->worth);
    free(matching->price);
    free(matching->other);
    free(matching->one);
    free(matching->loss);
    free(matching->from);
    free(matching->done);
}

static status_t transpose(const struct contingency *table, int64_t **turned)
{
    status_t status = memory_new(turned, table->rows * table->columns, sizeof **turned, "a matching");
    for (int64_t i = 0; !status && i < table->rows; i++)
        for (int64_t j = 0; j < table->columns; j++)
            (*turned)[j * table->rows + i] = table->count[i * table->columns + j];
    return status;
}

status_t agreement_match(const struct contingency *table, int32_t *match)
{
    bool turn = table->rows > table->columns;
    int64_t *turned = NULL;
    struct matching matching = {.ones = turn ? table->columns : table->rows,
                                .others = turn ? table->rows : table->columns};
    status_t status = matching_open(&matching);
    if (!status && turn)
        status = transpose(table, &turned);
    if (!status) {
        matching.count = turn ? turned : table->count;
        match_favourites(&matching);
        for (int64_t i = 0; i < matching.ones; i++) {
            if (matching.other[i] < 0)
                match_one(&matching, i);
        }
        memcpy(match, turn ? matching.one : matching.other, (size_t)table->rows * sizeof *match);
    }
    matching_close(&matching);
    free(turned);
    return status;
}
