#include "kernel/axes.h"

/* LAPACK: all eigenvalues (rising) and eigenvectors, the latter as columns in place of the matrix. */
void dsyev_(const char *job, const char *triangle, const int *order, double *matrix, const int *stride,
            double *values, double *work, const int *work_size, int *info);

bool axes_of(int64_t count, double *matrix, double *work)
{
    int order = (int)count;
    int work_size = 3 * order;
    int info = 0;
    dsyev_("V", "U", &order, matrix, &order, work, work + count, &work_size, &info);
    for (int64_t i = 0; i < count / 2; i++) {
        for (int64_t f = 0; f < count; f++) {
            double kept = matrix[i * count + f];
            matrix[i * count + f] = matrix[(count - 1 - i) * count + f];
            matrix[(count - 1 - i) * count + f] = kept;
        }
    }
    return info == 0;
}
