"""Spryte's backend: the smallest Flask service that keeps docs/service-contract.md."""
