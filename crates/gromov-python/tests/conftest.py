"""Tests of Ctrl-C need its handler, which Python leaves out where a shell in the background has it ignored."""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
