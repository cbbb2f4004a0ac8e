"""How fast feedsvc is, beside nginx serving the same bytes from files.

``python -m benchmarks`` needs nginx, wrk, taskset and two cores.
"""
