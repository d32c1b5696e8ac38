/* How much of the customers stays in memory, and the line that says so; or why it cannot work. */
#include "app/fit_memory.h"

#include <inttypes.h>
#include <math.h>

#include "app/fit.h"
#include "cluster/panel.h"
#include "core/memory.h"

enum { USUAL_LEAVES = 4096 }; /* of micro-clusters; fewer save next to nothing */

/* ---- what is kept ---- */

/* At any time, with so much of the customers in memory and models that remember up to so much. */
static double most_bytes(const struct fit_needs *needs, double tiles, double tracks)
{
    double most = needs->least[FIT_LOOKING];
    for (int p = FIT_LOOKING + 1; p < FIT_PHASES; p++)
        most = fmax(most, needs->least[p] + tiles + fmin(needs->tracks[p], tracks));
    return most;
}

/* What a phase leaves: its models' memory gets up to half. */
static double room_for_tiles(const struct fit_needs *needs, double budget)
{
    double room = (double)INFINITY;
    for (int p = FIT_LOOKING + 1; p < FIT_PHASES; p++) {
        double spare = budget - needs->least[p];
        room = fmin(room, spare - fmin(needs->tracks[p], spare / 2));
    }
    return room;
}

static double room_for_tracks(const struct fit_needs *needs, double budget, double tiles)
{
    double room = (double)INFINITY;
    for (int p = FIT_LOOKING + 1; p < FIT_PHASES; p++) {
        if (needs->tracks[p] > 0)
            room = fmin(room, budget - needs->least[p] - tiles);
    }
    return room;
}

static void keep_some(struct fit *fit, const struct fit_needs *needs)
{
    struct fit_memory *memory = &fit->memory;
    struct partition most = partition_of(fit->source.rows, 0, fit->comm->size);
    double block = customers_block_bytes(fit->table.features);
    int64_t blocks = (int64_t)(room_for_tiles(needs, memory->budget) / block);
    memory->kept = blocks < most.block_count ? blocks : most.block_count;
    double tiles = (double)memory->kept * block;
    double tracks = room_for_tracks(needs, memory->budget, tiles);
    double usual = panel_track_bytes(&most, fit->table.features);
    memory->track_bytes = fmax(fmin(tracks, usual), 1.0); /* 0 would be as they like */
    memory->needed = most_bytes(needs, tiles, memory->track_bytes);
}

/* ---- what is said ---- */

static const char *whose(const struct fit *fit)
{
    return fit->config.memory != MEMORY_AUTO ? "run.memory" : "the node's memory shared by its ranks";
}

/* Bytes as people read them: MiB below one GiB. */
static void print_bytes(double bytes, char text[static 32])
{
    if (bytes < 0x1p30)
        snprintf(text, 32, "%.1f MiB", bytes / 0x1p20);
    else
        snprintf(text, 32, "%.2f GiB", bytes / 0x1p30);
}

/* "not enough memory: each rank needs at least ... for ..., but may use ...". */
static status_t short_of(const struct fit *fit, double least, const char *what, const char *advice)
{
    char needed[32];
    char allowed[32];
    bool set = fit->config.memory != MEMORY_AUTO;
    print_bytes(least, needed);
    print_bytes(fit->memory.budget, allowed);
    return status_new(EXIT_NO_MEMORY,
                      "not enough memory: each rank needs at least %.0f bytes (%s)%s, but may use %.0f (%s, "
                      "%s); %s%s",
                      least, needed, what, fit->memory.budget, allowed, whose(fit),
                      set ? "raise run.memory, or use " : "use ", advice);
}

