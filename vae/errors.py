"""The one exception whose text is meant for people: a page shows it, the command line prints it and exits with 2."""


class InputError(ValueError):
    """Something a person can put right. Its message is one or more whole sentences, without a traceback."""
