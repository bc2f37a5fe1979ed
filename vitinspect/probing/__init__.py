"""Probes: linear heads and nearest neighbours on the features of a backbone, and views of those features.

>>> probe = vi.probing.fit(features, labels, validation=(more, their_labels), C=[0.01, 0.1, 1])
>>> probe.chosen, probe.predict(others)
>>> vi.probing.knn(features, labels, validation=(more, their_labels)).accuracy
"""

from vitinspect.probing.linear import GRID, LinearProbe, Tried, fit
from vitinspect.probing.measures import Measures, measure
from vitinspect.probing.neighbours import Neighbours, knn

__all__ = ["GRID", "LinearProbe", "Measures", "Neighbours", "Tried", "fit", "knn", "measure"]
