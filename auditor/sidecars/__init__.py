"""Sidecars: containers that are known to be one, and those that injectors will add to a pod."""
