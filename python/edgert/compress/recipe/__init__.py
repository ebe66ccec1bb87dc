"""Recipes: what they say, as files that can be edited, and those that options stand for."""

from edgert.compress.recipe.presets import STEPS, chosen_preset, preset, require_kind
from edgert.compress.recipe.read import read_recipe
from edgert.compress.recipe.recipe import MOST_BITS, Layer, Recipe, Step
from edgert.compress.recipe.write import recipe_text

__all__ = [
    "MOST_BITS",
    "STEPS",
    "Layer",
    "Recipe",
    "Step",
    "chosen_preset",
    "preset",
    "read_recipe",
    "recipe_text",
    "require_kind",
]
