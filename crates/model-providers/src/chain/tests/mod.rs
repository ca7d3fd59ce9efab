//! The chain over a scripted network, with the clock paused: every span below is exact.

mod bench;
mod breakers;
mod budget;
mod classes;
mod ends;
mod hedge;
mod learned;
mod limits;
mod pools;
mod timers;
