//! What is sent and what is read, without a socket.

mod bodies;
mod lines;
mod streams;
