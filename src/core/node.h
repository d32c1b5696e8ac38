/* Memory that the ranks of one node share: for what every rank needs alike and is large.
 *
 * The memory is an unnamed file that the kernel keeps in memory (memfd_create), mapped by every rank of the
 * node. Nothing but memory limits it, it leaves nothing behind however the job ends, and a failure is one
 * that all ranks hear of. (Windows of MPI lie in /dev/shm, which is small in many containers; where it is too
 * small, Open MPI 4.1 fails on one rank and leaves the others waiting for ever.)
 * Collective over the node's ranks unless marked otherwise. */
#ifndef LOHKO_CORE_NODE_H
#define LOHKO_CORE_NODE_H

#include <stddef.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"

enum { NODE_BLOCKS = 32 }; /* of memory at a time, at most */

struct node {
    struct comm comm; /* of the ranks that share memory, this one among them */
    int count;        /* blocks of memory given out */
    void *block[NODE_BLOCKS];
    size_t mapped[NODE_BLOCKS]; /* bytes; 0 where the block is this rank's own */
};

/* The ranks of `comm` that share memory with this one, in groups of at most `most` (0: any number; tests cut
 * one machine into several nodes so). Ranks that cannot reach each other's memory, such as those of different
 * containers, are a node of one each. Collective over `comm`. */
status_t node_open(struct node *node, struct comm *comm, int most) __attribute__((warn_unused_result));
/* Gives back what node_memory gave out, too. Also after a node_open that failed. */
void node_close(struct node *node);

/* *out = zeroed memory for count x size bytes, aligned to 64, the same for all ranks of the node; NULL for
 * zero bytes. The product is checked. `what` names the use in the message of EXIT_NO_MEMORY. node_close frees
 * it. */
status_t node_memory(struct node *node, void *out, int64_t count, size_t size, const char *what)
    __attribute__((warn_unused_result));

/* What any rank of the node wrote before it, all see after it. */
status_t node_fence(struct node *node) __attribute__((warn_unused_result));

/* This rank's share [*begin, *end) of `count` things on the node: shares follow each other by rank. Local. */
void node_share(const struct node *node, int64_t count, int64_t *begin, int64_t *end);

/* How many things the ranks before this one have, and all of them, where this one has `mine`. */
status_t node_offset(struct node *node, int64_t mine, int64_t *before, int64_t *all)
    __attribute__((warn_unused_result));

#endif
