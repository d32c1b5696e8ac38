/* What a fit needs of memory, said before the work starts. */
#include <inttypes.h>
#include <math.h>

#include "app/fit.h"
#include "assess/tables.h"
#include "cluster/panel.h"
#include "cluster/retree.h"
#include "cluster/seed.h"
#include "cluster/swap.h"
#include "core/memory.h"
#include "data/select.h"

/* Bytes of the largest share. */
struct needs {
    double always; /* beside the program itself: prepared customers and their labels; sums and counters of
                      every segment and column; slabs and blocks of the file */
    double
        learning; /* k-means: what models remember of customers; the models of restarts, swaps and seeding */
    double tree;
    double judging; /* labelings, tables, trees and models of replicates; reference sets; membership */
};

/* What `models` models of the most segments may remember of their customers. */
static double track_bytes(const struct fit *fit, const struct partition *most, double models)
{
    double all = models * (double)track_block_bytes(fit->config.k_high) * (double)most->block_count;
    return fmin(all, panel_track_bytes(most, fit->table.features));
}

static double learning_bytes(const struct fit *fit, const struct partition *most)
{
    const struct config *config = &fit->config;
    if (config->method != METHOD_KMEANS)
        return 0.0;
    double tries = (double)(config->k_high - config->k_low + 1);
    double restarts = tries * (double)config->restarts;
    double models = fmax(restarts, SWAP_VARIANTS + 1) + SEED_CANDIDATES;
    return track_bytes(fit, most, fmax(restarts, SWAP_VARIANTS + 1)) +
           models * (double)config->k_high * (double)fit->table.columns * 32.0;
}

/* The tree, and which segment of every cut each leaf is in. */
static double tree_bytes(const struct fit *fit, const struct partition *most, int64_t customers,
                         int ranks_here)
{
    const struct config *config = &fit->config;
    if (config->leaves == 0)
        return 0.0;
    struct hierarchy_settings settings = fit_hierarchy_settings(config, customers);
    double leaves = (double)(settings.every_customer ? customers : settings.leaves);
    bool is_cut = config->method == METHOD_HIERARCHY;
    double tries = is_cut ? (double)(config->k_high - config->k_low + 1) : 0;
    double cuts = (double)config->levels.count + tries + 1;
    return hierarchy_bytes(&settings, customers, most->block_count * BLOCK_ROWS, fit->table.features,
                           fit->comm->size, ranks_here) +
           leaves * cuts * (double)sizeof(int32_t);
}

static bool is_judged(const struct config *config)
{
    return config->replicates > 0 || config->k_high > config->k_low;
}

/* Replicates by k-means: as many models side by side as learning has, their centroids, and tables. */
static double replicate_bytes(const struct fit *fit, const struct partition *most)
{
    const struct config *config = &fit->config;
    double k = (double)config->k_high;
    double count = (double)config->replicates + 2 * FIT_SPLITS + (double)config->restarts;
    double tries = (double)(config->k_high - config->k_low + 1);
    double centroids = count * tries * k * (double)fit->table.features * 20.0;
    double starts = ((double)config->replicates + 2 * FIT_SPLITS) * (double)config->restarts;
    return track_bytes(fit, most, starts) + KMEANS_MODEL_BYTES + centroids +
           fmax(JUDGE_TABLE_BYTES, 2 * tables_bytes(config->k_high, config->k_high));
}

static double judging_bytes(const struct fit *fit, const struct partition *most, int64_t customers,
                            int ranks_here)
{
    const struct config *config = &fit->config;
    int64_t tries = config->k_high - config->k_low + 1;
    double rows = (double)most->block_count * BLOCK_ROWS;
    double sample = (double)FIT_SAMPLE * ((double)fit->table.features + 4.0 * (double)tries) * sizeof(double);
    double k = (double)config->k_high;
    double bytes =
        rows * sizeof(float) + sample + (tries > 1 ? (double)tries * k * k * sizeof(int64_t) : 0.0);
    if (is_judged(config) && config->method == METHOD_KMEANS) {
        bytes += replicate_bytes(fit, most);
    } else if (is_judged(config)) {
        struct hierarchy_settings settings = fit_hierarchy_settings(config, customers);
        double leaves = (double)(settings.every_customer ? customers : settings.leaves);
        /* of two trees: cuts and weights; in how many replicates each leaf stays, for each cut */
        bytes += retree_bytes(&settings, customers, fit->table.features, tries, fit->comm->size, ranks_here) +
                 leaves * ((double)tries * (2 * sizeof(int32_t) + sizeof(float)) + 3 * sizeof(int64_t));
    }
    return is_judged(config) ? bytes + gap_bytes(customers, fit->table.features, fit->comm->size) : bytes;
}

