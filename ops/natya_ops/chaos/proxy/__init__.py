"""A TCP proxy on loopback that can be made to behave like a bad network."""

from natya_ops.chaos.proxy.proxy import Proxy
from natya_ops.chaos.proxy.weather import Trouble, Way

__all__ = ["Proxy", "Trouble", "Way"]
