"""The words of a text, counted. One file, uploaded as it is."""

import collections
import re

import stepcell


@stepcell.handler
def count(text: str) -> list[dict[str, int | str]]:
    """The ten words that are there most often."""
    words = collections.Counter(re.findall(r"\w+", text.lower()))
    if not words:
        raise stepcell.ValidationError("the text has no words")
    return [{"word": word, "count": count} for word, count in words.most_common(10)]
