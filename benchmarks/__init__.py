"""Benchmarks: ``python -m benchmarks [NAME…]``.

A file here is what is measured; `harness` is how. The sandbox is the server, and the figures that
have an aim are ratios or bounds.
"""
