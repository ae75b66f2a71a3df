"""What is measured, each in one run that anybody can repeat."""
