//! Shipments and tracking through a carrier.
