"""Everything a deploy depends on, checked side by side."""
