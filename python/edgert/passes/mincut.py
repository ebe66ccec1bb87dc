"""Minimum cuts of small directed graphs, by Dinic's algorithm."""

from __future__ import annotations

from collections import deque

INFINITE = 1 << 62


class FlowNetwork:
    """Vertices 0 (the source), 1 (the sink) and those that :meth:`vertex` makes."""

    SOURCE, SINK = 0, 1

    def __init__(self) -> None:
        self._edges: list[list[int]] = [[], []]  # per vertex: indices of the edges that leave it
        self._heads: list[int] = []  # edge i leads to _heads[i]; i ^ 1 is its reverse
        self._capacities: list[int] = []
        self.flow = 0  # the cost of the cut that was found

    def vertex(self) -> int:
        """Adds a vertex and returns its number."""
        self._edges.append([])
        return len(self._edges) - 1

    def edge(self, tail: int, head: int, capacity: int) -> None:
        """Adds an edge: ``capacity`` is paid if the tail is on the source's side, the head not."""
        for start, end, room in ((tail, head, capacity), (head, tail, 0)):
            self._edges[start].append(len(self._heads))
            self._heads.append(end)
            self._capacities.append(room)

    def source_side(self) -> set[int]:
        """The smallest source's side of a cut of minimal capacity. Uses up the capacities."""
        while True:
            levels = self._levels()
            if self.SINK not in levels:
                return set(levels)
            self._block(levels)

    def _levels(self) -> dict[int, int]:
        """Distances from the source over edges with room."""
        levels, queue = {self.SOURCE: 0}, deque([self.SOURCE])
        while queue:
            vertex = queue.popleft()
            for edge in self._edges[vertex]:
                head = self._heads[edge]
                if self._capacities[edge] and head not in levels:
                    levels[head] = levels[vertex] + 1
                    queue.append(head)
        return levels

    def _block(self, levels: dict[int, int]) -> None:
        """Sends flow along shortest paths until none is left, depth first without recursion."""
        untried = [list(edges) for edges in self._edges]
        path: list[int] = []
        while True:
            vertex = self._heads[path[-1]] if path else self.SOURCE
            if vertex == self.SINK:
                flow = min(self._capacities[edge] for edge in path)
                self.flow += flow
                for edge in path:
                    self._capacities[edge] -= flow
                    self._capacities[edge ^ 1] += flow
                full = next(i for i, edge in enumerate(path) if not self._capacities[edge])
                del path[full:]
                continue
            while untried[vertex]:
                edge = untried[vertex][-1]
                if self._capacities[edge] and levels.get(self._heads[edge]) == levels[vertex] + 1:
                    path.append(edge)
                    break
                untried[vertex].pop()
            else:
                if not path:
                    return
                path.pop()
                tail = self._heads[path[-1]] if path else self.SOURCE
                untried[tail].pop()
