"""Words, numbers and tables of the report."""

import textwrap

PASSES_HOW = (
    "All start from the same centroids, random customers, and learn from the same prepared values: those that "
    "lohko made, handed over in a file. Reading it is not counted. scikit-learn is `KMeans(init=start, n_init=1, "
    "tol=0)`, faiss `Kmeans` on all customers, not a sample. A peer's pass is the difference of a fit of {long} "
    "iterations and one of {short}, divided by the iterations between, so that its checks, copies and last "
    "assignment are not counted; lohko's is timed from barrier to barrier, with the reduction over the ranks and "
    "the move. Every contestant's centroids are judged by one function in double: the inertia after the first "
    "pass must be that of a pass in double, and after {long} that of the median contestant, within "
    "{tolerance:g} (relative); else the row says by how much it is off, and shows no ratio. The peers sum in "
    "float, which costs some digits where customers are many; the table of differences below shows how many."
)

ROOFLINE = (
    "The limit is the smaller of reading each value once (4 d bytes a customer) and d k multiply-adds a customer, "
    "at the rates of all cores together above. It leaves out that the nearest centroid must be found among the "
    "scores, and that customers must be added to their segments: those who changed, or all where sums are made anew. "
    "Both weigh most where d and k are small. Where the last column is above 100 %, five times scikit-learn is more than "
    "this machine can do, by any program that reads its customers once and computes all their scores in float32."
)


def wrap(words: str) -> list[str]:
    return textwrap.wrap(words, 118, break_long_words=False, break_on_hyphens=False)


def table(head: list[str], rows: list[list]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def millions(rate: float) -> str:
    return f"{rate / 1e6:.1f}" if rate < 1e8 else f"{rate / 1e6:.0f}"


def ratio(value: dict | None) -> str:
    return f"{value['median']:.2f} ({value['low']:.2f} to {value['high']:.2f})" if value else "none"


def against(value: dict | None, target: float) -> str:
    """A ratio, bold where it meets the target."""
    words = ratio(value)
    return f"**{words}**" if value and value["median"] >= target else words


def share_against(value: float | None, target: float) -> str:
    if value is None:
        return "none"
    return f"**{value:.0%}**" if value >= target else f"{value:.0%}"


def at_most(value: float, target: float) -> str:
    return f"**{value:.2f}**" if value <= target else f"{value:.2f}"


def seconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"

FIT_HOW = (
    "{customers:g} million customers x {features}, k {k}. The reference is the best inertia of {runs} runs of "
    "scikit-learn's `KMeans` from k-means++ to convergence: {reached} of them came within 1 % of it, the worst "
    "was {worst:.0%} above, and a run took {seconds:.1f} s at the median. A single fit may end in such a poorer "
    "optimum, whoever makes it, so what is compared is the seconds of learning until one is within 1 %: those of "
    "a fit, times the fits needed on average (seeds tried over seeds that got there). Every contestant is tried "
    "at a short list of settings, below; the cheapest then runs in turn with the others, a whole command each "
    "time (those of more than {slow} s only once). lohko runs with `kmeans.polish: false`."
)

FIT_READ = (
    "Learning is the peer's `fit()` with its data standardised, in memory and cached, and for lohko the phases "
    "from seeding to labels. The whole command goes from the HDF5 file to the labels of all customers on disk, "
    "start of the program and imports included; lohko also checks ids, describes the segments and writes "
    "distances and runners-up in that time. Spark gets the file's values through h5py and Arrow, as it does not "
    "read HDF5."
)

JOB_HOW = (
    "{customers:g} million customers x {features}, k {k}, {restarts} restarts to convergence, from the HDF5 file "
    "to results on disk: ids checked, features standardised, labels, distances, runners-up and shadows, mean, "
    "standard deviation and median of every feature in every segment. The peer's script does these steps with "
    "NumPy and scikit-learn in the plain way, with all data in memory; it may skip medians for missing values "
    "where none is missing, which lohko finds anyway. scikit-learn-intelex runs the same script. Neither has "
    "lohko's search by swaps. No ratio where lohko's inertia is more than 0.1 % above the peer's."
)

READING_HOW = (
    "The file is in the page cache, so this is the cost of the way through the software, not of a disk. dd copies "
    "the whole file to /dev/null in blocks of 8 MiB. h5py reads slabs of 131072 rows into memory that is there "
    "already. lohko is a walk over the table that does nothing with the customers, and includes turning them into "
    "columns of double in blocks, as every walk of `lohko fit` gets them. GB are of features, uncompressed."
)

SCALE_HOW = (
    "A pass over n customers on one rank, and over {ranks} n on {ranks} ranks, in turn; weak scaling is the time "
    "on one rank divided by that on {ranks}. Memory is the largest resident size of any rank, program and "
    "libraries included, with the bounds that `lohko fit` keeps; the growth is what each further byte of a rank's "
    "share of n x d x 4 bytes adds to it. The bytes of a step are what one reduction carries."
)
