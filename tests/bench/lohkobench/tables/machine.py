"""What the machine can do at most, measured in the same run as what is held against it."""

from .. import text

GROUPS = ()


def measure(bench) -> dict:
    return {"limits": bench.driver("machine", bench.threads, ranks=0)}


def limits(results: dict) -> dict | None:
    """Those of all cores at once."""
    figures = results.get("tables", {}).get("machine")
    return figures["limits"][-1] if figures else None


def customers_per_second(limit: dict, features: int, k: int) -> dict:
    """The roofline of one pass: each value read once, one multiply-add for each value and centroid."""
    memory = limit["read_bytes_per_second"] / (4 * features)
    arithmetic = limit["fma_per_second"] / (features * k)
    return {"rate": min(memory, arithmetic), "binds": "memory" if memory < arithmetic else "multiply-adds"}


def report(figures: dict, results: dict) -> list[str]:
    rows = [
        [
            entry["processes"],
            f"{entry['read_bytes_per_second'] / 1e9:.1f} GB/s",
            f"{entry['fma_per_second'] / 1e9:.1f} G/s ({2 * entry['fma_per_second'] / 1e9:.0f} GFLOP/s)",
            f"{entry['lanes'] * 32} bits",
            f"{entry['hertz'] / 1e9:.2f} GHz",
            f"{entry['fma_per_cycle']:.2f}",
        ]
        for entry in figures["limits"]
    ]
    return [
        "## The machine's limits",
        "",
        *text.table(
            ["processes at once", "reading from memory", "multiply-adds, float32", "vectors", "clock",
             "vector multiply-adds a cycle"], rows),  # fmt: skip
        "",
        *text.wrap(
            "Each process streams 512 MiB of its own with vector loads, or keeps 12 to 16 independent vector "
            "multiply-adds in flight, in the vector width that is faster; the best of seven rounds, each as long as "
            "its slowest process. The clock is measured by a chain of dependent additions, one a cycle. The last "
            "column checks the multiply-adds against it: a core that has two pipes of 256 bits shows 2.00 at that "
            "width (or 1.00 at 512 bits), and less would mean that the loop does not reach the peak."
        ),
    ]


def headline(figures: dict) -> None:
    return None
