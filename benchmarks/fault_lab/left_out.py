"""A fault that this machine does not allow."""


class LeftOut(Exception):
    """This fault cannot be made here; the message says why."""
