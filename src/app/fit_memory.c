/* What a fit needs of memory, and what stays in it: said before the work starts. */
#include <inttypes.h>
#include <math.h>

#include "app/fit.h"
#include "assess/tables.h"
#include "cluster/panel.h"
#include "cluster/retree.h"
#include "cluster/seed.h"
#include "cluster/swap.h"
#include "core/memory.h"
#include "data/customers_window.h"
#include "data/select.h"

/* Bytes of the largest share. */
struct needs {
    double always;    /* with the program itself: labels; sums and counters of every segment and column; slabs
                         and    blocks of the file */
    double customers; /* prepared, all of them */
    double window;    /* through which those that are not kept are read again */
    double learning;  /* k-means: the models of restarts, swaps and seeding */
    double learning_track; /* and what they may remember of customers; they can do without */
    double tree;
    double judging; /* labelings, tables, trees and models of replicates; reference sets */
    double judging_track;
};

/* With nothing kept and nothing remembered. */
static double least_of(const struct needs *needs)
{
    return needs->always + needs->window + fmax(needs->learning, needs->tree + needs->judging);
}

static double all_of(const struct needs *needs)
{
    return needs->always + needs->customers +
           fmax(needs->learning + needs->learning_track, needs->tree + needs->judging + needs->judging_track);
}

/* What `models` models of the most segments may remember of their customers. */
static double track_bytes(const struct fit *fit, const struct partition *most, double models)
{
    double all = models * (double)track_block_bytes(fit->config.k_high) * (double)most->block_count;
    return fmin(all, panel_track_bytes(most, fit->table.features));
}

static double learning_bytes(const struct fit *fit)
{
    const struct config *config = &fit->config;
    if (config->method != METHOD_KMEANS)
        return 0.0;
    double tries = (double)(config->k_high - config->k_low + 1);
    double restarts = tries * (double)config->restarts;
    double models = fmax(restarts, SWAP_VARIANTS + 1) + SEED_CANDIDATES;
    return models * (double)config->k_high * (double)fit->table.columns * 32.0;
}

