"""The parameters of pruning, as recipes state them."""

from __future__ import annotations

from dataclasses import dataclass

from edgert.compress.prune.patterns import pattern_named
from edgert.errors import InputError

METHODS = "obs", "wanda", "magnitude", "random"
ALLOCATIONS = "error", "uniform"
MOST_SPARSITY = 0.99  # from there on a layer is next to nothing


@dataclass(frozen=True)
class Options:
    """What is pruned, and how.

    ``sparsity``: the part of the weights that become zero, 0 up to ``MOST_SPARSITY``. ``pattern``:
    "unstructured", "1x4" (four weights of an output as one), "4x4" (those of four outputs) or
    "N:M" (N of M neighbouring weights stay). ``method`` says which weights matter least: "obs", by
    the error that the others cannot make up for (LeCun et al., 1990; Hassibi and Stork, 1993),
    "wanda", by their size times that of what they multiply (Sun et al., 2023), "magnitude", by
    their size, or "random". ``allocation``: "error" prunes the layers most that it harms least,
    "uniform" all alike. ``repair``: fit the weights that are left, and the biases, to what the
    layer gave before. ``dense`` names layers to leave alone.
    """

    sparsity: float
    pattern: str = "unstructured"
    method: str = "obs"
    allocation: str = "error"
    repair: bool = True
    dense: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what no option is called."""
        number = isinstance(self.sparsity, (int, float)) and not isinstance(self.sparsity, bool)
        if not number or not 0 <= self.sparsity <= MOST_SPARSITY:
            raise InputError(
                f"sparsity is {self.sparsity!r}, expected 0 to {MOST_SPARSITY}",
                "OPTION",
            )
        for name, known in ("method", METHODS), ("allocation", ALLOCATIONS):
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}, expected one of {list(known)}", "OPTION"
                )
        if not isinstance(self.repair, bool):
            raise InputError(f"repair is {self.repair!r}, expected true or false", "OPTION")
        if not isinstance(self.dense, (tuple, list)) or not all(
            isinstance(name, str) for name in self.dense
        ):
            raise InputError(f"dense is {self.dense!r}, expected names of layers", "OPTION")
        fixed = pattern_named(self.pattern).fixed_sparsity
        if fixed is not None and abs(fixed - self.sparsity) > 1e-3:
            raise InputError(
                f"sparsity is {self.sparsity}, but {self.pattern} is one of {fixed:.3g}",
                "OPTION",
            )

    @property
    def learns(self) -> bool:
        """Whether second moments of the data are needed."""
        return self.repair or self.method == "obs"
