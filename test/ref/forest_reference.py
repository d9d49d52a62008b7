#!/usr/bin/python3
"""Writes forest_reference.h: trees fitted by scikit-learn, rows, and the scores it gives them.

    /usr/bin/python3 test/ref/forest_reference.py > test/ref/forest_reference.h

Written with scikit-learn 1.2.1 and NumPy 1.24.2; other versions may grow other trees.
"""
import numpy
import sklearn
from sklearn.ensemble import IsolationForest

from c_array import write_array

ROWS = 300
SCORED = 40


def correlated(random):
    """Plain measurements, with a feature that never moves."""
    rows = random.normal(size=(ROWS, 6)) @ random.normal(size=(6, 6))
    rows[:, 3] = 7.25
    return rows


def neighbours(random):
    """Values so close that thresholds, which are doubles, fall between neighbouring floats."""
    steps = random.integers(0, 40, size=(ROWS, 3))
    return (1 + steps * numpy.finfo(numpy.float32).eps) * numpy.array([1, -1e-20, 3e15])


def write_nodes(name, forest):
    """Nodes of all trees one after the other, children counted within the tree, -1 = none."""
    nodes = []
    for estimator, features in zip(forest.estimators_, forest.estimators_features_):
        assert (features == numpy.arange(len(features))).all()
        tree = estimator.tree_
        for i in range(tree.node_count):
            inner = tree.children_left[i] >= 0
            nodes.append(f"{{{tree.children_left[i]}, {tree.children_right[i]}, {tree.feature[i] if inner else 0}, "
                         f"{tree.n_node_samples[i]}, {float(tree.threshold[i]).hex() if inner else 0}}}")
    write_array("ReferenceNode", f"{name}_nodes", nodes)


def write_numbers(kind, name, numbers):
    write_array(kind, name, [float(number).hex() + ("f" if kind == "float" else "") for number in numbers])


def write_case(name, rows, trees, sample, seed):
    rows = rows.astype(numpy.float32)
    forest = IsolationForest(n_estimators=trees, max_samples=sample, random_state=seed).fit(rows)
    scored = rows[:SCORED].copy()
    scored[-4:] *= numpy.float32(3)
    write_nodes(name, forest)
    write_numbers("float", f"{name}_rows", scored.ravel())
    write_numbers("double", f"{name}_scores", -forest.score_samples(scored))
    return f"{{\"{name}\", {rows.shape[1]}, {trees}, {sample}, {SCORED}, {name}_nodes, {name}_rows, {name}_scores}},"


def main():
    random = numpy.random.default_rng(3)
    print("/* Written by forest_reference.py with scikit-learn " + sklearn.__version__ + "; see there. */")
    print("#ifndef TEST_FOREST_REFERENCE_H\n#define TEST_FOREST_REFERENCE_H\n\n#include <stdint.h>")
    print("\ntypedef struct ReferenceNode\n{\n\tint32_t\t\tleft;\n\tint32_t\t\tright;\n\tint32_t\t\tfeature;\n"
          "\tint32_t\t\trows;\n\tdouble\t\tthreshold;\t\t/* value <= threshold goes left */\n} ReferenceNode;")
    print("\ntypedef struct ReferenceForest\n{\n\tconst char *name;\n\tint32_t\t\tfeatures;\n\tint32_t\t\ttrees;\n\tint32_t\t\tsample;\n"
          "\tint32_t\t\trow_count;\n\tconst ReferenceNode *nodes;\n\tconst float *rows;\n\tconst double *scores;\n} ReferenceForest;")
    cases = [write_case("correlated", correlated(random), trees=10, sample=64, seed=1),
             write_case("neighbours", neighbours(random), trees=10, sample=50, seed=2)]
    print("\nstatic const ReferenceForest reference_forests[] = {")
    for case in cases:
        print("\t" + case)
    print("};\n\n#endif")


if __name__ == "__main__":
    main()
