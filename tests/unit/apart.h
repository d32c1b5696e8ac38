/* Customers in six clouds that lie apart from each other. */
#ifndef LOHKO_TESTS_APART_H
#define LOHKO_TESTS_APART_H

#include <math.h>

#include "support.h"

enum { ROWS = 4200, FEATURES = 3, CLOUDS = 6 };

/* Of unequal sizes, so far apart that the best segments are found from any seed. */
SUPPORT int64_t cloud_of(int64_t row)
{
    return (int64_t)(CLOUDS * sqrt(uniform(5, row, 1000)));
}

SUPPORT double cloud_place(int64_t cloud, int64_t feature)
{
    return (double)((feature == 0 ? cloud % 3 : feature == 1 ? cloud / 3 : cloud * cloud % 5) * 8);
}

SUPPORT double clouds(int64_t row, int64_t feature)
{
    return cloud_place(cloud_of(row), feature) + uniform(2, row, feature) + uniform(3, row, feature);
}

SUPPORT bool some(int64_t row)
{
    return row % 7 == 3 || row / BLOCK_ROWS == 1;
}

/* The second cloud is gone. */
SUPPORT bool without_one(int64_t row)
{
    return cloud_of(row) == 1;
}

#endif
