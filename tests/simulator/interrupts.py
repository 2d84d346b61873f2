"""Ctrl-C for processes that tests start."""

import signal


def heed_ctrl_c() -> None:
    """For `preexec_fn`: whoever runs the tests in the background made them deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