static double learning_track_bytes(const struct fit *fit, const struct partition *most)
{
    const struct config *config = &fit->config;
    double tries = (double)(config->k_high - config->k_low + 1);
    double models = fmax(tries * (double)config->restarts, SWAP_VARIANTS + 1);
    return config->method == METHOD_KMEANS ? track_bytes(fit, most, models) : 0.0;
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

/* Replicates by k-means: their starts side by side, the centroids of all of them, and tables. */
static double replicate_bytes(const struct fit *fit)
{
    const struct config *config = &fit->config;
    double k = (double)config->k_high;
    double tries = (double)(config->k_high - config->k_low + 1);
    double learned = (double)config->replicates + 2 * FIT_SPLITS;
    double centroids = k * (double)fit->table.features * 20.0;
    double model = k * (double)(fit->table.features + 1) * 6 * sizeof(double);
    double pair = tables_bytes(config->k_high, config->k_high);
    double pairs = learned + (double)config->restarts + 2 * tries;
    return fmin(learned * (double)config->restarts * model, KMEANS_MODEL_BYTES) +
           (learned + (double)config->restarts) * tries * centroids +
           fmax(fmin(2 * pairs * tries * pair, JUDGE_TABLE_BYTES), 2 * pair);
}

static double judging_track_bytes(const struct fit *fit, const struct partition *most)
{
    const struct config *config = &fit->config;
    double starts = ((double)config->replicates + 2 * FIT_SPLITS) * (double)config->restarts;
    return is_judged(config) && config->method == METHOD_KMEANS ? track_bytes(fit, most, starts) : 0.0;
}

static double judging_bytes(const struct fit *fit, int64_t customers, int ranks_here)
{
    const struct config *config = &fit->config;
    int64_t tries = config->k_high - config->k_low + 1;
    double sample = (double)FIT_SAMPLE * ((double)fit->table.features + 4.0 * (double)tries) * sizeof(double);
    double k = (double)config->k_high;
    double bytes = sample + (tries > 1 ? (double)tries * k * k * sizeof(int64_t) : 0.0);
    if (is_judged(config) && config->method == METHOD_KMEANS) {
        bytes += replicate_bytes(fit);
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
    int64_t rows = most.block_count * BLOCK_ROWS;
    double block = BLOCK_TILES * sizeof(uint16_t) + 2 * sizeof(double) + sizeof(int64_t); /* marks, norms */
    double labels = (double)rows * row_numbers_width(fit->config.k_high) + (double)most.block_count * block;
    double cells =
        (double)fit->config.k_high * columns * (2.0 * sizeof(struct moments) + SELECT_BYTES) +
        (double)DECILES_SAMPLE / fit->comm->size * columns * (2.0 * sizeof(double) + sizeof(int32_t));
    double walking = columns * BLOCK_ROWS * 2.0 * sizeof(double);
    return (struct needs){.always = labels + cells + walking + fit_previous_bytes(fit, rows) + 96e6,
                          .customers = customers_bytes(&most, fit->table.features),
                          .window = customers_window_bytes(&fit->table, &most, fit->table.features),
                          .learning = learning_bytes(fit),
                          .learning_track = learning_track_bytes(fit, &most),
                          .tree = tree_bytes(fit, &most, customers, ranks_here),
                          .judging = judging_bytes(fit, customers, ranks_here),
                          .judging_track = judging_track_bytes(fit, &most)};
}

static const char *whose_budget(const struct fit *fit)
{
    return fit->config.memory != MEMORY_AUTO ? "run.memory" : "the node's memory shared by its ranks";
}

static status_t refuse(const struct fit *fit, const struct needs *needs, double budget, int64_t customers)
{
    const struct config *config = &fit->config;
    const char *whose = whose_budget(fit);
    double needed = least_of(needs);
    double always = needs->always + needs->window;
    if (always + needs->learning > budget)
        return status_new(EXIT_NO_MEMORY,
                          "not enough memory: each rank needs %.0f bytes (%.2f GiB) but may use %.0f (%.2f "
                          "GiB, %s); use more ranks on more nodes",
                          needed, needed / 0x1p30, budget, budget / 0x1p30, whose);
    if (always + needs->tree <= budget)
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

/* What is left beside the least is shared by what models remember, which saves work, and by customers that
 * stay in memory, which saves reading. */
static void plan_streaming(struct fit *fit, const struct needs *needs, double budget)
{
    double rest = budget - least_of(needs);
    double track = fmin(fmax(needs->learning_track, needs->judging_track), rest / 2);
    double blocks = floor((rest - track) / customers_block_bytes(fit->table.features));
    struct partition most = partition_of(fit->source.rows, 0, fit->comm->size);
    fit->track_bytes = fmax(track, 1.0);
    fit->keep = blocks < (double)most.block_count ? (int64_t)blocks : most.block_count;
    double kept = most.block_count > 0 ? (double)fit->keep / (double)most.block_count : 1.0;
    log_note(
        &fit->log,
        "memory: about %.2f GiB a rank of %.2f (%s), where %.2f would hold all; %.0f %% of the customers "
        "stay in memory, the others are read again on each pass",
        (least_of(needs) + track + (double)fit->keep * customers_block_bytes(fit->table.features)) / 0x1p30,
        budget / 0x1p30, whose_budget(fit), all_of(needs) / 0x1p30, floor(100 * kept));
}

static void plan_in_memory(struct fit *fit, const struct needs *needs, double budget)
{
    fit->track_bytes = 0;
    fit->keep = INT64_MAX;
    if (isinf(budget))
        log_note(&fit->log, "memory: about %.2f GiB a rank", all_of(needs) / 0x1p30);
    else
        log_note(&fit->log, "memory: about %.2f GiB a rank of %.2f (%s)", all_of(needs) / 0x1p30,
                 budget / 0x1p30, whose_budget(fit));
}

status_t fit_check_memory(struct fit *fit, int64_t customers)
{
    int ranks_here = 1;
    status_t status = comm_ranks_on_node(fit->comm, &ranks_here);
    if (status)
        return status;
    struct needs needs = list_needs(fit, customers, ranks_here);
    int64_t machine = memory_available();
    double budget = fit->config.memory != MEMORY_AUTO ? (double)fit->config.memory
                    : machine < 0                     ? (double)INFINITY
                                                      : (double)machine / ranks_here;
    int64_t streams = all_of(&needs) > budget;
    if (least_of(&needs) > budget)
        status = refuse(fit, &needs, budget, customers);
    status = comm_agree(fit->comm, status);
    if (!status) /* nodes differ */
        status = comm_max_i64(fit->comm, &streams, 1);
    if (!status)
        status = comm_min_f64(fit->comm, &budget, 1);
    if (status || customers == 0) /* it will be asked again when it is known who takes part */
        return status;
    if (streams)
        plan_streaming(fit, &needs, budget);
    else
        plan_in_memory(fit, &needs, budget);
    return STATUS_OK;
}