/* `all`: what would hold all customers, and then nothing is read again. */
static status_t refuse(const struct fit *fit, const struct fit_needs *needs, double all, int64_t customers)
{
    const struct config *config = &fit->config;
    double budget = fit->memory.budget;
    double least = fmin(most_bytes(needs, 0.0, 0.0), all);
    char what[160];
    bool is_judging = needs->least[FIT_JUDGING] > budget;
    struct hierarchy_settings tree = fit_hierarchy_settings(config, customers);
    bool is_tree = needs->least[FIT_GROWING] > budget && (tree.every_customer || tree.leaves > USUAL_LEAVES);
    bool is_more = fmax(needs->least[FIT_LOOKING], needs->least[FIT_LEARNING]) > budget;
    if (is_more || (!is_judging && !is_tree))
        return short_of(fit, least, ", and then reads its customers again on each pass",
                        "more ranks on more nodes");
    if (!is_tree) {
        snprintf(what, sizeof what, " to judge up to %" PRId64 " segments", config->k_high);
        return short_of(fit, least, what,
                        "more ranks on more nodes, or stability.replicates: 0 and one number in segments.k");
    }
    bool matrix = config->linkage == LINKAGE_AVERAGE || config->linkage == LINKAGE_COMPLETE;
    snprintf(what, sizeof what, " for %s (%s linkage, %" PRId64 " customers)",
             matrix ? "the distances of all customers from each other" : "the tree of customers",
             fit_linkage_name(config), customers);
    return short_of(fit, least, what,
                    matrix
                        ? "more ranks on more nodes, hierarchy.linkage: single, hierarchy.linkage: ward with "
                          "hierarchy.leaves: 4096, or hierarchy.leaves: 0"
                        : "more ranks on more nodes, hierarchy.linkage: ward with hierarchy.leaves: 4096, or "
                          "hierarchy.leaves: 0");
}

static void tell(struct fit *fit, double all)
{
    const struct fit_memory *memory = &fit->memory;
    struct partition most = partition_of(fit->source.rows, 0, fit->comm->size);
    char of[128] = "";
    if (isfinite(memory->budget))
        snprintf(of, sizeof of, " of %.2f (%s)", memory->budget / 0x1p30, whose(fit));
    if (memory->kept >= most.block_count)
        log_note(&fit->log, "memory: about %.2f GiB a rank%s", memory->needed / 0x1p30, of);
    else
        log_note(&fit->log,
                 "memory: about %.2f GiB a rank%s, where %.2f would hold all; %.0f %% of the customers stay "
                 "in memory, the others are read again on each pass",
                 memory->needed / 0x1p30, of, all / 0x1p30,
                 floor(100.0 * (double)memory->kept / (double)most.block_count));
}

status_t fit_check_memory(struct fit *fit, int64_t customers)
{
    struct fit_memory *memory = &fit->memory;
    int ranks_here = 1;
    status_t status = comm_ranks_on_node(fit->comm, &ranks_here);
    if (status)
        return status;
    struct fit_needs needs = fit_list_needs(fit, customers, ranks_here);
    int64_t machine = memory_available();
    double budget = fit->config.memory != MEMORY_AUTO ? (double)fit->config.memory
                    : machine < 0                     ? (double)INFINITY
                                                      : (double)machine / ranks_here;
    if (fit->config.memory == MEMORY_AUTO)
        status = comm_min_f64(fit->comm, &budget, 1); /* nodes differ */
    if (status)
        return status;
    double all = most_bytes(&needs, needs.tiles, (double)INFINITY);
    *memory = (struct fit_memory){.budget = budget, .needed = all, .kept = INT64_MAX};
    if (all > budget) {
        for (int p = FIT_LOOKING + 1; p < FIT_PHASES; p++)
            needs.least[p] += ceil(needs.window);
        if (most_bytes(&needs, 0.0, 0.0) > budget)
            status = refuse(fit, &needs, all, customers);
        else
            keep_some(fit, &needs);
    }
    status = comm_agree(fit->comm, status);
    /* the prepared customers are not in memory yet when ids are looked through */
    memory->id_bytes = (int64_t)fmin(needs.tiles, fmax(budget - needs.least[FIT_LOOKING], 0.0));
    if (!status && customers > 0)
        tell(fit, all);
    return status;
}
