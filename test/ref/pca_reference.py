#!/usr/bin/python3
"""Writes pca_reference.h: rows, and what NumPy makes of them and of their windows.

    /usr/bin/python3 test/ref/pca_reference.py > test/ref/pca_reference.h

Written with NumPy 1.24.2. The rows are float32 and everything else float64, so that other
versions differ in the last digits only.
"""
import numpy

from c_array import write_array

ROWS = 160
FEATURES = 14
ROW_COMPONENTS = 4
WINDOW = 20
WINDOW_COMPONENTS = 8
SCORED = 12


def make_rows(random):
    """Three slow factors of different strength behind all features, and noise."""
    factors = numpy.zeros((ROWS, 3))
    for i in range(1, ROWS):
        factors[i] = [0.95, 0.8, 0.5] * factors[i - 1] + random.normal(size=3) * [0.3, 0.6, 0.8]
    rows = factors @ random.normal(size=(3, FEATURES)) + 0.3 * random.normal(size=(ROWS, FEATURES))
    return (rows + random.normal(size=FEATURES)).astype(numpy.float32)


def decompose(samples):
    mean = samples.mean(axis=0)
    values, vectors = numpy.linalg.eigh(numpy.cov(samples, rowvar=False))
    return mean, values[::-1], vectors[:, ::-1]


def distances(samples, components):
    mean, values, vectors = decompose(samples)
    centered = samples - mean
    scores = centered @ vectors[:, :components]
    residuals = centered - scores @ vectors[:, :components].T
    return (scores ** 2 / values[:components]).sum(axis=1), (residuals ** 2).sum(axis=1)


def write_doubles(name, values):
    write_array("double", name, [repr(float(value)) for value in values])


def main():
    rows = make_rows(numpy.random.RandomState(3))
    samples = rows.astype(float)
    windows = numpy.array([samples[i:i + WINDOW].ravel() for i in range(ROWS - WINDOW + 1)])
    print("/* Made by pca_reference.py: rows, their PCA and that of their windows, by NumPy. */")
    for name, value in [("ROWS", ROWS), ("FEATURES", FEATURES), ("ROW_COMPONENTS", ROW_COMPONENTS),
                        ("WINDOW", WINDOW), ("WINDOW_COMPONENTS", WINDOW_COMPONENTS), ("SCORED", SCORED)]:
        print(f"#define REFERENCE_{name} {value}")
    write_array("float", "reference_rows", [value.hex() + "f" for value in map(float, rows.ravel())])
    for kind, data, components in [("row", samples, ROW_COMPONENTS), ("window", windows, WINDOW_COMPONENTS)]:
        t2, q = distances(data, components)
        kept = FEATURES if kind == "row" else WINDOW_COMPONENTS
        write_doubles(f"reference_{kind}_variances", decompose(data)[1][:kept])
        write_doubles(f"reference_{kind}_t2", t2[:SCORED])
        write_doubles(f"reference_{kind}_q", q[:SCORED])


if __name__ == "__main__":
    main()
