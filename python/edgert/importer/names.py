"""Names for what the importer makes. None of them decides what is computed.

While a model is imported, nodes and values are told apart by what they are; values have numbers for
names. :class:`Labels` remembers what the model calls them, and names them when the graph is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgert.ir import Graph
from edgert.schema import MAX_NAME_BYTES


class UniqueNames:
    """Hands out names, each once: the one that is wanted, or that with a number behind it."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}  # number for each name that was wanted

    def new(self, wanted: str) -> str:
        """A name that is not taken. Very long ones are cut."""
        name = wanted = wanted[:MAX_NAME_BYTES]
        number = self._next.get(wanted, 1)
        while name in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._next[wanted] = number
        self._taken.add(name)
        return name


class Labels:
    """What the model calls the values of a graph under construction.

    Where several names stand for one value, as behind an Identity or inside of a function, the
    outermost one counts, and of these the first.
    """

    def __init__(self) -> None:
        self._labels: dict[str, tuple[float, str]] = {}  # by value: depth of the scope, name

    def suggest(self, value: str, label: str) -> None:
        """``label`` for a value that the model may have no name for."""
        self.bind(value, float("inf"), label)

    def bind(self, value: str, depth: float, label: str) -> None:
        """Notes that a scope of the model, ``depth`` deep, calls ``value`` so."""
        if value not in self._labels or depth < self._labels[value][0]:
            self._labels[value] = depth, label

    def name_values(self, graph: Graph, interface: Mapping[str, str]) -> None:
        """Names all values: those in ``interface`` as it says, others by their labels."""
        unique = UniqueNames(interface.values())
        graph.rename(
            {
                value: interface[value]
                if value in interface
                else unique.new(self._labels[value][1])
                for value in graph.values
            }
        )
