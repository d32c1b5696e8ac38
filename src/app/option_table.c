/* Every option of `lohko fit`. Choices are in the order of their enums in config.h. */
#include "app/config.h"

#define FIELD(name) .offset = offsetof(struct config, name)
#define SECOND(name) .second = offsetof(struct config, name)

const struct option fit_options[] = {
    {.key = "input.path",
     .type = OPTION_PATH,
     FIELD(input_path),
     .required = true,
     .help = "the HDF5 file with the customers"},
    {.key = "input.features",
     .type = OPTION_TEXT_OR,
     FIELD(input_features),
     .default_text = "auto",
     .help = "where the features are inside the file; auto finds them"},
    {.key = "input.id",
     .type = OPTION_TEXT_OR,
     FIELD(input_id),
     .default_text = "auto",
     .help = "where the customer ids are inside the file; auto finds them, or takes the row numbers"},
    {.key = "input.duplicates",
     .type = OPTION_CHOICE,
     FIELD(duplicates),
     .default_text = "error",
     .choices = "error|first|allow",
     .help = "what to do where a customer id comes twice: stop, keep its first row, keep all its rows"},

    {.key = "features.use",
     .type = OPTION_NAMES,
     FIELD(use),
     SECOND(use_all),
     .default_text = "all",
     .low = 1,
     .help = "the columns to cluster on; all takes every numeric one that is not in features.profile"},
    {.key = "features.profile",
     .type = OPTION_NAMES,
     FIELD(profile),
     .default_text = "[]",
     .help = "columns that are described for each segment but never clustered on"},

    {.key = "prepare.missing",
     .type = OPTION_CHOICE,
     FIELD(missing),
     .default_text = "median",
     .choices = "median|mean|drop|error",
     .help = "what to do with missing values: fill with the column's median or mean, leave the customer out, "
             "stop"},
    {.key = "prepare.transform",
     .type = OPTION_CHOICE_MAP,
     FIELD(transform),
     .default_text = "{}",
     .choices = "none|log|log1p|sqrt|asinh",
     .help = "a function for the values of a feature, before scaling, such as {revenue: log1p}"},
    {.key = "prepare.clip",
     .type = OPTION_INTERVAL,
     FIELD(clip),
     .default_text = "none",
     .low = 0,
     .high = 1,
     .help = "quantiles that every feature is held between"},
    {.key = "prepare.scale",
     .type = OPTION_CHOICE,
     FIELD(scale),
     .default_text = "zscore",
     .choices = "zscore|robust|minmax|none",
     .help = "how features become comparable: mean and standard deviation, median and quartiles, range, not "
             "at all"},
    {.key = "prepare.weight",
     .type = OPTION_NUMBER_MAP,
     FIELD(weight),
     .default_text = "{}",
     .low = 0,
     .high = OPTION_NO_LIMIT,
     .help = "how much a feature counts in a distance; 1 for those not named"},

    {.key = "segments.k",
     .type = OPTION_RANGE,
     FIELD(k_low),
     SECOND(k_high),
     .required = true,
     .low = 1,
     .high = 65536,
     .help = "the number of segments, or a range such as 2..12, of which segments.choose takes one"},
    {.key = "segments.choose",
     .type = OPTION_CHOICE,
     FIELD(choose),
     .default_text = "silhouette",
     .choices = "silhouette|stability|gap|prediction_strength",
     .help =
         "how the number of segments is chosen from a range: silhouette (highest), stability (most segments "
         "that bootstrap replicates find again as well as the best), gap (fewest that the gap statistic is "
         "content with) or prediction_strength (most with at least 0.8)"},
    {.key = "segments.method",
     .type = OPTION_CHOICE,
     FIELD(method),
     .default_text = "kmeans",
     .choices = "kmeans|hierarchy",
     .help = "what gives the segments: k-means, or a cut of the tree of customers into k"},

    {.key = "kmeans.batch",
     .type = OPTION_INT,
     FIELD(batch),
     .default_text = "65536",
     .low = 1,
     .high = OPTION_NO_LIMIT,
     .help = "customers in the first mini-batch, over all ranks; batches then double"},
    {.key = "kmeans.restarts",
     .type = OPTION_INT,
     FIELD(restarts),
     .default_text = "8",
     .low = 1,
     .high = 1024,
     .help = "independent starts, of which the best is kept"},
    {.key = "kmeans.polish",
     .type = OPTION_BOOL,
     FIELD(polish),
     .default_text = "true",
     .help = "full passes over all customers, after the mini-batches, until they converge"},
    {.key = "kmeans.tolerance",
     .type = OPTION_FLOAT,
     FIELD(tolerance),
     .default_text = "1e-4",
     .low = 0,
     .high = OPTION_NO_LIMIT,
     .help = "the relative change below which k-means has converged"},

    {.key = "hierarchy.linkage",
     .type = OPTION_CHOICE,
     FIELD(linkage),
     .default_text = "ward",
     .choices = "ward|average|complete|single",
     .help = "the distance of two clusters, of which the nearest two merge next: ward (growth of the squared "
             "deviations), or average, complete (farthest) or single (nearest) between their customers; the "
             "last three need every customer as a leaf"},
    {.key = "hierarchy.leaves",
     .type = OPTION_COUNT,
     FIELD(leaves),
     .default_text = "auto",
     .low = 0,
     .high = OPTION_NO_LIMIT,
     .help = "what the tree of customers stands on: all makes every customer a leaf (exact), a number "
             "that many micro-clusters (ward only), 0 grows no tree; auto makes every customer a leaf where "
             "they are at most 4096, or linkage is not ward, and else takes 4096 micro-clusters (fewer where "
             "fewer customers are different)"},
    {.key = "hierarchy.levels",
     .type = OPTION_INTEGERS,
     FIELD(levels),
     .default_text = "[]",
     .low = 1,
     .high = 65536,
     .help =
         "numbers of segments to cut the tree of customers into, beside segments.k; the cuts are nested in "
         "each other"},

    {.key = "stability.replicates",
     .type = OPTION_INT,
     FIELD(replicates),
     .default_text = "50",
     .low = 0,
     .high = 100000,
     .help =
         "bootstrap replicates of the customers that are segmented anew, to see how far the segments can be "
         "trusted; 0: none, and with one segments.k no halves and no gap statistic either"},

    {.key = "run.seed",
     .type = OPTION_INT,
     FIELD(seed),
     .default_text = "1",
     .low = 0,
     .high = OPTION_NO_LIMIT,
     .help = "the start of every random draw; the same seed gives the same result on any number of ranks"},
    {.key = "run.memory",
     .type = OPTION_BYTES,
     FIELD(memory),
     .default_text = "auto",
     .low = 1,
     .high = OPTION_NO_LIMIT,
     .help = "bytes that a rank may take in all; customers that do not fit are read again on each pass"},
    {.key = "run.checkpoint",
     .type = OPTION_FLOAT,
     FIELD(checkpoint),
     .default_text = "300",
     .low = 0,
     .high = OPTION_NO_LIMIT,
     .help = "seconds between checkpoints, written into output.directory so that a stopped or killed job can "
             "go on; 0 writes "
             "none"},
    {.key = "run.resume",
     .type = OPTION_BOOL,
     FIELD(resume),
     .default_text = "false",
     .help = "go on from the checkpoint in output.directory, to the same bytes; from the start where there "
             "is none"},

    {.key = "previous.results",
     .type = OPTION_TEXT_OR,
     FIELD(previous),
     .default_text = "none",
     .help = "last year's results.h5: its centroids are one of the starts, and stay unless something is "
             "better by "
             "a part in 1000 (or nobody has changed: for better segments of the same customers, go without "
             "it); its "
             "segment numbers are kept for the segments that take over its customers, and who went where is "
             "told"},
    {.key = "previous.preparation",
     .type = OPTION_CHOICE,
     FIELD(preparation),
     .default_text = "keep",
     .choices = "keep|refit",
     .help = "whether last year's preparation of the features (and then its features) is kept, or made anew "
             "from this year's customers by prepare.*"},

    {.key = "output.directory",
     .type = OPTION_PATH,
     FIELD(output),
     .required = true,
     .help = "where the results are written; made where it is not there"},
};

