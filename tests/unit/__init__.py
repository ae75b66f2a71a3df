"""What needs neither Docker nor a network."""
