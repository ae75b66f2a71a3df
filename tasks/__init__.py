"""The release automation; `tasks.py` beside this folder is what Invoke loads."""
