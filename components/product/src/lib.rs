//! Product listing, with a v2 canary.
