"""``python -m edgert`` is the command line ``edgert``."""

import sys

from edgert.cli import main

sys.exit(main())
