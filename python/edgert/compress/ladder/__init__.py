"""The forms that layers can take, what each costs, and the only choice among them."""

from edgert.compress.ladder.choose import Rung, above, choose, within_room
from edgert.compress.ladder.costs import LEVELS, Costs, known_levels, why_not_worth
from edgert.compress.ladder.form import Form, form_named, form_of, more_exact, reading
from edgert.compress.ladder.kinds import (
    KINDS,
    SLACK,
    WEIGHTS,
    calibrated,
    forms_of,
    on_int16,
)
from edgert.compress.ladder.noise import Noise, Sketch, measure_noise, reach_of
from edgert.compress.ladder.stored import choose_stored

__all__ = [
    "KINDS",
    "LEVELS",
    "SLACK",
    "WEIGHTS",
    "Costs",
    "Form",
    "Noise",
    "Rung",
    "Sketch",
    "above",
    "calibrated",
    "choose",
    "choose_stored",
    "form_named",
    "form_of",
    "forms_of",
    "known_levels",
    "measure_noise",
    "more_exact",
    "on_int16",
    "reach_of",
    "reading",
    "why_not_worth",
    "within_room",
]
