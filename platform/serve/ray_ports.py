"""Ray Serve's replicas listen for each other on all of a machine's addresses; those of a private Ray need its loopback only.

Ray 2.60 binds ``[::]:0`` in ``ray.serve._private.replica``, whatever its other ports do. There is no option; token
authentication guards the port, and this keeps other machines from reaching it at all. A test looks at what listens where.
"""

from __future__ import annotations

import logging
import os
from typing import Any

LOG = logging.getLogger("ray.serve")


def listen_on_loopback() -> bool:
    """In a replica's constructor, before it listens: if this Ray is private, only this machine reaches it. Whether it is."""
    if os.environ.get("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER") != "0":
        return False  # of a cluster of machines: they must reach each other
    from ray.serve._private import replica

    bind = getattr(replica, "add_port_to_grpc_server", None)
    if bind is None:
        LOG.warning("this version of Ray listens in another way; look at what its replicas listen on")
        return False

    def bind_to_loopback(server: Any, address: str) -> Any:
        return bind(server, address.replace("[::]:", "127.0.0.1:"))

    replica.add_port_to_grpc_server = bind_to_loopback
    return True
