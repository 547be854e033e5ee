"""How often the diagnosis names the bottleneck that was built in: observed runs of the faulty clinic, kept and scored."""
