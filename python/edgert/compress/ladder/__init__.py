"""The forms that layers can take, what each costs, and the only choice among them."""

from edgert.compress.ladder.choose import choose
from edgert.compress.ladder.costs import why_not_worth
from edgert.compress.ladder.form import Form, form_named, form_of, more_exact, reading
from edgert.compress.ladder.kinds import KINDS, WEIGHTS, forms_of

__all__ = [
    "KINDS",
    "WEIGHTS",
    "Form",
    "choose",
    "form_named",
    "form_of",
    "forms_of",
    "more_exact",
    "reading",
    "why_not_worth",
]
