"""The machine: its device, its memory, its health, its speed."""