const int fit_option_count = (int)(sizeof fit_options / sizeof *fit_options);

void config_print_markdown(FILE *file)
{
    fputs(
        "# Configuration of `lohko fit`\n"
        "\n"
        "<!-- Written by `lohko fit --help-markdown`; the source is src/app/option_table.c. -->\n"
        "\n"
        "`lohko fit CONFIG.yaml` reads a YAML file of sections, each a mapping of keys:\n"
        "\n"
        "```yaml\n"
        "input:\n"
        "  path: customers.h5\n"
        "prepare:\n"
        "  transform: {revenue: log1p}\n"
        "segments:\n"
        "  k: 8\n"
        "output:\n"
        "  directory: runs/demo\n"
        "```\n"
        "\n"
        "What is not given, or given as `null`, has its default. Every option may also be given on the "
        "command\n"
        "line, which overrules the file: `--segments.k=12`, `--segments.k 12`, "
        "`--features.use=orders,revenue` or\n"
        "`--prepare.transform='{revenue: log1p}'`; one that is true or false may stand alone, as in\n"
        "`--kmeans.polish`. Relative paths start from the directory that lohko is run in. Whole numbers may "
        "be\n"
        "written as `65536` or `1e6`; a name that could be taken for something else is put between quotes.\n"
        "\n"
        "An unknown key, a key given twice or a value that is out of bounds ends the run, before any work, "
        "with one\n"
        "line that names the file, the line and what was expected (exit code 78; on the command line 64).\n"
        "\n",
        file);
    options_print_markdown(fit_options, fit_option_count, file);
}
