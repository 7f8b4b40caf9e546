"""The private engine: made, checked, updated and removed by one mechanism for all hosts."""
