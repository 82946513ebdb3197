//! User accounts and tokens.
