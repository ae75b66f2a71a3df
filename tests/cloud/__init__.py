"""Tests on the real embedded cloud."""
