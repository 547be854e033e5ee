"""What a run is turned into for people: one offline page, a summary, and what other programs read."""
