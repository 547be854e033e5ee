"""Words from longer text."""


def split(text: str, at: str | None = None) -> tuple[str, ...]:
    """The words between white space, or between `at`."""
    return tuple(word.strip() for word in text.split(at))
