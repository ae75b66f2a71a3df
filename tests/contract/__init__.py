"""Both services, as real containers, against docs/service-contract.md."""
