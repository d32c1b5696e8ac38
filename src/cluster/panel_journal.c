/* What a panel's models have learned, in the journal. */
#include "cluster/panel.h"

#include "core/memory.h"

/* Of a model. */
enum { FIELDS = 5 };

status_t panel_open_fields(struct panel *panel)
{
    return memory_new(&panel->field, panel->count * FIELDS + PANEL_MORE_FIELDS, sizeof *panel->field,
                      "the journal");
}

/* Returns how many there are. What models remember of their members, and their own sums, are this rank's:
 * after a recall they begin anew, or follow the centroids as they follow any move. */
static int list_fields(struct panel *panel, const struct journal_field *more, int count)
{
    struct journal_field *field = panel->field;
    for (int64_t m = 0; m < panel->count; m++) {
        struct model *model = &panel->model[m];
        int64_t size = model->k * panel->customers->features * (int64_t)sizeof(double);
        *field++ = (struct journal_field){model->centroid, size};
        *field++ = (struct journal_field){model->sum, size};
        *field++ = (struct journal_field){model->count, model->k * (int64_t)sizeof *model->count};
        *field++ = (struct journal_field){&model->inertia, sizeof model->inertia};
        *field++ = (struct journal_field){&model->learning, sizeof model->learning};
    }
    for (int i = 0; i < count; i++)
        *field++ = more[i];
    return (int)(field - panel->field);
}

/* Whether what was recalled can be. */
static bool fits(const struct panel *panel)
{
    bool all = true;
    for (int64_t m = 0; m < panel->count; m++) {
        const struct model *model = &panel->model[m];
        int64_t size = model->k * panel->customers->features;
        all = all && journal_are_places(model->centroid, size) && journal_are_places(model->sum, size) &&
              journal_are_counts(model->count, model->k, INT64_MAX) && journal_are_flags(&model->learning, 1);
    }
    return all;
}

status_t panel_recall(struct panel *panel, const char *step, const struct journal_field *more, int count,
                      bool *known)
{
    int fields = list_fields(panel, more, count);
    status_t status = journal_recall(panel->customers->comm->journal, step, panel->field, fields, known);
    return !status && *known && !fits(panel) ? journal_misfit(step) : status;
}

status_t panel_keep(struct panel *panel, int64_t mark, const char *step, const struct journal_field *more,
                    int count)
{
    int fields = list_fields(panel, more, count);
    return journal_keep(panel->customers->comm->journal, mark, step, panel->field, fields);
}
