"""Tests; each reads as a sentence."""
