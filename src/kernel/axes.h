/* Principal axes, the same bits on every processor. Local. */
#ifndef LOHKO_KERNEL_AXES_H
#define LOHKO_KERNEL_AXES_H

#include <stdbool.h>
#include <stdint.h>

/* The eigenvectors of a symmetric matrix (count x count; what is right of the diagonal is not looked at) in
 * place of it, one a row, by falling eigenvalue: Householder's reflections to three diagonals, then implicit
 * QL steps (Golub and Van Loan, Matrix Computations, 4th ed., 8.3). About 9 count^3 operations. `work`: 4 x
 * count doubles. False where they were not found, or an element is not finite, and then the matrix means
 * nothing. */
bool axes_of(int64_t count, double *matrix, double *work);

#endif
