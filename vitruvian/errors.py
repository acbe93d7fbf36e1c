"""The one error that people cause and people read: the commands print its message and leave without a traceback."""


class InputError(ValueError):
    """Bad input. The message names the file or argument, says what is wrong with it and what to do about it."""
