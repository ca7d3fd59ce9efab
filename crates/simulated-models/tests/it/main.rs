//! The server as its clients see it, over real sockets on 127.0.0.1: with reqwest for what a
//! client makes of an answer, and with raw TCP for the bytes.
mod bytes;
mod chance;
mod clients;
mod endpoints;
mod harness;
mod languages;
mod life;
mod plain;
mod work;
