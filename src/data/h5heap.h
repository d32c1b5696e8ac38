/* Whether variable-length text can be read safely. Local. */
#ifndef LOHKO_DATA_H5HEAP_H
#define LOHKO_DATA_H5HEAP_H

#include <hdf5.h>
#include <stdint.h>

#include "core/status.h"

/* Once per process, after H5open. False where the library refuses. */
int h5_heap_start(void);

/* HDF5 keeps such text in heaps of the file and follows the references to it without looking: in a damaged
 * file version 1.10 writes beyond its buffers, or never ends (a heap of zeroes). So before a read of `count`
 * texts, what they refer to is read here and checked. `object`: a dataset, with the selections of the read to
 * come (H5S_ALL or handles), or an attribute, which is read whole. EXIT_IO_ERROR names neither file nor
 * object. */
status_t h5_check_texts(hid_t object, hid_t memory_space, hid_t file_space, int64_t count)
    __attribute__((warn_unused_result));

#endif
