"""A job on a queue, done by the README's recipe, whose workers are killed; and what came of it."""
