"""Gunicorn's settings; it takes the number of workers from WEB_CONCURRENCY by itself."""

from spryte import logs

bind = "0.0.0.0:5000"
# Threads, so that a client that connects and stays silent cannot hold up the health check.
worker_class = "gthread"
threads = 4
# An application that cannot be made ends the container, instead of one worker after another.
preload_app = True
# Longer than the load balancer's 60 s, so that it never reuses a connection that is being closed here.
keepalive = 65
graceful_timeout = 2
# The heartbeat file would stall a worker on a slow disk.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - memory, private to the container
control_socket_disable = True
logconfig_dict = logs.CONFIG
