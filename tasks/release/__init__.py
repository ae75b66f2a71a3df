"""The pipeline, one module a stage, in the order in which the data flows."""
