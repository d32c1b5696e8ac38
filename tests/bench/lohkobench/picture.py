"""Customers a second of one pass: bars for the contestants, a mark for the machine's limit."""

from pathlib import Path

from .tables import machine, passes

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = {
    passes.OURS: "#0072B2",
    passes.SUMS: "#999999",
    passes.PROGRAM: "#56B4E9",
    "scikit-learn": "#E69F00",
    "scikit-learn, elkan": "#F0E442",
    "scikit-learn-intelex": "#CC79A7",
    "faiss": "#009E73",
}


def draw_row(axes, row: dict, limit: dict | None) -> None:
    names = [name for name in COLOURS if name in row["entries"]]
    rates = [row["entries"][name]["rate"] / 1e6 for name in names]
    most = machine.customers_per_second(limit, row["features"], row["k"])["rate"] / 1e6 if limit else None
    right = 1.14 * max([*rates, most or 0])
    axes.barh(range(len(names)), rates, color=[COLOURS[name] for name in names], height=0.72)
    for at, (name, rate) in enumerate(zip(names, rates, strict=True)):
        words = f"{rate:.0f}" if rate >= 100 else f"{rate:.1f}"
        equal = row["entries"][name]["equal"]
        # on top of the limit's line, and legible there
        axes.text(rate + right * 0.006, at, words if equal else f"{words} (other inertia)", va="center", fontsize=8,
                  zorder=4, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6})  # fmt: skip
    if most:
        words, inside = f"machine's limit {most:.0f}" if most >= 10 else f"machine's limit {most:.1f}", most > right / 2
        axes.axvline(most, color="black", linewidth=1.6, linestyle=(0, (4, 2)), zorder=3)
        axes.text(most + right * (-0.008 if inside else 0.008), -0.85, words, ha="right" if inside else "left",
                  va="center", fontsize=8)  # fmt: skip
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.4, -1.3)
    axes.set_xlim(0, right)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"{row['features']} features, {row['k']} segments", loc="left", fontsize=9, fontweight="bold")
    axes.spines[["top", "right", "left"]].set_visible(False)


def draw(results: dict, path: Path) -> str | None:
    """None, or why there is no picture."""
    try:
        import matplotlib
    except ImportError:
        return "matplotlib is not here"
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "lohko"
    import matplotlib.pyplot as plt

    figures = results["tables"]["pass"]
    rows = figures["rows"]
    picture, panels = plt.subplots(len(rows), 1, figsize=(8, 1.75 * len(rows) + 0.9), squeeze=False,
                                   layout="constrained")  # fmt: skip
    for axes, row in zip(panels[:, 0], rows, strict=True):
        draw_row(axes, row, machine.limits(results))
    panels[-1, 0].set_xlabel("million customers a second", fontsize=9)
    picture.suptitle("One pass of k-means: assign and update, customers in memory", x=0.01, ha="left", fontsize=11)
    for suffix in {path.suffix, ".svg"}:
        picture.savefig(path.with_suffix(suffix), metadata={"Date": None} if suffix == ".svg" else None)
    plt.close(picture)
    return None
