"""What held the requests up, and why: ranked findings with evidence, from a stored run alone."""
