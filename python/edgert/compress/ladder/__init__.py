"""The forms that layers can take, what each costs, and the only choice among them."""

from edgert.compress.ladder.choose import choose
from edgert.compress.ladder.costs import why_not_worth
from edgert.compress.ladder.form import Form, form_named, reading
from edgert.compress.ladder.presets import KINDS, WEIGHTS, forms_of

__all__ = [
    "KINDS",
    "WEIGHTS",
    "Form",
    "choose",
    "form_named",
    "forms_of",
    "reading",
    "why_not_worth",
]
