"""Metrics: the built-in ones, and those that a scenario file declares with `counter`, `gauge`, `rate` and `trend`."""

from tenantry.metrics.declare import Counter, Gauge, Rate, Trend, counter, gauge, rate, trend

__all__ = ["Counter", "Gauge", "Rate", "Trend", "counter", "gauge", "rate", "trend"]
