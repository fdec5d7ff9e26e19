"""What a change does to memory: two sides, judged by one set of rules, and how they differ."""
