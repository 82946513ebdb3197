//! Event-driven notifications.
