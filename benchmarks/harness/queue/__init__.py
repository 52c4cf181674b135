"""The README's recipe for a queue, with workers that are killed: a job, its processes, and what came of it."""
