#include "kernel/axes.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Additions, multiplications, divisions and square roots in an order that is fixed, so that the axes are the
 * same bits on every processor: a library's are not, and where eigenvalues are equal they are not even near.
 * Sums run along rows, element by element, which is as fast in vector registers of any width. */

enum { SWEEPS = 60 }; /* two are usual; three or four at the beginning */

/* What has a smaller square, against elements of up to 1, is nothing: squares of less lose their digits. */
static const double NOTHING = 1e-200;

/* ---- rows ---- */

#define WIDTHS __attribute__((target_clones("avx512f", "avx2", "default")))

WIDTHS static void add_row(int64_t count, double factor, const double *row, double *to)
{
    for (int64_t i = 0; i < count; i++)
        to[i] += factor * row[i];
}

WIDTHS static void turn_rows(int64_t count, double cosine, double sine, double *row, double *next)
{
    for (int64_t i = 0; i < count; i++) {
        double kept = next[i];
        next[i] = sine * row[i] + cosine * kept;
        row[i] = cosine * row[i] - sine * kept;
    }
}

static void swap_rows(int64_t count, double *row, double *other)
{
    for (int64_t i = 0; i < count; i++) {
        double kept = row[i];
        row[i] = other[i];
        other[i] = kept;
    }
}

/* ---- to three diagonals, by reflections ---- */

/* Turns `vector` into the one that reflects it onto its first element, which is returned. *factor: two by the
 * square of its length, or 0 where there is nothing to reflect. */
static double reflection(int64_t count, double *vector, double *factor)
{
    double square = 0.0;
    for (int64_t i = 1; i < count; i++)
        square += vector[i] * vector[i];
    *factor = 0.0;
    if (square < NOTHING)
        return vector[0];
    double length = sqrt(vector[0] * vector[0] + square);
    double first = vector[0] > 0.0 ? -length : length;
    vector[0] -= first;
    *factor = 2.0 / (vector[0] * vector[0] + square);
    return first;
}

/* P A P of the square below and right of `at`, where P = 1 - factor v v' and v is in row `at`. */
static void reflect_both_sides(int64_t count, int64_t at, double factor, double *matrix, double *image)
{
    int64_t size = count - at - 1;
    const double *vector = matrix + at * count + at + 1;
    double *square = matrix + (at + 1) * count + at + 1;
    memset(image, 0, (size_t)size * sizeof *image);
    for (int64_t i = 0; i < size; i++)
        add_row(size, factor * vector[i], square + i * count, image);
    double product = 0.0;
    for (int64_t i = 0; i < size; i++)
        product += vector[i] * image[i];
    add_row(size, -0.5 * factor * product, vector, image);
    for (int64_t i = 0; i < size; i++) {
        add_row(size, -vector[i], image, square + i * count);
        add_row(size, -image[i], vector, square + i * count);
    }
}

/* Leaves the vectors of the reflections in the rows, right of the diagonal. */
static void make_tridiagonal(int64_t count, double *matrix, double *diagonal, double *beside, double *factor,
                             double *image)
{
    for (int64_t k = 0; k < count; k++) {
        diagonal[k] = matrix[k * count + k];
        if (k + 1 == count)
            break;
        beside[k] = reflection(count - k - 1, matrix + k * count + k + 1, &factor[k]);
        if (factor[k] != 0.0)
            reflect_both_sides(count, k, factor[k], matrix, image);
    }
}

/* The product of the reflections in place of their vectors, transposed. */
static void multiply_reflections(int64_t count, double *matrix, const double *factor, double *image)
{
    for (int64_t k = count - 1; k >= 0; k--) {
        int64_t size = count - k - 1;
        double *vector = matrix + k * count + k + 1;
        double *square = matrix + (k + 1) * count + k + 1;
        if (size > 0 && factor[k] != 0.0) {
            memset(image, 0, (size_t)size * sizeof *image);
            for (int64_t i = 0; i < size; i++)
                add_row(size, vector[i], square + i * count, image);
            for (int64_t i = 0; i < size; i++)
                add_row(size, -factor[k] * vector[i], image, square + i * count);
        }
        memset(matrix + k * count, 0, (size_t)count * sizeof *matrix);
        for (int64_t i = k; i < count; i++)
            matrix[i * count + k] = i == k ? 1.0 : 0.0;
    }
    for (int64_t f = 0; f < count; f++) {
        for (int64_t g = 0; g < f; g++) {
            double kept = matrix[f * count + g];
            matrix[f * count + g] = matrix[g * count + f];
            matrix[g * count + f] = kept;
        }
    }
}

