#include "app/migration_words.h"

#include <string.h>

struct migration_past migration_past(const struct migration *migration, int64_t segment)
{
    int64_t columns = migration->after.k;
    const int64_t *count = migration->count + segment * (columns + 1);
    int32_t match = migration->match[segment];
    struct migration_past past = {.lapsed = count[columns], .stayed = match < 0 ? 0 : count[match]};
    for (int64_t j = 0; j < columns; j++)
        past.moved += j == match ? 0 : count[j];
    past.customers = past.stayed + past.moved + past.lapsed;
    return past;
}

struct migration_present migration_present(const struct migration *migration, int64_t segment)
{
    int64_t rows = migration->before.k;
    int64_t columns = migration->after.k + 1;
    struct migration_present present = {.fresh = migration->count[rows * columns + segment], .source = -1};
    present.customers = present.fresh;
    for (int64_t i = 0; i < rows; i++) {
        int64_t given = migration->count[i * columns + segment];
        present.customers += given;
        if (given > present.given) {
            present.source = i;
            present.given = given;
        }
    }
    return present;
}

static void add_parts(struct prose *prose, const struct migration *migration, int64_t segment)
{
    const bool *part = migration->split_into + segment * migration->after.k;
    int64_t parts = 0;
    int64_t done = 0;
    for (int64_t j = 0; j < migration->after.k; j++)
        parts += part[j];
    for (int64_t j = 0; j < migration->after.k; j++) {
        char label[MIGRATION_LABEL_SIZE];
        if (!part[j])
            continue;
        prose_add(prose, "%s%s",
                  done == 0           ? " "
                  : done + 1 == parts ? " and "
                                      : ", ",
                  migration_label(&migration->after, j, label));
        done++;
    }
}

void migration_add_fate(struct prose *prose, const struct migration *migration, int64_t segment)
{
    char label[MIGRATION_LABEL_SIZE] = "";
    int32_t heir = migration->heir[segment];
    if (heir >= 0)
        migration_label(&migration->after, heir, label);
    switch (migration->fate[segment]) {
    case TRANSITION_SURVIVES:
        prose_add(prose, "survives as %s", label);
        break;
    case TRANSITION_SPLIT:
        prose_add(prose, "split into");
        add_parts(prose, migration, segment);
        break;
    case TRANSITION_ABSORBED:
        prose_add(prose, "absorbed by %s", label);
        break;
    default:
        prose_add(prose, "%s", migration_word(migration->fate[segment]));
    }
    if (migration->by_likeness[segment])
        prose_add(prose, " (by likeness)");
}

void migration_add_rest(struct prose *prose, const struct migration *migration, int64_t segment)
{
    char label[MIGRATION_LABEL_SIZE];
    int32_t match = migration->match[segment];
    if (match >= 0 && migration->heir[segment] != match &&
        !migration->split_into[segment * migration->after.k + match])
        prose_add(prose, "; what is left of it is %s", migration_label(&migration->after, match, label));
}
