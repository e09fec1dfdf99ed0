#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The markdown of docs/performance.md from the lines of bench.jsonl.

    bench/table.py [build/bench.jsonl]

Each peer stands in the table with its fastest variant; what that was stands below, so that nobody
need believe that a peer was treated well. The last column compares with the fastest peer, by the
median of ratios within rounds, not by the two figures beside it. Cells of who was missing, or
cannot do a bench, have a dash.

Nothing here is measured or rounded twice: run.py wrote the figures, this only sets them.
"""
import collections
import json
import sys

TITLES = {
    "tiny_b32": "*tiny*, batch 32, step",
    "tiny_b1": "*tiny*, batch 1, step",
    "tiny_predict": "*tiny*, one row, prediction",
    "mlp_b128": "*mlp*, batch 128, step",
    "mnist_epoch": "*mlp*, MNIST epoch",
}
PEOPLE = {"keratin": "Keratin", "keras": "Keras", "pytorch": "PyTorch", "jax": "JAX",
          "kann": "KANN", "fann": "FANN", "onnxruntime": "ONNX Runtime"}


def name_of(who):
    return PEOPLE.get(who, who.replace("keratin ", "Keratin, "))


def time_of(us):
    """Three digits with the unit that suits."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if us >= size:
            return f"{us / size:.3g} {unit}"
    return f"{us:.3g} us"


def fastest(rows):
    """{who: its fastest row}; the rows are sorted already."""
    best = {}
    for row in rows:
        best.setdefault(row["who"], row)
    return best


def lines_of(header, body):
    rule = "|" + "---|" * 2 + "---:|" * (len(header) - 2)
    return ["| " + " | ".join(header) + " |", rule,
            *("| " + " | ".join(cells) + " |" for cells in body), ""]


def verdict(best):
    """How Keratin stands to the fastest peer."""
    peers = [row for who, row in best.items() if not who.startswith("keratin")]
    if "keratin" not in best or not peers or not peers[0]["keratin"]:
        return "-"
    factor, name = peers[0]["keratin"], PEOPLE[peers[0]["who"]]
    return f"{factor:.2f} x as fast as {name}"


def main_table(cases):
    present = {row["who"] for (bench, _), rows in cases.items() if bench in TITLES for row in rows}
    people = [who for who in PEOPLE if who in present or who == "keratin"]
    body = []
    for (bench, threads), rows in cases.items():
        if bench not in TITLES:
            continue
        best = fastest(rows)
        limit = rows[0]["limit"]
        body.append([TITLES[bench], str(threads),
                     *(time_of(best[who]["us"]) if who in best else "-" for who in people),
                     time_of(limit) if limit else "-", verdict(best)])
    header = ["bench", "threads", *(PEOPLE[who] for who in people), "limit", "Keratin is"]
    return lines_of(header, body) if body else []


def ours(cases):
    """Keratin's own ways beside `fit`: the hand-written loop, with TensorBoard, and so on."""
    body = [[TITLES[bench], str(threads), row["who"].removeprefix("keratin "), time_of(row["us"])]
            for (bench, threads), rows in cases.items() if bench in TITLES
            for row in rows if row["who"].startswith("keratin ")]
    return lines_of(["bench", "threads", "Keratin's way", "time"], body) if body else []


def other_tables(cases):
    out = []
    for (bench, threads), rows in cases.items():
        best = fastest(rows)
        if bench == "mlp_b128_busy":
            out += [f"*mlp* on {threads} CPUs, one of them taken by another process:", ""]
            out += lines_of(["", "step", "times its quiet step"],
                            [[name_of(who), time_of(row["us"]), f"{row['slower']:.1f}"]
                             for who, row in best.items()])
        elif bench == "first_step":
            out += ["A whole process, from its start to the first trained step of *tiny*:", ""]
            out += lines_of(["", "time", "memory"],
                            [[name_of(who), time_of(row["us"]), f"{row['mb']:.3g} MB"]
                             for who, row in best.items()])
    return out


def variants(cases, versions):
    """What each peer's figures are: its version, and the variant that was fastest in each bench."""
    used = collections.defaultdict(lambda: collections.defaultdict(list))
    for (bench, threads), rows in cases.items():
        if bench in TITLES:
            for who, row in fastest(rows).items():
                if not who.startswith("keratin"):
                    used[who][row["variant"]].append(f"{bench} ({threads})")
    out = []
    for who in PEOPLE:
        if who in used:
            ways = "; ".join(f"{way} in {', '.join(where)}" for way, where in used[who].items())
            out.append(f"- {PEOPLE[who]} {versions.get(who, '')}".rstrip() + f": {ways}.")
    return out


def markdown(path):
    with open(path) as file:
        about, *rows = [json.loads(line) for line in file]
    cases = collections.defaultdict(list)
    for row in rows:
        cases[row["bench"], row["threads"]].append(row)
    order = [*TITLES, "mlp_b128_busy", "first_step"]
    cases = dict(sorted(cases.items(), key=lambda case: (order.index(case[0][0]), case[0][1])))

    out = [f"Measured on {about['date']}: {about['machine']}, {about['cpus']} CPUs, "
           f"{about['isa']}, {about['system']}; {about['rounds']} interleaved rounds, medians."]
    for threads, m in about["measured"].items():
        out.append(f"Limits with {threads} thread{'s' * (int(threads) > 1)}: {m['gflops']:.0f} "
                   f"GFLOP/s in a product's inner loop, {m['near_gb_s']:.0f} GB/s from the "
                   f"first-level cache, {m['far_gb_s']:.0f} GB/s from memory.")
    if about["disturbed"] > about["samples"] / 10:
        out.append(f"The machine was not quiet: {about['disturbed']} of {about['samples']} samples "
                   "were disturbed by other processes.")
    out += ["", *main_table(cases), *ours(cases), *other_tables(cases)]
    listed = variants(cases, about["versions"])
    if listed:
        out += ["Variants quoted, each its peer's fastest, with benches (threads):", "", *listed]
    return "\n".join(out).rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown(sys.argv[1] if len(sys.argv) > 1 else "build/bench.jsonl"))
