"""What is done once: the role GitHub's runs take, GitHub's own variables, a new environment's stack."""
