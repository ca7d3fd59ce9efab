//! A circuit breaker per key that is right under concurrency and remembers between processes.
