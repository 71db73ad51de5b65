"""The collector: takes events over HTTP and answers when they are durable."""

__version__ = "1.0.0"
