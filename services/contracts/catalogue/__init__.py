"""Every service once, as YAML (Argo CD's git generator reads the same files as chart values), typed on the way in."""

from services.contracts.catalogue.model import Service, catalogue, load_catalogue, load_service

__all__ = ["Service", "catalogue", "load_catalogue", "load_service"]
