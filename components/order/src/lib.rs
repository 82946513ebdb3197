//! Order orchestration: a saga with a log.
