/* Principal axes, by LAPACK as OpenBLAS has it. Local. */
#ifndef LOHKO_KERNEL_AXES_H
#define LOHKO_KERNEL_AXES_H

#include <stdbool.h>
#include <stdint.h>

/* The eigenvectors of a symmetric matrix (count x count) in place of it, one a row, by falling eigenvalue.
 * `work`: 4 x count doubles. False where they were not found, and then the matrix means nothing. */
bool axes_of(int64_t count, double *matrix, double *work);

#endif
