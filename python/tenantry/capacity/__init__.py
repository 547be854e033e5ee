"""The highest rate at which a workload still meets its thresholds, and how throughput scales with concurrency."""