/* ---- to one, by rotations ---- */

/* The end of the block from `begin` on: where what is beside the diagonal is nothing against it. */
static int64_t block_end(int64_t count, int64_t begin, const double *diagonal, const double *beside)
{
    int64_t end = begin;
    while (end + 1 < count &&
           fabs(beside[end]) >
               DBL_EPSILON * (fabs(diagonal[end]) + fabs(diagonal[end + 1])) + DBL_EPSILON * DBL_EPSILON)
        end++;
    return end;
}

/* One implicit QL step of the block, shifted by the eigenvalue of its first two rows that is nearer to the
 * first. */
static void sweep(int64_t count, int64_t begin, int64_t end, double *diagonal, double *beside, double *rows)
{
    double ratio = (diagonal[begin + 1] - diagonal[begin]) / (2.0 * beside[begin]);
    double root = fabs(ratio) < 1e150 ? sqrt(ratio * ratio + 1.0) : fabs(ratio);
    double bulge = diagonal[end] - diagonal[begin] + beside[begin] / (ratio + copysign(root, ratio));
    double sine = 1.0;
    double cosine = 1.0;
    double shift = 0.0;
    for (int64_t i = end - 1; i >= begin; i--) {
        double across = sine * beside[i];
        double along = cosine * beside[i];
        double length = sqrt(across * across + bulge * bulge);
        beside[i + 1] = length;
        if (length == 0.0) { /* it has fallen apart here */
            diagonal[i + 1] -= shift;
            beside[end] = 0.0;
            return;
        }
        sine = across / length;
        cosine = bulge / length;
        double base = diagonal[i + 1] - shift;
        double change = (diagonal[i] - base) * sine + 2.0 * cosine * along;
        shift = sine * change;
        diagonal[i + 1] = base + shift;
        bulge = cosine * change - along;
        turn_rows(count, cosine, sine, rows + i * count, rows + (i + 1) * count);
    }
    diagonal[begin] -= shift;
    beside[begin] = bulge;
    beside[end] = 0.0;
}

static bool make_diagonal(int64_t count, double *diagonal, double *beside, double *rows)
{
    for (int64_t begin = 0; begin < count; begin++) {
        int64_t end = block_end(count, begin, diagonal, beside);
        for (int i = 0; end > begin; i++) {
            if (i == SWEEPS)
                return false;
            sweep(count, begin, end, diagonal, beside, rows);
            end = block_end(count, begin, diagonal, beside);
        }
    }
    return true;
}

/* ---- all ---- */

/* Its largest element becomes 1, so that no square of one is out of range; what is right of the diagonal
 * becomes what is below. False where there is something that is no number. */
static bool make_ready(int64_t count, double *matrix)
{
    double largest = 0.0;
    for (int64_t f = 0; f < count; f++) {
        for (int64_t g = 0; g <= f; g++) {
            double size = fabs(matrix[f * count + g]);
            if (!isfinite(size))
                return false;
            largest = size > largest ? size : largest;
        }
    }
    double scale = largest > 0.0 ? largest : 1.0;
    for (int64_t f = 0; f < count; f++) {
        for (int64_t g = 0; g <= f; g++) {
            matrix[f * count + g] /= scale;
            matrix[g * count + f] = matrix[f * count + g];
        }
    }
    return true;
}

static void sort_falling(int64_t count, double *value, double *rows)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t most = i;
        for (int64_t j = i + 1; j < count; j++)
            most = value[j] > value[most] ? j : most;
        if (most == i)
            continue;
        double kept = value[i];
        value[i] = value[most];
        value[most] = kept;
        swap_rows(count, rows + i * count, rows + most * count);
    }
}

bool axes_of(int64_t count, double *matrix, double *work)
{
    double *diagonal = work;
    double *beside = work + count;
    double *factor = work + 2 * count;
    double *image = work + 3 * count;
    memset(work, 0, (size_t)(4 * count) * sizeof *work);
    if (!make_ready(count, matrix))
        return false;
    make_tridiagonal(count, matrix, diagonal, beside, factor, image);
    multiply_reflections(count, matrix, factor, image);
    if (!make_diagonal(count, diagonal, beside, matrix))
        return false;
    sort_falling(count, diagonal, matrix);
    return true;
}