static struct needs list_needs(const struct fit *fit, int64_t customers, int ranks_here)
{
    struct partition most = partition_of(fit->source.rows, 0, fit->comm->size);
    double columns = (double)fit->table.columns;
    double labels = (double)most.block_count * BLOCK_ROWS * (double)sizeof(int32_t);
    double cells =
        (double)fit->config.k_high * columns * (2.0 * sizeof(struct moments) + SELECT_BYTES) +
        (double)DECILES_SAMPLE / fit->comm->size * columns * (2.0 * sizeof(double) + sizeof(int32_t));
    double walking = columns * BLOCK_ROWS * 2.0 * sizeof(double);
    return (struct needs){.always = customers_bytes(&most, fit->table.features) + labels + cells + walking +
                                    fit_previous_bytes(fit, most.block_count * BLOCK_ROWS) + 96e6,
                          .learning = learning_bytes(fit, &most),
                          .tree = tree_bytes(fit, &most, customers, ranks_here),
                          .judging = judging_bytes(fit, &most, customers, ranks_here)};
}

static status_t refuse(const struct fit *fit, const struct needs *needs, double needed, double budget,
                       int64_t customers)
{
    const struct config *config = &fit->config;
    const char *whose =
        config->memory != MEMORY_AUTO ? "run.memory" : "the node's memory shared by its ranks";
    if (needs->always + needs->learning > budget)
        return status_new(EXIT_NO_MEMORY,
                          "not enough memory: each rank needs %.0f bytes (%.2f GiB) but may use %.0f (%.2f "
                          "GiB, %s); use more ranks on more nodes",
                          needed, needed / 0x1p30, budget, budget / 0x1p30, whose);
    if (needs->always + needs->tree <= budget)
        return status_new(
            EXIT_NO_MEMORY,
            "not enough memory: each rank needs %.0f bytes (%.2f GiB), %.0f of them for bootstrap "
            "replicates of up to %" PRId64
            " segments, but may use %.0f (%.2f GiB, %s); use more ranks on more nodes, or "
            "stability.replicates: 0 and one number in segments.k",
            needed, needed / 0x1p30, needs->judging, config->k_high, budget, budget / 0x1p30, whose);
    bool matrix = config->linkage == LINKAGE_AVERAGE || config->linkage == LINKAGE_COMPLETE;
    return status_new(EXIT_NO_MEMORY,
                      "not enough memory: each rank needs %.0f bytes (%.2f GiB), %.0f of them for %s (%s "
                      "linkage, %" PRId64
                      " customers), but may use %.0f (%.2f GiB, %s); use more ranks on more "
                      "nodes, %shierarchy.linkage: ward with hierarchy.leaves: 4096, or hierarchy.leaves: 0",
                      needed, needed / 0x1p30, needs->tree,
                      matrix ? "the distances of all customers from each other" : "the tree of customers",
                      fit_linkage_name(config), customers, budget, budget / 0x1p30, whose,
                      matrix ? "hierarchy.linkage: single, " : "");
}

status_t fit_check_memory(struct fit *fit, int64_t customers)
{
    int ranks_here = 1;
    status_t status = comm_ranks_on_node(fit->comm, &ranks_here);
    if (status)
        return status;
    struct needs needs = list_needs(fit, customers, ranks_here);
    double needed = needs.always + fmax(needs.learning, needs.tree + needs.judging);
    int64_t machine = memory_available();
    double budget = fit->config.memory != MEMORY_AUTO ? (double)fit->config.memory
                    : machine < 0                     ? (double)INFINITY
                                                      : (double)machine / ranks_here;
    if (needed > budget)
        status = refuse(fit, &needs, needed, budget, customers);
    status = comm_agree(fit->comm, status);
    if (!status)
        log_note(&fit->log, "memory: about %.2f GiB a rank", needed / 0x1p30);
    return status;
}
