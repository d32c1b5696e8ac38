#include "assess/transition.h"

#include <stdlib.h>

#include "core/memory.h"

/* A table and what its columns hold in all. */
struct view {
    const struct contingency *table; /* NULL: there is none */
    int64_t *column;
    int64_t customers;
};

/* Where the customers of a row are. */
struct answer {
    int64_t customers;
    int64_t parts;    /* columns that it splits into, if two or more */
    int64_t lives_on; /* the column that it lives on in; -1: it splits or scatters */
};

struct finding {
    const struct transition_facts *facts;
    struct view shared;
    struct view likeness;
};

static int64_t count_of(const struct view *view, int64_t row, int64_t column)
{
    return view->table->count[row * view->table->columns + column];
}

static bool takes(const struct view *view, int64_t row, int64_t column, int64_t customers, double least)
{
    return (double)count_of(view, row, column) >= least * (double)customers;
}

/* A large part of the one, and of the other too. */
static bool is_part(const struct view *view, int64_t row, int64_t column, int64_t customers)
{
    return takes(view, row, column, customers, MIGRATION_SPLIT_OVERLAP) &&
           takes(view, row, column, view->column[column], MIGRATION_SPLIT_OVERLAP);
}

static struct answer ask(const struct view *view, int64_t row, int64_t match)
{
    struct answer answer = {.lives_on = -1};
    int64_t largest = match < 0 ? 0 : match;
    for (int64_t j = 0; j < view->table->columns; j++) {
        answer.customers += count_of(view, row, j);
        largest = count_of(view, row, j) > count_of(view, row, largest) ? j : largest;
    }
    for (int64_t j = 0; answer.customers > 0 && j < view->table->columns; j++)
        answer.parts += is_part(view, row, j, answer.customers);
    if (answer.customers > 0 && answer.parts < 2 &&
        takes(view, row, largest, answer.customers, MIGRATION_OVERLAP))
        answer.lives_on = largest;
    return answer;
}

static bool scatters(const struct answer *answer)
{
    return answer->parts < 2 && answer->lives_on < 0;
}

/* Whether those who are like its customers are enough to speak for it. */
static bool are_enough(const struct finding *finding, int64_t row, int64_t customers)
{
    const int64_t *size = finding->facts->size;
    int64_t before = 0;
    for (int64_t i = 0; i < finding->facts->shared->rows; i++)
        before += size[i];
    return (double)customers * (double)before >=
           MIGRATION_SPLIT_OVERLAP * (double)size[row] * (double)finding->likeness.customers;
}

/* Whether those who are like its customers answer for them. */
static bool goes_by_likeness(const struct finding *finding, int64_t row)
{
    int64_t match = finding->facts->match[row];
    struct answer own = ask(&finding->shared, row, match);
    if (!finding->likeness.table || own.customers == 0 || (match >= 0 && own.lives_on == match))
        return false;
    struct answer other = ask(&finding->likeness, row, match);
    bool is_match = match >= 0 && other.lives_on == match;
    return (is_match || (scatters(&own) && !scatters(&other))) && are_enough(finding, row, other.customers);
}

/* Those that live on in one are said to be absorbed until the survivor is known. */
static void find_fate(const struct finding *finding, int64_t row, struct transitions *found)
{
    found->by_likeness[row] = goes_by_likeness(finding, row);
    const struct view *view = found->by_likeness[row] ? &finding->likeness : &finding->shared;
    struct answer answer = ask(view, row, finding->facts->match[row]);
    found->heir[row] = (int32_t)answer.lives_on;
    found->fate[row] = answer.parts >= 2      ? TRANSITION_SPLIT
                       : answer.lives_on >= 0 ? TRANSITION_ABSORBED
                                              : TRANSITION_DISAPPEARS;
    for (int64_t j = 0; answer.parts >= 2 && j < view->table->columns; j++)
        found->split_into[row * view->table->columns + j] = is_part(view, row, j, answer.customers);
}

static void find_survivor(const struct finding *finding, int64_t column, struct transitions *found)
{
    const int32_t *match = finding->facts->match;
    int64_t first = -1;
    double most = 0.0;
    for (int64_t i = 0; i < finding->facts->shared->rows; i++) {
        if (match[i] == column) {
            if (found->heir[i] == column)
                found->fate[i] = TRANSITION_SURVIVES;
            return;
        }
        if (match[i] >= 0 || found->heir[i] != column)
            continue;
        const struct view *view = found->by_likeness[i] ? &finding->likeness : &finding->shared;
        double share = (double)count_of(view, i, column) / (double)view->column[column];
        first = share > most ? i : first;
        most = share > most ? share : most;
    }
    if (most >= MIGRATION_OVERLAP)
        found->fate[first] = TRANSITION_SURVIVES;
}

static void find_origin(const struct finding *finding, int64_t column, struct transitions *found)
{
    const struct contingency *shared = finding->facts->shared;
    found->origin[column] = TRANSITION_EMERGES;
    for (int64_t i = 0; i < shared->rows; i++) {
        if (finding->facts->match[i] == column || found->heir[i] == column ||
            found->split_into[i * shared->columns + column])
            found->origin[column] = TRANSITION_CONTINUES;
    }
}

static status_t open_view(struct view *view, const struct contingency *table)
{
    *view = (struct view){.table = table};
    if (!table)
        return STATUS_OK;
    status_t status = memory_new(&view->column, table->columns, sizeof *view->column, "transitions");
    for (int64_t i = 0; !status && i < table->rows; i++) {
        for (int64_t j = 0; j < table->columns; j++) {
            view->column[j] += count_of(view, i, j);
            view->customers += count_of(view, i, j);
        }
    }
    return status;
}

status_t transition_find(const struct transition_facts *facts, struct transitions *found)
{
    struct finding finding = {.facts = facts};
    status_t status = open_view(&finding.shared, facts->shared);
    if (!status)
        status = open_view(&finding.likeness, facts->likeness);
    for (int64_t i = 0; !status && i < facts->shared->rows; i++)
        find_fate(&finding, i, found);
    for (int64_t j = 0; !status && j < facts->shared->columns; j++) {
        find_survivor(&finding, j, found);
        find_origin(&finding, j, found);
    }
    free(finding.shared.column);
    free(finding.likeness.column);
    return status;
}
