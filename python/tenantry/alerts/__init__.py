"""Telling people that a run found something, and that it is over: what an alert says, whom it goes to, and what was told before."""
