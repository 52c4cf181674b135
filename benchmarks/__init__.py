"""Benchmarks: ``python -m benchmarks [NAME…]``; the sandbox is the server, figures are ratios."""
