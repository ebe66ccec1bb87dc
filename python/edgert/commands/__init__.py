"""The commands of the command line, one module each.

A module has ``HELP`` (one line), ``DETAILS`` (a paragraph for ``--help``),
``add_arguments(parser)``, and ``execute(args)``, which returns an :class:`edgert.report.Outcome`.
"""
