"""Puts a table into README.md, between markers of its name."""

import os
import sys

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")


def put(name, text):
    """Replaces what stands between `<!-- name:begin -->` and `<!-- name:end -->`."""
    with open(PATH, encoding="utf-8") as old:
        before, begin, rest = old.read().partition(f"<!-- {name}:begin -->\n")
    _, end, after = rest.partition(f"<!-- {name}:end -->")
    if not begin or not end:
        sys.exit(f"README.md has no {name} markers")
    with open(PATH, "w", encoding="utf-8") as new:
        new.write(before + begin + text + "\n" + end + after)
