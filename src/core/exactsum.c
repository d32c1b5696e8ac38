#include "core/exactsum.h"

#include <stdbool.h>
#include <string.h>

#include "core/lanes.h"

enum { EXPONENT_BIAS = 1088, DIGIT_BITS = 32, MANTISSA_BITS = 52 };
static const int64_t ADDITIONS_BEFORE_CARRY = INT64_C(1) << 30;

void exactsum_normalise(struct exactsum *sum)
{
    int64_t carry = 0;
    for (int i = 0; i < EXACTSUM_DIGITS - 1; i++) {
        int64_t digit = sum->digit[i] + carry;
        carry = digit >> DIGIT_BITS;
        sum->digit[i] = digit - carry * (INT64_C(1) << DIGIT_BITS);
    }
    sum->digit[EXACTSUM_DIGITS - 1] += carry;
    sum->pending = 0;
}

void exactsum_add(struct exactsum *sum, double term)
{
    uint64_t bits = 0;
    memcpy(&bits, &term, sizeof bits);
    uint64_t mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
    int exponent = (int)(bits >> MANTISSA_BITS & 0x7ff);
    if (exponent == 0)
        exponent = 1; /* subnormal: no hidden bit */
    else
        mantissa |= UINT64_C(1) << MANTISSA_BITS;
    if (mantissa == 0)
        return;
    /* term = mantissa * 2^(exponent - 1075), so its lowest bit lies at this place of the fixed-point number
     */
    int place = exponent - 1075 + EXPONENT_BIAS;
    int index = place / DIGIT_BITS;
    unsigned __int128 wide = (unsigned __int128)mantissa << (place % DIGIT_BITS);
    int64_t sign = bits >> 63 ? -1 : 1;
    sum->digit[index] += sign * (int64_t)(uint32_t)wide;
    sum->digit[index + 1] += sign * (int64_t)(uint32_t)(wide >> DIGIT_BITS);
    sum->digit[index + 2] += sign * (int64_t)(uint32_t)(wide >> 2 * DIGIT_BITS);
    if (++sum->pending >= ADDITIONS_BEFORE_CARRY)
        exactsum_normalise(sum);
}

/* A sum in each lane, as high + low without rounding unless `lost` says otherwise. */
struct lane_sums {
    lanes high;
    lanes low;
    lane_masks lost;
};

/* Knuth's two-sum twice: what high + term loses goes into low, and what low loses is only noticed. */
LANES_INLINE void add_lanes(struct lane_sums *sums, lanes term)
{
    lanes high = sums->high + term;
    lanes back = high - sums->high;
    lanes rest = (sums->high - (high - back)) + (term - back);
    lanes low = sums->low + rest;
    back = low - sums->low;
    sums->lost |= (sums->low - (low - back)) + (rest - back) != 0;
    sums->high = high;
    sums->low = low;
}

/* The sum of `count` terms as LANES pairs; returns whether it is exact. Terms near the end of double's range
 * would overflow to no number in `lost`, which is not zero. */
LANES_VERSIONS static bool add_in_lanes(const double *term, int64_t count, double part[2 * LANES])
{
    struct lane_sums sums = {0};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        add_lanes(&sums, lanes_of(term + i));
    if (i < count)
        add_lanes(&sums, lanes_part(term + i, count - i, (lanes){0}));
    memcpy(part, &sums.high, sizeof sums.high);
    memcpy(part + LANES, &sums.low, sizeof sums.low);
    int64_t lost = 0;
    for (int lane = 0; lane < LANES; lane++)
        lost |= sums.lost[lane];
    return lost == 0;
}

void exactsum_add_all(struct exactsum *sum, const double *term, int64_t count)
{
    double part[2 * LANES];
    bool in_lanes = count > LANES && add_in_lanes(term, count, part);
    const double *exact = in_lanes ? part : term;
    int64_t exact_count = in_lanes ? INT64_C(2) * LANES : count;
    for (int64_t i = 0; i < exact_count; i++)
        exactsum_add(sum, exact[i]);
}

void exactsum_merge(struct exactsum *sum, const struct exactsum *other)
{
    struct exactsum copy = *other;
    exactsum_normalise(&copy);
    exactsum_normalise(sum);
    for (int i = 0; i < EXACTSUM_DIGITS; i++)
        sum->digit[i] += copy.digit[i];
    exactsum_normalise(sum);
}

/* The magnitude's leading 53 bits, rounded to nearest even on all that follow; *digit is reduced by what was
 * taken. */
static double take_leading(struct exactsum *sum)
{
    int64_t *digit = sum->digit;
    int negative = digit[EXACTSUM_DIGITS - 1] < 0;
    if (negative) {
        for (int i = 0; i < EXACTSUM_DIGITS; i++)
            digit[i] = -digit[i];
        exactsum_normalise(sum);
    }
    int top = EXACTSUM_DIGITS - 1;
    while (top > 0 && digit[top] == 0)
        top--;
    if (top < 3) { /* below the range of the four-digit window: only exact subnormal dust lives here */
        top = 3;
    }
    unsigned __int128 window = 0;
    for (int i = 0; i < 4; i++)
        window = window << DIGIT_BITS | (unsigned __int128)(uint32_t)digit[top - i];
    int sticky = 0;
    for (int i = 0; i <= top - 4; i++)
        sticky |= digit[i] != 0;
    if (window == 0)
        return 0.0;
    int width = 128 - (window >> 64 ? __builtin_clzll((uint64_t)(window >> 64))
                                    : 64 + __builtin_clzll((uint64_t)window));
    int drop = width > 53 ? width - 53 : 0;
    uint64_t kept = (uint64_t)(window >> drop);
    if (drop > 0) {
        unsigned __int128 rest = window - ((unsigned __int128)kept << drop);
        unsigned __int128 half = (unsigned __int128)1 << (drop - 1);
        if (rest > half || (rest == half && (sticky || (kept & 1))))
            kept++;
    }
    int exponent = DIGIT_BITS * (top - 3) - EXPONENT_BIAS + drop;
    double value = __builtin_ldexp((double)kept, exponent);
    return negative ? -value : value;
}

void exactsum_value(struct exactsum *sum, double *high, double *low)
{
    exactsum_normalise(sum);
    struct exactsum rest = *sum;
    *high = take_leading(&rest);
    rest = *sum;
    *low = 0.0;
    if (__builtin_isfinite(*high)) {
        exactsum_add(&rest, -*high);
        exactsum_normalise(&rest);
        *low = take_leading(&rest);
    }
}

double exactsum_round(struct exactsum *sum)
{
    double high = 0.0;
    double low = 0.0;
    exactsum_value(sum, &high, &low);
    return high;
}
