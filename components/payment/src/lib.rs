//! Payments through a card processor.
