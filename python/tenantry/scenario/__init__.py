"""The user's side: scenarios, workloads, virtual users, and the loader of scenario files."""
