"""The cloud on one machine: Docker Engine, base images, MiniStack and the stack in it."""
