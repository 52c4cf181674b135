"""What the benchmarks share: servers, contenders, a stopwatch, and figures in a table."""
