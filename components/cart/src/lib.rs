//! Shopping carts.
