"""Compression: a recipe says what becomes of a network, and data show what it costs."""

from edgert.compress.judge import Judge, Quality, Target, Verdict
from edgert.compress.pipeline import STAGES, Compression, compress
from edgert.compress.recipe import Layer, Recipe, Step, preset, read_recipe, recipe_text

__all__ = [
    "STAGES",
    "Compression",
    "Judge",
    "Layer",
    "Quality",
    "Recipe",
    "Step",
    "Target",
    "Verdict",
    "compress",
    "preset",
    "read_recipe",
    "recipe_text",
]
