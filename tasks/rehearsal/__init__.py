"""rehearse: what GitHub would do with a pushed tag, played on this machine against the embedded cloud."""
